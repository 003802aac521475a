//! A disk that is full: answers go on, it is said everywhere, and what waited is written when there is room again.

use std::path::PathBuf;
use std::time::Duration;

use super::{SECOND, get, kinds, pair, until_answered};
use crate::support::http::request;
use crate::support::wait_until;

#[test]
fn a_full_disk_stops_no_answer_and_is_said() {
    let (folder, mut first, _second) = pair("");
    let server = folder.start_on_small_disk("state", "2m");
    until_answered(&server, super::FIRST);
    let state = PathBuf::from(format!(
        "/proc/{}/root{}",
        server.id(),
        folder.path("state").display()
    ));
    let filler = state.join("filler");
    let filled = std::fs::write(&filler, vec![1; 4 << 20]);
    assert!(filled.is_err(), "the disk is not small");

    // Failovers go on while nothing can be written.
    let mut commands = 0;
    first.kill();
    until_answered(&server, SECOND);
    wait_until("the journal is full", Duration::from_secs(60), || {
        commands += 1;
        let body =
            "{\"select\":\"www.example.test/first\",\"reason\":\"fills the journal\",\"break_glass\":true}";
        request(
            folder.api,
            "POST",
            "/v1/drain",
            &["Content-Type: application/json"],
            body,
        );
        get(&folder, "/v1/history")["trouble"].is_string()
    });
    assert!(server.log().contains("answers go on"), "{}", server.log());
    let (status, said) = request(folder.api, "GET", "/readyz", &[], "");
    assert!(status == 200 && said.contains("full"), "{said}");
    first.restart();
    request(
        folder.api,
        "POST",
        "/v1/release",
        &["Content-Type: application/json"],
        "{\"select\":\"www.example.test/first\",\"break_glass\":true}",
    );
    until_answered(&server, super::FIRST);

    std::fs::remove_file(&filler).unwrap();
    wait_until("what waited is written", Duration::from_secs(20), || {
        let now = get(&folder, "/v1/history");
        now["trouble"].is_null() && now["counts"]["waiting"] == 0
    });
    wait_until("it is told", Duration::from_secs(10), || {
        kinds(&folder, "kind=store-restored").len() == 1
    });
    let told = kinds(&folder, "kind=store-failed,store-restored");
    assert_eq!(told, ["store-restored", "store-failed"]);
    let verified = get(&folder, "/v1/events/verify");
    assert_eq!(
        (&verified["intact"], &verified["lost"]),
        (&true.into(), &0.into()),
        "{verified}"
    );
}
