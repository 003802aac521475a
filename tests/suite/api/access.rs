//! Roles hold on every route of the table; who shows nothing finds no write; a web page cannot steer.

use pointsman::api::table::{Access, routes};
use pointsman::model::access::Role;
use serde_json::Value;

use super::{Answer, ask, get};
use crate::support::server::Folder;
use crate::support::wait_until;

const JSON: &str = "Content-Type: application/json";
/// A body that no write takes.
const NONSENSE: &str = "{\"nonsense\": 1}";

const ZONE: &str = "[services.www]\npolicy = \"failover\"\n\
    endpoints = [{ name = \"fra\", address = \"192.0.2.1\" }, { name = \"nyc\", address = \"192.0.2.2\" }]";

/// A token of each role, made by the command, and the lines that let it in.
fn token(name: &str, role: &str) -> (String, String) {
    let folder = Folder::new("");
    let made = folder.run(&["token", name, "--role", role, "--json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let text = |key: &str| made[key].as_str().unwrap().to_owned();
    (text("token"), text("configuration"))
}

/// A folder with a token of each role, and `more` in `[api]`.
fn with_tokens(more: &str) -> (Folder, Vec<(Role, String)>) {
    let (mut tokens, mut lines) = (Vec::new(), String::new());
    for role in Role::ALL {
        let (token, written) = token(&format!("a {role}"), role.as_str());
        tokens.push((role, token));
        lines.push_str(&format!("{written}\n"));
    }
    let folder = Folder::new(&format!("{more}\n{lines}"));
    folder.zone(ZONE);
    (folder, tokens)
}

/// Every route: method, path to ask, who may.
fn everything() -> Vec<(String, String, Access)> {
    let mut found = Vec::new();
    for route in routes() {
        for (path, item) in &route.paths.paths {
            let asked: String = path
                .split('/')
                .map(|part| {
                    if part.starts_with('{') {
                        "/x".to_owned()
                    } else {
                        format!("/{part}")
                    }
                })
                .skip(1)
                .collect();
            let item = serde_json::to_value(item).unwrap();
            for method in item.as_object().unwrap().keys() {
                found.push((method.to_ascii_uppercase(), asked.clone(), route.access));
            }
        }
    }
    assert!(found.len() > 15, "{found:?}");
    found
}

fn overrides(folder: &Folder, token: &str) -> String {
    let shown = format!("Authorization: Bearer {token}");
    ask(folder.api, "GET", "/v1/overrides", &[&shown], "").body
}

#[test]
fn roles_hold_for_every_route() {
    let (folder, tokens) = with_tokens("");
    let server = folder.start();
    for (method, path, access) in everything() {
        let asked = |headers: &[&str]| {
            let mut headers = headers.to_vec();
            headers.push(JSON);
            ask(folder.api, &method, &path, &headers, NONSENSE)
        };
        let place = format!("{method} {path}");
        let none = asked(&[]);
        let wrong = asked(&["Authorization: Bearer pointsman_wrong"]);
        let other_scheme = asked(&["Authorization: Basic YTpi"]);
        match access {
            Access::Open => {
                // The dashboard has no part of that name.
                assert!(none.status < 300 || path == "/assets/x", "{place}: {none:?}");
                assert_eq!(wrong.status, 401, "{place}");
            }
            Access::Own => assert!([400, 401].contains(&none.status), "{place}: {none:?}"),
            Access::Role(_) => {
                assert_eq!(
                    (none.status, wrong.status, other_scheme.status),
                    (401, 401, 401),
                    "{place}"
                );
                assert!(none.header("www-authenticate").is_some(), "{place}");
            }
        }
        for (role, token) in &tokens {
            let answer = asked(&[&format!("Authorization: Bearer {token}")]);
            let allowed = match access {
                Access::Role(needed) => *role >= needed,
                Access::Open => true,
                Access::Own => continue,
            };
            let was_allowed = ![401, 403].contains(&answer.status);
            assert_eq!(was_allowed, allowed, "{place} as {role}: {answer:?}");
            assert!(answer.status < 500, "{place} as {role}: {answer:?}");
            // Not two of them, and not half of one.
            let twice = format!("Authorization: Bearer {token}\r\nAuthorization: Bearer {token}");
            assert_eq!(asked(&[&twice]).status, 401, "{place}");
            assert_eq!(
                asked(&[&format!("Authorization: Bearer {}", &token[1..])]).status,
                401,
                "{place}"
            );
        }
    }
    assert_eq!(overrides(&folder, &tokens[0].1), "[]", "{}", server.log());
}

#[test]
fn a_scanner_without_a_token_finds_no_write() {
    let (folder, tokens) = with_tokens("loopback = \"read\"");
    let server = folder.start();
    let drain =
        "{\"select\": \"www.example.test/fra\", \"service\": \"www.example.test\", \"state\": \"down\"}";
    for (_, path, _) in everything() {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            for body in ["", "{}", drain] {
                let answer = ask(folder.api, method, &path, &[JSON], body);
                assert!(
                    [400, 401, 403, 404, 405].contains(&answer.status),
                    "{method} {path}: {answer:?}"
                );
            }
        }
    }
    // It may look, since the configuration says so.
    let services = get(folder.api, "/v1/services").json();
    assert_eq!(services["items"][0]["a"]["addresses"][0], "192.0.2.1");
    assert_eq!(services["items"][0]["endpoints"][0]["forced"], Value::Null);
    assert_eq!(overrides(&folder, &tokens[0].1), "[]");
    // Who operates does it, and both are told.
    let operator = format!("Authorization: Bearer {}", tokens[1].1);
    let body = "{\"select\": \"www.example.test/fra\", \"owner\": \"carol\"}";
    let done = ask(folder.api, "POST", "/v1/drain", &[JSON, &operator], body);
    assert_eq!(done.status, 200, "{done:?}");
    assert!(overrides(&folder, &tokens[0].1).contains("carol (by a operate)"));
    wait_until("it is told", std::time::Duration::from_secs(10), || {
        let log = server.log();
        let told: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("pointsman::audit"))
            .collect();
        told.iter().any(|line| {
            line.contains("token a operate")
                && line.contains("accepted")
                && line.contains("www.example.test/fra")
        }) && told
            .iter()
            .any(|line| line.contains("denied (403)") && line.contains("POST /v1/reload"))
    });
    let secret = &tokens[1].1;
    assert!(!server.log().contains(secret), "a token stands in the log");
}

