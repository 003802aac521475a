//! `subnet` and `geo`, from the files to the answer.

use pointsman::policy::readings::Tier;

use super::{Town, endpoints};
use crate::support::mmdb::{Entry, database};

/// A small world.
pub(super) const WORLD: &[Entry] = &[
    ("192.0.2.0/24", "EU", "DE", "BE", Some((52.5, 13.4))),
    ("192.0.2.128/25", "EU", "FR", "", Some((48.9, 2.4))),
    ("198.51.0.0/16", "NA", "US", "", None),
    ("198.51.100.0/24", "NA", "US", "NY", Some((40.7, -74.0))),
    ("203.0.113.0/24", "OC", "NZ", "AUK", Some((-36.8, 174.8))),
    ("2001:db8:1::/48", "EU", "DE", "BY", None),
    ("2001:db8:2::/48", "AF", "NA", "", None),
];

fn one(town: &mut Town, label: &str, client: &str) -> String {
    let choice = town.choice(label);
    let got = town.give(&choice, client, 1 << 40);
    assert_eq!(got.len(), 1, "{client}: {got:?}");
    got[0].to_string()
}

const GEO: &str = "[services.www]\npolicy = \"geo\"\ncheck = \"c\"\nendpoints = [\
    { name = \"eu\", address = \"192.0.2.1\", regions = [\"EU\"] },\
    { name = \"by\", address = \"192.0.2.2\", regions = [\"DE-BY\", \"US\"] },\
    { name = \"ny\", address = \"192.0.2.3\", regions = [\"US-NY\"] },\
    { name = \"syd\", address = \"192.0.2.4\", location = [-33.9, 151.2] },\
    { name = \"jnb\", address = \"192.0.2.5\", location = { lat = -26.2, lon = 28.0 } },\
    { name = \"rest\", address = \"192.0.2.6\" }]\n";

#[test]
fn geo_answers_by_region_then_by_distance_then_the_rest() {
    let mut town = Town::new("[geo]\ndatabase = \"places.mmdb\"\n", GEO, Some(&database(WORLD)));
    for (client, expected, what) in [
        ("192.0.2.1", "192.0.2.1", "Berlin: Europe"),
        ("192.0.2.200", "192.0.2.1", "Paris: Europe"),
        ("2001:db8:1::1", "192.0.2.2", "Bavaria by itself"),
        ("198.51.100.7", "192.0.2.3", "New York by itself"),
        ("198.51.1.7", "192.0.2.2", "elsewhere in the United States"),
        ("203.0.113.9", "192.0.2.4", "Auckland is nearest to Sydney"),
        (
            "2001:db8:2::1",
            "192.0.2.6",
            "Namibia: nobody's, and no coordinates",
        ),
        ("10.0.0.1", "192.0.2.6", "nowhere"),
    ] {
        assert_eq!(one(&mut town, "www", client), expected, "{what}");
    }
    // The most specific is down: the country, the continent; then the nearest; then the rest.
    town.set("192.0.2.3", Tier::Down);
    assert_eq!(one(&mut town, "www", "198.51.100.7"), "192.0.2.2");
    town.set("192.0.2.2", Tier::Down);
    assert_eq!(
        one(&mut town, "www", "198.51.100.7"),
        "192.0.2.5",
        "the nearer of the two"
    );
    assert_eq!(one(&mut town, "www", "198.51.1.7"), "192.0.2.6");
    town.set("192.0.2.6", Tier::Down);
    assert_eq!(
        one(&mut town, "www", "198.51.1.7"),
        "192.0.2.1",
        "the first of those that are left"
    );
}

#[test]
fn subnet_answers_by_the_longest_network_of_those_that_are_up() {
    let zone = format!(
        "[services.www]\npolicy = \"subnet\"\n{}",
        endpoints(5, |n| match n {
            0 => ", networks = [\"10.0.0.0/8\", \"2001:db8::/32\"]".to_owned(),
            1 => ", networks = [\"10.1.0.0/16\"]".to_owned(),
            2 => ", networks = [\"10.1.2.0/24\"]".to_owned(),
            _ => String::new(),
        })
    );
    let mut town = Town::new("", &zone, None);
    for (client, expected) in [
        ("10.1.2.3", "192.0.2.2"),
        ("10.1.3.3", "192.0.2.1"),
        ("10.2.2.3", "192.0.2.0"),
        ("2001:db8::7", "192.0.2.0"),
        ("11.0.0.1", "192.0.2.3"),
        ("::ffff:10.1.2.3", "192.0.2.2"),
    ] {
        assert_eq!(one(&mut town, "www", client), expected, "{client}");
    }
    for (lost, expected) in [
        (2, "192.0.2.1"),
        (1, "192.0.2.0"),
        (0, "192.0.2.3"),
        (3, "192.0.2.4"),
    ] {
        town.set(&format!("192.0.2.{lost}"), Tier::Down);
        assert_eq!(one(&mut town, "www", "10.1.2.3"), expected, "without {lost}");
    }
}

#[test]
fn policies_nest_as_anybody_likes() {
    let zone = "[pools.eu]\npolicy = \"weighted\"\nregions = [\"EU\"]\ncheck = \"c\"\nendpoints = [\
        { name = \"a\", address = \"192.0.2.1\" }, { name = \"b\", address = \"192.0.2.2\", weight = 0 }]\n\
        [pools.office]\npolicy = \"failover\"\nnetworks = [\"192.0.2.0/26\"]\ncheck = \"c\"\nendpoints = [\
        { name = \"c\", address = \"192.0.2.3\" }, { name = \"d\", address = \"192.0.2.4\" }]\n\
        [pools.others]\npolicy = \"geo\"\npools = [\"eu\", \"world\"]\n\
        [pools.world]\npolicy = \"sticky\"\ncheck = \"c\"\nendpoints = [{ name = \"e\", address = \"192.0.2.5\" }]\n\
        [services.www]\npolicy = \"subnet\"\npools = [\"office\", \"others\"]\n";
    let mut town = Town::new(
        "[geo]\ndatabase = \"places.mmdb\"\n",
        zone,
        Some(&database(WORLD)),
    );
    assert_eq!(one(&mut town, "www", "192.0.2.9"), "192.0.2.3", "the office");
    assert_eq!(
        one(&mut town, "www", "192.0.2.99"),
        "192.0.2.1",
        "Berlin, not of the office"
    );
    assert_eq!(one(&mut town, "www", "203.0.113.1"), "192.0.2.5", "the world");
    town.set("192.0.2.3", Tier::Down);
    assert_eq!(
        one(&mut town, "www", "192.0.2.9"),
        "192.0.2.4",
        "the office fails over"
    );
    town.set("192.0.2.4", Tier::Down);
    assert_eq!(
        one(&mut town, "www", "192.0.2.9"),
        "192.0.2.1",
        "and then is like others"
    );
}
