//! Policies from the files to the answer: who gets which address, in which shares, and for which network it holds.

mod client_subnet;
mod places;
mod shares;
mod speed;
mod swap;
mod tiers;
mod town;

use town::{Town, endpoints, picked};

/// Each example of the documentation is a configuration that is accepted without a word.
#[test]
fn the_documented_examples_are_accepted() {
    let docs = std::fs::read_to_string("docs/policies.md").unwrap();
    let world = crate::support::mmdb::database(places::WORLD);
    let mut seen = 0;
    for block in docs.split("```toml\n").skip(1) {
        let block = block.split("```").next().unwrap();
        if !block.contains("[services.") || block.contains('…') {
            continue;
        }
        seen += 1;
        let zone = format!("[checks.web]\ntype = \"tcp\"\nport = 80\n{block}");
        let town = Town::new("[geo]\ndatabase = \"places.mmdb\"\n", &zone, Some(&world));
        let about =
            |found: &&pointsman::model::diagnostic::Diagnostic| !found.what.contains("nothing uses check");
        let words: Vec<_> = town.loaded.diagnostics.iter().filter(about).collect();
        assert!(words.is_empty(), "{words:#?}\n{block}");
    }
    assert!(seen >= 8, "{seen} examples");
}

/// `explain --client` says what this client gets: by the same choice, with the place that it was found at.
#[test]
fn explain_answers_for_the_client_that_is_named() {
    let folder = crate::support::server::Folder::new("[geo]\ndatabase = \"places.mmdb\"\n");
    std::fs::write(
        folder.path("places.mmdb"),
        crate::support::mmdb::database(places::WORLD),
    )
    .unwrap();
    folder.zone(
        "[services.www]\npolicy = \"geo\"\nendpoints = [\
         { name = \"de\", address = \"192.0.2.1\", regions = [\"DE\"] },\
         { name = \"rest\", address = \"192.0.2.2\" }]\n",
    );
    for (client, address, place) in [
        (
            "192.0.2.9",
            "192.0.2.1",
            "192.0.2.9 and all of its /25 are in DE-BE, DE, EU, about 52.5, 13.4",
        ),
        ("10.0.0.1", "192.0.2.2", "knows nothing of 10.0.0.1"),
    ] {
        let done = folder.run(&[
            "explain",
            "www.example.test",
            "A",
            "--offline",
            "--client",
            client,
        ]);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(
            done.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&done.stderr)
        );
        assert!(said.contains(place), "{said}");
        let answer = said.split(";; answer").nth(1).unwrap();
        assert!(answer.contains(address), "{said}");
    }
}
