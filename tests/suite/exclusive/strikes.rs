//! What happens to servers, network, disk, clock, plan and operator, at random.

use std::time::Duration;

use pointsman::control::event::{Command, CommandTicket, Event, Manner};
use pointsman::model::force::ForceKind;
use pointsman::model::service::TtlRule;
use pointsman::model::time::Ttl;

use super::plans::{NAMES, plan};
use super::world::World;

impl World {
    /// Something bad happens.
    pub(super) fn strike(&mut self) {
        let server = usize::try_from(self.chance.throw() % 3).unwrap();
        match self.chance.throw() % 20 {
            0..=3 => self.kill(server),
            4..=6 => {
                let promoted = self.percent(30);
                self.revive_as_standby(server);
                if promoted {
                    self.promote(server);
                }
            }
            7..=9 => self.promote(server),
            10 => self.demote(server),
            11 => self.servers[server].cut = !self.servers[server].cut,
            // A clean switchover of the database's own.
            12 | 13 => {
                (0..3).for_each(|other| self.demote(other));
                self.revive_as_standby(server);
                self.promote(server);
            }
            14 => {
                self.wall += i64::try_from(self.chance.throw() % 7_200_000).unwrap() - 3_600_000;
            }
            15 => self.restart(),
            16 => {
                match self.chance.throw() % 4 {
                    0 => self.shape.moved = !self.shape.moved,
                    1 => self.shape.reversed = !self.shape.reversed,
                    2 => self.shape.manual = !self.shape.manual,
                    _ => {
                        self.shape.ttl = TtlRule::Fixed(Ttl::from_secs(
                            1 + u32::try_from(self.chance.throw() % 15).unwrap(),
                        ));
                    }
                }
                let plan = plan(self.shape);
                self.step(Event::Planned(plan));
            }
            17 => {
                let to = self.percent(50).then(|| NAMES[server].to_owned());
                let break_glass = self.percent(50);
                self.command(
                    Command::Failover {
                        service: "db.example.test".to_owned(),
                        to,
                    },
                    break_glass,
                );
            }
            18 => {
                let kind = [ForceKind::Drain, ForceKind::Up, ForceKind::Down];
                let kind = kind[usize::try_from(self.chance.throw() % 3).unwrap()];
                let select = format!("db.example.test/{}", NAMES[server]);
                let command = if self.percent(50) {
                    Command::Release { select }
                } else {
                    Command::Force {
                        kind,
                        select,
                        reason: None,
                        lasting: Some(Duration::from_secs(30)),
                    }
                };
                self.command(command, true);
            }
            _ => self.disk_fails = !self.disk_fails && self.chance.throw().is_multiple_of(2),
        }
    }

    pub(super) fn command(&mut self, command: Command, break_glass: bool) {
        let manner = Manner {
            break_glass,
            ..Manner::default()
        };
        self.step(Event::Commanded {
            ticket: CommandTicket(0),
            by: "test".to_owned(),
            manner,
            command,
        });
    }
}