#[test]
fn a_page_of_another_server_cannot_steer_nor_look() {
    let folder = Folder::new("");
    folder.zone(ZONE);
    let _server = folder.start();
    let body = "{\"select\": \"www.example.test/fra\"}";
    let post = |headers: &[&str]| -> Answer { ask(folder.api, "POST", "/v1/drain", headers, body) };
    let own = format!("Origin: http://{}", folder.api);
    for (headers, status) in [
        (&["Content-Type: text/plain"][..], 415),
        (&["Content-Type: application/x-www-form-urlencoded"], 415),
        (&["Content-Type: multipart/form-data; boundary=x"], 415),
        (&["Content-Type: application/jsonp"], 415),
        (&[JSON, "Origin: https://evil.example"], 403),
        (&[JSON, "Origin: null"], 403),
        (&[JSON, "Sec-Fetch-Site: cross-site"], 403),
        (&[JSON, "Sec-Fetch-Site: same-site"], 403),
        (&[JSON, "Host: evil.example"], 403),
        (&[JSON, "Host: localhost.evil.example:8053"], 403),
        (&[JSON, "X-Forwarded-For: 198.51.100.7"], 401),
        (&[JSON, "Forwarded: for=198.51.100.7"], 401),
    ] {
        let answer = post(headers);
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!(get(folder.api, "/v1/overrides").body, "[]");
    // A rebound name must not even look.
    let looked = ask(folder.api, "GET", "/v1/services", &["Host: evil.example"], "");
    assert_eq!(looked.status, 403, "{looked:?}");
    // What is asked before a request across origins is answered to nobody.
    let asks = [
        "Origin: https://evil.example",
        "Access-Control-Request-Method: POST",
    ];
    let preflight = ask(folder.api, "OPTIONS", "/v1/drain", &asks, "");
    assert_eq!(preflight.status, 405);
    assert!(
        preflight
            .headers
            .iter()
            .all(|(name, _)| !name.starts_with("access-control"))
    );
    // The server's own page may.
    assert_eq!(post(&[JSON, &own, "Sec-Fetch-Site: same-origin"]).status, 200);
}

#[test]
fn loopback_may_what_the_configuration_says() {
    for (more, read, write) in [
        ("loopback = \"none\"", 401, 401),
        ("loopback = \"read\"", 200, 403),
        ("loopback = \"operate\"", 200, 400),
        ("loopback = \"admin\"", 200, 400),
        ("token_file = \"api.token\"", 401, 401),
        ("token_file = \"api.token\"\nloopback = \"operate\"", 200, 400),
    ] {
        let folder = Folder::new(more);
        folder.write("api.token", "0123456789abcdef0123456789abcdef\n");
        folder.zone(ZONE);
        let _server = folder.start();
        assert_eq!(get(folder.api, "/v1/services").status, read, "{more}");
        let asked = ask(folder.api, "POST", "/v1/drain", &[JSON], NONSENSE);
        assert_eq!(asked.status, write, "{more}: {asked:?}");
        let reload = ask(folder.api, "POST", "/v1/reload", &[JSON], "{}");
        let admin = more.contains("\"admin\"");
        assert_eq!(reload.status == 200, admin, "{more}: {reload:?}");
        assert_eq!(get(folder.api, "/healthz").status, 200);
        assert_eq!(get(folder.api, "/readyz").status, 200);
        // What is open to whoever shows nothing is documented as such.
        let document = get(folder.api, "/openapi.json").json();
        let security = document["paths"]["/v1/services"]["get"]["security"]
            .as_array()
            .unwrap();
        let optional = security.iter().any(|way| way.as_object().unwrap().is_empty());
        assert_eq!(optional, read == 200, "{more}");
    }
}

#[test]
fn tokens_come_and_go_with_a_reload() {
    let (folder, tokens) = with_tokens("");
    let _server = folder.start();
    let with = |token: &str, method: &str, path: &str| {
        let shown = format!("Authorization: Bearer {token}");
        ask(folder.api, method, path, &[&shown, JSON], "{}").status
    };
    let (reader, admin) = (&tokens[0].1, &tokens[2].1);
    assert_eq!(with(reader, "GET", "/v1/services"), 200);
    let (new, written) = token("new", "read");
    assert_eq!(with(&new, "GET", "/v1/services"), 401);
    let (_, of_admin) = admin_lines(&folder);
    folder.server(&format!("{of_admin}\n{written}"));
    assert_eq!(with(admin, "POST", "/v1/reload"), 200);
    assert_eq!(with(reader, "GET", "/v1/services"), 401);
    assert_eq!(with(&new, "GET", "/v1/services"), 200);
    assert_eq!(with(admin, "POST", "/v1/reload"), 200);
}

/// The name and the lines of the admin's token in the folder's configuration.
fn admin_lines(folder: &Folder) -> (String, String) {
    let text = std::fs::read_to_string(folder.path("pointsman.toml")).unwrap();
    let part = text
        .split("[[api.tokens]]")
        .find(|part| part.contains("\"admin\""))
        .unwrap();
    ("a admin".to_owned(), format!("[[api.tokens]]{part}"))
}

#[test]
fn guessing_is_slowed_and_who_is_right_is_heard() {
    let (folder, tokens) = with_tokens("");
    let _server = folder.start();
    let reader = format!("Authorization: Bearer {}", tokens[0].1);
    for guess in 0..110 {
        let shown = format!("Authorization: Bearer pointsman_{guess}");
        assert_eq!(ask(folder.api, "GET", "/v1/services", &[&shown], "").status, 401);
    }
    let began = std::time::Instant::now();
    for guess in 0..10 {
        let shown = format!("Authorization: Bearer pointsman_{guess}");
        assert_eq!(ask(folder.api, "GET", "/v1/services", &[&shown], "").status, 401);
    }
    assert!(
        began.elapsed() >= std::time::Duration::from_millis(800),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(ask(folder.api, "GET", "/v1/services", &[&reader], "").status, 200);
}

#[test]
fn a_server_that_strangers_could_steer_does_not_start() {
    let folder = Folder::new("");
    folder.zone(ZONE);
    for (more, said) in [
        ("", "open to everybody"),
        ("token_file = \"api.token\"\n", "in clear"),
    ] {
        folder.write("api.token", "0123456789abcdef0123456789abcdef\n");
        let text = format!(
            "[dns]\nlisten = [\"{}\"]\n[zones]\ndirectory = \"zones\"\n[api]\nlisten = \"0.0.0.0:{}\"\n{more}",
            folder.dns,
            folder.api.port()
        );
        folder.write("pointsman.toml", &text);
        for command in ["check", "serve"] {
            let output = folder.run(&[command]);
            let printed = [output.stdout, output.stderr].concat();
            let printed = String::from_utf8_lossy(&printed).into_owned();
            assert_eq!(output.status.code(), Some(2), "{command}: {printed}");
            assert!(printed.contains(said), "{command}: {printed}");
        }
    }
}
