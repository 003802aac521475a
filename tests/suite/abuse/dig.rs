//! Cookies and limits as the tools of others see them: the program itself, with dig and kdig.

use std::process::Command;

use crate::support::server::{Folder, Server};

const ZONE: &str =
    "[services.www]\npolicy = \"failover\"\nendpoints = [{ name = \"a\", address = \"192.0.2.1\" }]\n";

/// What a tool prints.
fn tool(name: &str, server: &Server, arguments: &[&str]) -> String {
    let (host, port) = (format!("@{}", server.dns.ip()), server.dns.port().to_string());
    let output = Command::new(name)
        .args([&host, "-p", &port])
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The cookie that dig shows, with what it thinks of it.
fn shown(printed: &str) -> (&str, &str) {
    let line = printed
        .lines()
        .find_map(|line| line.strip_prefix("; COOKIE: "))
        .expect(printed);
    line.split_once(' ').unwrap()
}

fn start(dns: &str) -> (Folder, Server) {
    let folder = Folder::new(dns);
    folder.zone(ZONE);
    let server = folder.start();
    (folder, server)
}

#[test]
fn dig_and_kdig_are_given_cookies_that_are_good_when_they_come_again() {
    let (_folder, server) = start("");
    for more in [&[][..], &["+tcp"]] {
        let first = tool(
            "dig",
            &server,
            &[&["+cookie=0123456789abcdef", "www.example.test"], more].concat(),
        );
        let (cookie, verdict) = shown(&first);
        assert_eq!((cookie.len(), verdict), (48, "(good)"), "{first}");
        let again = tool(
            "dig",
            &server,
            &[&[&*format!("+cookie={cookie}"), "www.example.test"], more].concat(),
        );
        assert_eq!(shown(&again), (cookie, "(good)"), "{again}");
    }
    let printed = tool("kdig", &server, &["+cookie", "www.example.test"]);
    assert!(
        printed.contains("192.0.2.1") && !printed.contains("BADCOOKIE"),
        "{printed}"
    );
}

#[test]
fn who_must_show_a_cookie_comes_again_with_it() {
    let (_folder, server) = start("[dns.cookies]\nrequire = \"always\"\n");
    for tool_name in ["dig", "kdig"] {
        let printed = tool(tool_name, &server, &["+cookie", "www.example.test"]);
        assert!(printed.contains("192.0.2.1"), "{printed}");
    }
    let refused = tool("dig", &server, &["+cookie", "+nobadcookie", "www.example.test"]);
    assert!(refused.contains("status: BADCOOKIE"), "{refused}");
    let without = tool("dig", &server, &["+nocookie", "+ignore", "www.example.test"]);
    assert!(without.contains(" tc"), "{without}");
    let by_tcp = tool("dig", &server, &["+nocookie", "www.example.test"]);
    assert!(by_tcp.contains("192.0.2.1"), "{by_tcp}");
}

#[test]
fn a_secret_is_shared_and_rolled_over_by_a_reload() {
    let secrets = [
        "e5e973e5a6b2a43f48e7dc849e37bfcf",
        "445536bcd2513298075a5d379663c962",
    ];
    let folder = Folder::new("[dns.cookies]\nsecret_file = \"cookies\"\n");
    folder.zone(ZONE);
    folder.write("cookies", secrets[0]);
    let server = folder.start();
    let first = tool("dig", &server, &["+cookie=2464c4abcf10c957", "www.example.test"]);
    let before = shown(&first).0.to_owned();
    folder.write(
        "cookies",
        &format!("# new first\n{}\n{}\n", secrets[1], secrets[0]),
    );
    assert!(folder.run(&["reload"]).status.success());
    let renewed = tool("dig", &server, &["+cookie=2464c4abcf10c957", "www.example.test"]);
    let after = shown(&renewed).0.to_owned();
    assert_ne!(before[32..], after[32..], "made by the new secret");
    let rolled = tool(
        "dig",
        &server,
        &[&format!("+cookie={before}"), "+nobadcookie", "www.example.test"],
    );
    assert!(
        shown(&rolled).0 != before && rolled.contains("NOERROR"),
        "{rolled}"
    );
    // Nobody needs the old one any more, and it was a mistake to write half of another.
    folder.write("cookies", &format!("{}\n445536\n", secrets[1]));
    let refused = folder.run(&["reload"]);
    let said =
        String::from_utf8_lossy(&refused.stderr).into_owned() + &String::from_utf8_lossy(&refused.stdout);
    assert!(!refused.status.success() && said.contains("line 2"), "{said}");
    assert!(!said.contains("445536"), "no part of a secret is shown: {said}");
}

#[test]
fn a_network_over_its_limit_is_told_in_the_log_and_counted() {
    let (folder, server) = start("[dns.rate_limit]\nper_second = 5\nslip = 1\n");
    let mut cut = 0;
    for _ in 0..20 {
        let printed = tool("dig", &server, &["+nocookie", "+ignore", "www.example.test"]);
        cut += usize::from(printed.contains(" tc"));
    }
    assert!(cut > 5, "{cut}");
    let with = tool("dig", &server, &["+cookie", "www.example.test"]);
    assert!(with.contains("192.0.2.1"), "{with}");
    let log = server.log();
    assert_eq!(
        log.matches("clients without a cookie are limited").count(),
        1,
        "{log}"
    );
    let page = crate::support::http::request(folder.api, "GET", "/metrics", &[], "").1;
    let count = |name: &str| {
        let line = page.lines().find(|line| line.starts_with(name)).expect(&page);
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(count("pointsman_answers_limited_total{transport=\"udp\"}") >= cut as f64);
    assert!(count("pointsman_cookies_total{transport=\"udp\",cookie=\"good\"}") >= 0.0);
}
