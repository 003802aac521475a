//! Loads that fit: the share of a member that is lost goes to those that have room for it.

/// A member, as far as its load matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loaded {
    /// Its nominal share, in any unit.
    pub weight: f64,
    /// The most it can serve, in the demand's unit; `None`: it does not say.
    pub capacity: Option<f64>,
    /// Which part of its nominal share it is to keep: 1 when it is well, 0 when it is lost.
    pub keeps: f64,
}

/// The load of each member when `demand` (without one: the sum of weights) is shared.
///
/// Where a member that is to keep anything declares no capacity, loads are just weights. Else each keeps what it is to
/// keep of its nominal load, as far as its capacity reaches; what is left over goes to members that are well in
/// proportion to what they have to spare, then likewise to the others. As long as the capacities suffice, nobody is
/// loaded above its own; when they do not, all are above it by the same factor.
#[must_use]
pub fn loads(members: &[Loaded], demand: Option<f64>) -> Vec<f64> {
    let weights = || members.iter().map(|member| member.weight);
    let sum: f64 = weights().sum();
    let lives = |member: &&Loaded| member.keeps > 0.0;
    let declared = members
        .iter()
        .filter(lives)
        .all(|member| member.capacity.is_some());
    if !declared || sum <= 0.0 {
        return members
            .iter()
            .map(|member| member.weight * member.keeps)
            .collect();
    }
    let demand = demand.unwrap_or(sum);
    let room = |member: &Loaded| match member.capacity {
        Some(capacity) if member.keeps > 0.0 => capacity,
        _ => 0.0,
    };
    let all: f64 = members.iter().map(room).sum();
    if all <= demand {
        return members
            .iter()
            .map(|member| {
                if all > 0.0 {
                    room(member) * demand / all
                } else {
                    0.0
                }
            })
            .collect();
    }
    let mut loads: Vec<f64> = members
        .iter()
        .map(|member| (demand * member.weight / sum * member.keeps).min(room(member)))
        .collect();
    for well in [true, false] {
        let spare: Vec<f64> = members
            .iter()
            .zip(&loads)
            .map(|(member, load)| {
                // Weight 0 is for when nobody else is left.
                let takes = (member.keeps >= 1.0) == well && member.weight > 0.0;
                if takes {
                    (room(member) - load).max(0.0)
                } else {
                    0.0
                }
            })
            .collect();
        let (spare_all, left): (f64, f64) = (spare.iter().sum(), demand - loads.iter().sum::<f64>());
        if spare_all > 0.0 && left > 0.0 {
            let part = (left / spare_all).min(1.0);
            for (load, spare) in loads.iter_mut().zip(spare) {
                *load += spare * part;
            }
        }
    }
    loads
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::chance::Chance;

    fn site(weight: f64, capacity: f64, keeps: f64) -> Loaded {
        Loaded {
            weight,
            capacity: Some(capacity),
            keeps,
        }
    }

    fn near(got: &[f64], expected: &[f64]) {
        let close = got
            .iter()
            .zip(expected)
            .all(|(got, expected)| (got - expected).abs() < 1e-9);
        assert!(close && got.len() == expected.len(), "{got:?} for {expected:?}");
    }

    #[test]
    fn four_sites_take_over_what_they_have_room_for() {
        // Nominal loads 100, 60, 30, 10 of capacities 150, 80, 100, 20.
        let with = |keeps: [f64; 4]| {
            let sites = [(100.0, 150.0), (60.0, 80.0), (30.0, 100.0), (10.0, 20.0)];
            let sites: Vec<Loaded> = sites
                .iter()
                .zip(keeps)
                .map(|((weight, capacity), keeps)| site(*weight, *capacity, keeps))
                .collect();
            loads(&sites, Some(200.0))
        };
        near(&with([1.0; 4]), &[100.0, 60.0, 30.0, 10.0]);
        // 60 lost; 50, 70 and 10 to spare.
        let part = 60.0 / 130.0;
        near(
            &with([1.0, 0.0, 1.0, 1.0]),
            &[100.0 + 50.0 * part, 0.0, 30.0 + 70.0 * part, 10.0 + 10.0 * part],
        );
        // The greatest is lost: the others have exactly what is asked for.
        near(&with([0.0, 1.0, 1.0, 1.0]), &[0.0, 80.0, 100.0, 20.0]);
        // Two are lost, and more is asked for than is there: all above by a sixth... by 200/170.
        let over = 200.0 / 170.0;
        near(
            &with([1.0, 0.0, 0.0, 1.0]),
            &[150.0 * over, 0.0, 0.0, 20.0 * over],
        );
        // A degraded one keeps half; what it gives up goes to the well.
        let part = 50.0 / (20.0 + 70.0 + 10.0);
        near(
            &with([0.5, 1.0, 1.0, 1.0]),
            &[50.0, 60.0 + 20.0 * part, 30.0 + 70.0 * part, 10.0 + 10.0 * part],
        );
    }

    #[test]
    fn nobody_is_overloaded_while_capacities_suffice_and_all_of_the_demand_is_placed() {
        let mut chance = Chance::new(3);
        let mut number = |most: u64| (chance.throw() % most) as f64;
        for _ in 0..20_000 {
            let count = 1 + number(6) as usize;
            let members: Vec<Loaded> = (0..count)
                .map(|_| site(1.0 + number(100), 1.0 + number(100), number(3) / 2.0))
                .collect();
            let demand = 1.0 + number(300);
            let loads = loads(&members, Some(demand));
            let room: f64 = members
                .iter()
                .filter(|m| m.keeps > 0.0)
                .filter_map(|m| m.capacity)
                .sum();
            let placed: f64 = loads.iter().sum();
            assert!(
                room == 0.0 || (placed - demand).abs() < 1e-6,
                "{members:?} {loads:?}"
            );
            for (member, load) in members.iter().zip(&loads) {
                assert!(member.keeps > 0.0 || *load == 0.0);
                let fits = *load <= member.capacity.unwrap() + 1e-6;
                assert!(fits || room < demand, "{members:?} for {demand}: {loads:?}");
            }
        }
    }

    #[test]
    fn without_capacities_weights_rule() {
        let bare = |weight, keeps| Loaded {
            weight,
            capacity: None,
            keeps,
        };
        near(
            &loads(&[bare(3.0, 1.0), bare(1.0, 0.5), bare(6.0, 0.0)], None),
            &[3.0, 0.5, 0.0],
        );
    }
}
