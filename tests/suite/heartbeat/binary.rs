//! The real server takes heartbeats as a script on the endpoint would send them.

use std::time::Duration;

use hickory_proto::rr::RecordType;

use crate::support::http::request;
use crate::support::server::Folder;
use crate::support::{dns, wait_until};

const ZONE: &str = "[checks.beat]\ntype = \"heartbeat\"\nwithin = \"2s\"\ntoken_file = \"beat.token\"\nmin_down = \"0s\"\n\
    [services.www]\npolicy = \"failover\"\ncheck = \"beat\"\nendpoints = [\
    { name = \"fra\", address = \"192.0.2.1\" }, { name = \"nyc\", address = \"192.0.2.2\" }]";

#[test]
fn an_endpoint_beats_with_its_token_which_allows_nothing_else() {
    let folder = Folder::new("token_file = \"api.token\"");
    folder.write("api.token", "operator\n");
    folder.zone(ZONE);
    folder.write("zones/beat.token", "sesame\n");
    let server = folder.start_only();
    let beat = |endpoint: &str, token: &str, body: &str| {
        let path = format!("/v1/heartbeat/www.example.test/{endpoint}");
        request(
            folder.api,
            "POST",
            &path,
            &[&format!("Authorization: Bearer {token}")],
            body,
        )
    };
    wait_until("the API listens", Duration::from_secs(20), || {
        std::net::TcpStream::connect(folder.api).is_ok()
    });
    let (status, text) = beat("nyc", "sesame", "");
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("the next is due within 2.0 s"), "{text}");
    server.wait_ready();
    // Only nyc goes on beating.
    let answers = || {
        beat("nyc", "sesame", "{\"status\":\"up\"}");
        dns::udp(folder.dns, "www.example.test.", RecordType::A)
            .map(|reply| reply.answers.iter().map(ToString::to_string).collect::<String>())
            .unwrap_or_default()
    };
    wait_until("silence takes fra out", Duration::from_secs(10), || {
        answers().contains("192.0.2.2")
    });
    assert_eq!(beat("fra", "sesame", "").0, 200);
    wait_until("a beat brings fra back", Duration::from_secs(10), || {
        beat("fra", "sesame", "");
        answers().contains("192.0.2.1")
    });
    assert_eq!(
        beat("fra", "sesame", "{\"status\":\"down\",\"text\":\"maintenance\"}").0,
        200
    );
    assert!(answers().contains("192.0.2.2"), "its own word counts at once");

    for (endpoint, token) in [
        ("fra", "operator"),
        ("fra", "sesam"),
        ("fra", ""),
        ("nobody", "sesame"),
    ] {
        let (status, text) = beat(endpoint, token, "");
        assert_eq!(status, 401, "{endpoint} {token}: {text}");
    }
    let (status, text) = beat("fra", "sesame", "{\"status\":\"fine\"}");
    assert!(
        status == 400 && text.contains("\\\"degraded\\\""),
        "{status} {text}"
    );
    assert_eq!(beat("fra", "sesame", &"x".repeat(5000)).0, 413);
    // The endpoint's token opens no other door.
    for (method, path) in [
        ("GET", "/v1/status"),
        ("GET", "/"),
        ("POST", "/v1/failover"),
        ("POST", "/v1/reload"),
    ] {
        let headers = ["Authorization: Bearer sesame", "Content-Type: application/json"];
        let (status, text) = request(
            folder.api,
            method,
            path,
            &headers,
            "{\"service\":\"www.example.test\"}",
        );
        assert_eq!(status, 401, "{method} {path}: {text}");
    }
    let headers = ["Authorization: Bearer operator"];
    let (status, text) = request(folder.api, "GET", "/v1/status", &headers, "");
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("it says that it is down: maintenance"), "{text}");
    assert!(
        !text.contains("sesame") && !server.log().contains("sesame"),
        "the token is told to nobody"
    );
    assert_eq!(server.stop(), Some(0));
}
