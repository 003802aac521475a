//! What commands print fits where it is printed: a terminal, a pipe, a narrow window; in colour where that is welcome.

use std::process::{Command, Output, Stdio};

use unicode_width::UnicodeWidthStr;

use crate::support::server::{BINARY, Folder, Server};

/// Two services with a long reason, one of them without any backend.
fn serving() -> (Folder, Server) {
    let folder = Folder::new("");
    folder.zone(
        "[checks.web]\ntype = \"tcp\"\nport = 1\nfall = 1\n\
         [services.www]\npolicy = \"failover\"\ncheck = \"web\"\n\
         endpoints = [{ name = \"fra\", address = \"127.0.0.1\" }, { name = \"nyc\", address = \"127.0.0.2\" }]\n\
         [services.shop]\npolicy = \"failover\"\n\
         endpoints = [{ name = \"fra\", address = \"192.0.2.1\" }, { name = \"nyc\", address = \"192.0.2.2\" }]",
    );
    let server = folder.start();
    let drained = folder.run(&[
        "drain",
        "shop.example.test/fra",
        "--reason",
        "ein neuer Kern für das ganze 機架, siehe CHG-1234, und was sonst noch alles zu sagen ist",
    ]);
    assert!(drained.status.success());
    (folder, server)
}

fn run(folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(BINARY)
        .args(arguments)
        .arg("--config")
        .arg(folder.path("pointsman.toml"))
        .env_remove("COLUMNS")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// In a terminal of this width, as `script` makes one.
fn in_terminal(folder: &Folder, columns: u16, arguments: &str, environment: &[(&str, &str)]) -> String {
    let config = folder.path("pointsman.toml");
    let command = format!(
        "stty cols {columns} rows 24; {BINARY} {arguments} --config {}",
        config.display()
    );
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("script is installed (Debian: bsdutils)");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Without what colours.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain.push_str(before);
        rest = after.split_once('m').expect("only colours").1;
    }
    plain + rest
}

#[test]
fn tables_fit_the_terminal_and_a_pipe_has_whole_rows() {
    let (folder, _server) = serving();
    for command in ["status", "overrides"] {
        for columns in [40, 60, 80, 132] {
            let shown = in_terminal(&folder, columns, command, &[]);
            assert!(shown.contains("\x1b["), "no colour on a terminal: {shown}");
            for line in plain(&shown).lines() {
                let line = line.trim_end_matches('\r');
                assert!(line.width() <= columns.into(), "{columns}: {line}");
            }
        }
        let narrow = run(&folder, &[command], &[("COLUMNS", "50")]);
        assert!(text(&narrow).lines().all(|line| line.width() <= 50), "{narrow:?}");
        let piped = text(&run(&folder, &[command], &[]));
        assert!(!piped.contains('\x1b'), "{piped}");
        assert!(
            piped.lines().any(|line| line.contains("shop.example.test/fra")
                && line.contains("drained")
                && (command == "overrides" || line.contains("und was sonst noch alles zu sagen ist"))),
            "{piped}"
        );
        assert!(!piped.contains("no room"), "{piped}");
    }
}

#[test]
fn colour_is_as_asked_for() {
    let (folder, _server) = serving();
    let colored = |arguments: &[&str], environment: &[(&str, &str)]| {
        text(&run(&folder, arguments, environment)).contains('\x1b')
    };
    assert!(!colored(&["status"], &[]));
    assert!(colored(&["status", "--color", "always"], &[("NO_COLOR", "1")]));
    assert!(!colored(&["status", "--color=never"], &[]));
    assert!(colored(&["--color=always", "--help"], &[]));
    assert!(!in_terminal(&folder, 80, "status", &[("NO_COLOR", "1")]).contains('\x1b'));
    assert!(!in_terminal(&folder, 80, "status --color never", &[]).contains('\x1b'));
    assert!(!in_terminal(&folder, 80, "status", &[("TERM", "dumb")]).contains('\x1b'));
}

#[test]
fn watching_draws_in_place_until_it_is_interrupted() {
    let (folder, server) = serving();
    let watch = |arguments: &[&str]| {
        let mut child = Command::new(BINARY)
            .args(arguments)
            .arg("--config")
            .arg(folder.path("pointsman.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        (child, lines)
    };
    // As JSON, a line a look; a server that is gone is said, and asked again.
    let (mut child, mut lines) = watch(&["status", "--json", "--watch", "0.1"]);
    for _ in 0..3 {
        let line = lines.next().unwrap().unwrap();
        let seen: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(seen.as_array().map(Vec::len), Some(2), "{line}");
    }
    server.kill();
    let mut errors = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert!(errors.next().unwrap().unwrap().contains("no server answers"));
    let _server = folder.start();
    // What was looked at before may wait in the pipe; then come new looks.
    assert!(lines.by_ref().take(5).all(|line| line.unwrap().starts_with('[')));
    let done = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(done.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    // For people, each look has its time and where it looked.
    let (mut child, lines) = watch(&["overrides", "--watch=0.1"]);
    let heads = lines
        .map(Result::unwrap)
        .filter(|line| line.contains("every 0.1 s"))
        .take(2)
        .count();
    assert_eq!(heads, 2);
    child.kill().unwrap();
    child.wait().unwrap();
    // The first look must succeed.
    let refused = folder.run(&["status", "nothing.example.test", "--watch", "1"]);
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn a_watched_table_is_redrawn_over_the_last_one() {
    let (folder, _server) = serving();
    let config = folder.path("pointsman.toml");
    let command = format!(
        "stty cols 80 rows 12; timeout --signal INT 2 {BINARY} status --watch 0.2 --config {}",
        config.display()
    );
    let output = Command::new("script")
        .args(["--quiet", "--command", &command, "/dev/null"])
        .env_remove("COLUMNS")
        .env_remove("LINES")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let pictures: Vec<&str> = shown.split("\x1b[H").skip(1).collect();
    assert!(pictures.len() >= 3, "{shown:?}");
    for picture in pictures {
        assert!(picture.lines().count() <= 12, "it scrolls: {picture:?}");
        assert!(picture.contains("more lines"), "{picture:?}");
    }
    assert_eq!(shown.matches("\x1b[2J").count(), 1);
}
