//! `overrides.toml` on the real binary: watched, shown as of the file, released only there.

use serde_json::Value;

use super::binary::{FRA, NYC, PATIENCE, folder, obeyed, run, www};
use crate::support::wait_until;

#[test]
fn the_file_is_in_force_from_the_start_watched_and_outranked_by_commands() {
    let folder = folder("");
    let text = std::fs::read_to_string(folder.path("pointsman.toml")).unwrap();
    folder.write("pointsman.toml", &text.replace("watch = false", "watch = true"));
    let drained = "# kept under version control\n[[override]]\nselect = \"*/fra\"\nstate = \"drain\"\n\
                   reason = \"CHG-1\"\nowner = \"netops\"\nuntil = 2099-01-01T01:00:00+01:00\n";
    folder.write("overrides.toml", drained);
    let server = folder.start();
    assert_eq!(www(&server), [NYC]);
    let listed: Value = serde_json::from_str(&obeyed(&folder, &["overrides", "--json"])).unwrap();
    assert_eq!(listed[0]["place"], "overrides.toml:2", "{listed}");
    assert_eq!(listed[0]["until_unix_ms"], 4_070_908_800_000_u64, "{listed}");
    let (code, said) = run(&folder, &["release", "www.example.test/fra"]);
    assert!(code == 1 && said.contains("stands in overrides.toml:2"), "{said}");
    // A command counts before the file, and goes away again.
    obeyed(&folder, &["force", "up", "www.example.test/fra"]);
    assert_eq!(www(&server), [FRA]);
    obeyed(&folder, &["release", "www.example.test/fra"]);
    assert_eq!(www(&server), [NYC]);
    // A mistake changes nothing and is said with its place.
    folder.write("overrides.toml", &drained.replace("\"drain\"", "\"drian\""));
    wait_until("the reload is refused", PATIENCE, || {
        server.log().contains("overrides.toml:4:9")
    });
    assert_eq!(www(&server), [NYC]);
    // An end that is past does nothing, and is warned of.
    folder.write("overrides.toml", &drained.replace("2099", "2020"));
    wait_until("fra is answered", PATIENCE, || www(&server) == [FRA]);
    wait_until("the end is told", PATIENCE, || {
        server.log().contains("take it out of the file")
    });
    folder.write("overrides.toml", drained);
    wait_until("nyc is answered", PATIENCE, || www(&server) == [NYC]);
    std::fs::remove_file(folder.path("overrides.toml")).unwrap();
    wait_until("fra is answered", PATIENCE, || www(&server) == [FRA]);
}

#[test]
fn check_warns_of_what_has_expired() {
    let folder = folder("");
    folder.write(
        "overrides.toml",
        "[[override]]\nselect = \"*/fra\"\nstate = \"down\"\nuntil = 2020-01-01T00:00:00Z\n",
    );
    let said = obeyed(&folder, &["check"]);
    assert!(
        said.contains("overrides.toml:1") && said.contains("ended 2020-01-01 00:00:00 UTC"),
        "{said}"
    );
}

#[test]
fn a_service_has_its_own_rules_of_safety() {
    let folder = folder("[safety]\nmax_removed = \"40%\"");
    let server = folder.start();
    let (code, said) = run(&folder, &["drain", "www.example.test/fra"]);
    assert!(
        code == 1 && said.contains("would lose 1 of 2 (at most 40%)"),
        "{said}"
    );
    let zone = std::fs::read_to_string(folder.path("zones/example.test.toml")).unwrap();
    folder.write(
        "zones/example.test.toml",
        &zone.replace(
            "[services.www]",
            "[services.www]\nmax_removed = \"100%\"\nmin_live = 0",
        ),
    );
    obeyed(&folder, &["reload"]);
    let said = obeyed(&folder, &["drain", "www.example.test"]);
    assert!(said.contains("fra, nyc drained"), "{said}");
    drop(server);
}
