//! What a written scene does to the world, and asks of it.

use std::time::Duration;

use pointsman::control::event::Command;
use pointsman::model::check::Claim;

use super::plans::server_of;
use super::world::World;

impl World {
    pub(super) fn kill(&mut self, server: usize) {
        self.servers[server].alive = false;
    }

    pub(super) fn revive_as_standby(&mut self, server: usize) {
        self.servers[server].alive = true;
        self.servers[server].cut = false;
        self.demote(server);
    }

    pub(super) fn promote(&mut self, server: usize) {
        self.servers[server].claim = Claim::Primary;
    }

    pub(super) fn demote(&mut self, server: usize) {
        self.servers[server].claim = Claim::Standby;
        self.servers[server].demoted_at = Some(self.now);
    }

    pub(super) fn fall_behind(&mut self, server: usize, lag: Duration) {
        self.servers[server].lag = lag;
    }

    pub(super) fn break_disk(&mut self) {
        self.disk_fails = true;
    }

    pub(super) fn mend_disk(&mut self) {
        self.disk_fails = false;
    }

    pub(super) fn failover(&mut self, to: Option<&str>, break_glass: bool) -> Result<String, String> {
        let before = self.answers.len();
        let command = Command::Failover {
            service: "db.example.test".to_owned(),
            to: to.map(str::to_owned),
        };
        self.command(command, break_glass);
        self.advance(Duration::from_millis(100));
        self.answers[before].clone()
    }

    pub(super) fn named_now(&self) -> Option<usize> {
        let (addresses, _) = self.caches.current.as_ref()?;
        addresses.first().copied().map(server_of)
    }

    pub(super) fn until_named(&mut self, server: usize) -> Duration {
        let began = self.now;
        while self.named_now() != Some(server) {
            self.advance(Duration::from_millis(50));
            assert!(self.now.since(began) < Duration::from_secs(60), "{:?}", self.told);
        }
        self.now.since(began)
    }

    pub(super) fn said(&self, what: &str) -> bool {
        self.told.iter().any(|told| told.contains(what))
    }

    pub(super) fn log(&self) -> &[String] {
        &self.told
    }

    pub(super) fn ever_named(&self) -> bool {
        !self.named.is_empty()
    }

    pub(super) fn handovers(&self) -> usize {
        self.named.len().saturating_sub(1)
    }
}
