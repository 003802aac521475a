//! Whatever goes wrong is a problem detail (RFC 9457), and every answer says how a browser must treat it.

use super::{Answer, ask, get};
use crate::support::server::Folder;

const JSON: &str = "Content-Type: application/json";

fn is_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{answer:?}"
    );
    let problem = answer.json();
    assert_eq!(problem["status"], status, "{problem}");
    assert_eq!(problem["type"], "about:blank", "{problem}");
    for key in ["title", "detail"] {
        assert!(!problem[key].as_str().unwrap().is_empty(), "{problem}");
    }
}

#[test]
fn every_error_is_a_problem_those_of_the_framework_too() {
    let folder = Folder::new("");
    folder.zone("");
    let _server = folder.start();
    let to = folder.api;
    is_problem(&get(to, "/nowhere"), 404);
    is_problem(&get(to, "/v1/services/nobody.example.test"), 404);
    is_problem(&get(to, "/v1/services/%ff"), 400);
    is_problem(&get(to, "/v1/services?limit=many"), 400);
    is_problem(&get(to, "/v1/services?limit=0"), 400);
    is_problem(&get(to, "/v1/services?limit=1001"), 400);
    is_problem(&get(to, "/v1/endpoints?state=fine"), 400);
    is_problem(&get(to, "/v1/explain"), 400);
    is_problem(&get(to, "/v1/explain?name=a..b"), 400);
    is_problem(&get(to, "/v1/explain?name=a&client=here"), 400);
    is_problem(&ask(to, "POST", "/v1/drain", &[JSON], "{\"select\": "), 400);
    is_problem(&ask(to, "POST", "/v1/drain", &[JSON], "{\"select\": 7}"), 400);
    is_problem(
        &ask(
            to,
            "POST",
            "/v1/drain",
            &[JSON],
            "{\"select\": \"a\", \"stat\": \"up\"}",
        ),
        400,
    );
    is_problem(&ask(to, "POST", "/v1/reload", &[JSON], "[]"), 400);
    is_problem(&ask(to, "POST", "/v1/drain", &[], "select=a"), 415);
    is_problem(
        &ask(to, "POST", "/v1/drain", &[JSON], &"x".repeat(65 * 1024)),
        413,
    );
    is_problem(
        &ask(to, "POST", "/v1/plan", &[JSON], "{\"config\": \"/nowhere\"}"),
        422,
    );
    let wrong_method = ask(to, "DELETE", "/v1/services", &[], "");
    is_problem(&wrong_method, 405);
    assert_eq!(wrong_method.header("allow"), Some("GET,HEAD"));
    let wrong_method = get(to, "/v1/drain");
    is_problem(&wrong_method, 405);
    assert_eq!(wrong_method.header("allow"), Some("POST"));
    let unknown = ask(to, "POST", "/v1/heartbeat/a/b", &["Authorization: Bearer x"], "");
    is_problem(&unknown, 401);
    assert!(unknown.header("www-authenticate").is_some());
}

#[test]
fn every_answer_tells_browsers_to_keep_out() {
    let folder = Folder::new("");
    folder.zone("");
    let _server = folder.start();
    for path in ["/", "/v1/services", "/healthz", "/openapi.json", "/nowhere"] {
        let answer = ask(folder.api, "GET", path, &["Origin: https://evil.example"], "");
        // The page holds nothing but what this program is; a browser asks whether it is still the same.
        let keeping = if path == "/" { "no-cache" } else { "no-store" };
        for (name, value) in [
            ("cache-control", keeping),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}
