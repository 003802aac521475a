//! The documented keys and defaults are those of the program: `docs/configuration.md` holds its tables, every key in
//! them is read, and every default is what an empty file means.

use std::fmt::Write as _;
use std::fs;

use pointsman::config::defaults::{Row, table};
use pointsman::config::keys::{Fallback, SECTIONS};
use pointsman::config::load::{Loaded, load};

const DOCS: &str = "docs/configuration.md";

fn markdown(rows: &[Row]) -> String {
    let mut text =
        String::from("| key | what may be written | default | what it is for |\n| --- | --- | --- | --- |\n");
    for row in rows {
        let cell = |text: &str| text.replace('|', "\\|");
        writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            row.key,
            cell(&row.kind),
            cell(&row.default),
            cell(row.about)
        )
        .unwrap();
    }
    text
}

#[test]
fn the_documentation_holds_the_programs_tables() {
    let docs = fs::read_to_string(DOCS).unwrap();
    let (mut rest, mut written, mut titles) = (docs.as_str(), String::new(), Vec::new());
    while let Some((before, after)) = rest.split_once("<!-- keys: ") {
        let (title, after) = after.split_once(" -->\n").unwrap();
        let (_, after) = after.split_once("<!-- end -->").unwrap();
        let rows: Vec<Row> = table().into_iter().filter(|row| row.table == title).collect();
        assert!(!rows.is_empty(), "no table {title}");
        write!(
            written,
            "{before}<!-- keys: {title} -->\n{}<!-- end -->",
            markdown(&rows)
        )
        .unwrap();
        titles.push(title.to_owned());
        rest = after;
    }
    written.push_str(rest);
    for section in SECTIONS {
        let count = titles.iter().filter(|title| *title == section.title).count();
        assert_eq!(count, 1, "{} is documented {count} times", section.title);
    }
    if std::env::vars_os().any(|(name, _)| name == "UPDATE") {
        fs::write(DOCS, written).unwrap();
    } else {
        assert!(
            written == docs,
            "{DOCS} differs from the program; run with UPDATE=1"
        );
    }
}

/// What follows this line stands in `overrides.toml`.
const OVERRIDES: &str = "### overrides.toml\n";

/// Loads a server file and one zone, as texts.
fn load_texts(server: &str, zone: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("zones")).unwrap();
    fs::write(folder.path().join("pointsman.toml"), server).unwrap();
    let (zone, overrides) = zone.split_once(OVERRIDES).unwrap_or((zone, ""));
    fs::write(folder.path().join("zones/a.toml"), zone).unwrap();
    if !overrides.is_empty() {
        fs::write(folder.path().join("overrides.toml"), overrides).unwrap();
    }
    load(&folder.path().join("pointsman.toml"))
}

/// A server file and a zone with `line` in the table `title`, and which of the two it is in.
fn placed(title: &str, line: &str) -> (String, String, &'static str) {
    let (server, zone) = (
        "zones.directory = \"zones\"\n".to_owned(),
        "origin = \"a.test\"\nnameservers = [\"ns.b.test\"]\nhostmaster = \"h.a.test\"\n".to_owned(),
    );
    let server_with = |text: String| (text, zone.clone(), "pointsman.toml");
    let zone_with = |text: String| (server.clone(), format!("{zone}{text}"), "a.toml");
    match title {
        "pointsman.toml" => server_with(format!("{line}\n{server}")),
        "[zones]" => server_with(format!("[zones]\n{line}\n")),
        "[dns]" | "[dns.tcp]" | "[dns.cookies]" | "[dns.transfers]" | "[dns.tls]" | "[dns.quic]"
        | "[dns.https]" | "[dns.encrypted]" | "[state]" | "[api]" | "[api.tls]" | "[[api.tokens]]"
        | "[[api.clients]]" | "[metrics]" | "[defaults]" | "[defaults.check]" | "[probes]"
        | "[isolation]" | "[history]" | "[process]" | "[drill]" | "[resolver]" | "[safety]"
        | "[overrides]" | "[geo]" => server_with(format!("{server}{title}\n{line}\n")),
        "[dns.rate_limit]" => {
            let rate = if line.starts_with("per_second") {
                ""
            } else {
                "per_second = 5\n"
            };
            server_with(format!("{server}{title}\n{rate}{line}\n"))
        }
        "[keys.NAME]" => server_with(format!("{server}[keys.\"k.test\"]\n{line}\n")),
        "[[notify]]" => {
            let other_way = ["exec", "journal", "url_file"]
                .iter()
                .any(|way| line.starts_with(way));
            let way = if other_way {
                ""
            } else {
                "url = \"http://a.test/\"\n"
            };
            server_with(format!("{server}[[notify]]\nname = \"n\"\n{way}{line}\n"))
        }
        "zone file" => (server, format!("{line}\n{zone}"), "a.toml"),
        "[access]" => zone_with(format!("[access]\n{line}\n")),
        "[transfer]" => zone_with(format!("[transfer]\n{line}\n")),
        "ttl" => zone_with(format!("[ttl]\nmode = \"stable\"\n{line}\n")),
        "[checks.NAME]" | "[checks.NAME] of type http, https" => {
            zone_with(format!("[checks.c]\ntype = \"http\"\n{line}\n"))
        }
        "[checks.NAME] of type heartbeat" if line.starts_with("type") => {
            zone_with(format!("[checks.c]\nwithin = \"15s\"\n{line}\n"))
        }
        "[checks.NAME] of type heartbeat" => zone_with(format!("[checks.c]\ntype = \"heartbeat\"\n{line}\n")),
        "[checks.NAME] of type exec" => zone_with(format!("[checks.c]\ntype = \"exec\"\n{line}\n")),
        "[checks.NAME] over TLS" => zone_with(format!("[checks.c]\ntype = \"https\"\n{line}\n")),
        "body_json" => zone_with(format!(
            "[checks.c]\ntype = \"http\"\n[checks.c.body_json]\npointer = \"/a\"\n{line}\n"
        )),
        "[checks.NAME] of type dns" => {
            zone_with(format!("[checks.c]\ntype = \"dns\"\nname = \"a.test\"\n{line}\n"))
        }
        "[checks.NAME] of type icmp" => zone_with(format!("[checks.c]\ntype = \"icmp\"\n{line}\n")),
        "[checks.NAME] of type grpc" => zone_with(format!("[checks.c]\ntype = \"grpc\"\n{line}\n")),
        "[checks.NAME] of type tls" => zone_with(format!("[checks.c]\ntype = \"tls\"\n{line}\n")),
        "[checks.NAME] of a database" => zone_with(format!("[checks.c]\ntype = \"redis\"\n{line}\n")),
        "[checks.NAME] of type postgres" => zone_with(format!("[checks.c]\ntype = \"postgres\"\n{line}\n")),
        "[checks.NAME] of type redis" => zone_with(format!("[checks.c]\ntype = \"redis\"\n{line}\n")),
        "[checks.NAME] of type patroni" => zone_with(format!("[checks.c]\ntype = \"patroni\"\n{line}\n")),
        "[checks.NAME] of other checks" => zone_with(format!("[checks.c]\nany_of = [\"x\"]\n{line}\n")),
        "[checks.NAME] of type tcp" => zone_with(format!("[checks.c]\ntype = \"tcp\"\n{line}\n")),
        "[services.NAME]" => zone_with(format!("[services.s]\n{line}\n")),
        "[pools.NAME]" => zone_with(format!("[pools.p]\n{line}\n")),
        "sticky_prefix" => zone_with(format!(
            "[pools.p]\npolicy = \"sticky\"\n[pools.p.sticky_prefix]\n{line}\n"
        )),
        "endpoint" => zone_with(format!("[[services.s.endpoints]]\n{line}\n")),
        "srv" => zone_with(format!("[[services.s.srv]]\n{line}\n")),
        "on_failover" => zone_with(format!("[services.s.on_failover]\n{line}\n")),
        "mx" | "https" => zone_with(format!("[services.s.{title}]\n{line}\n")),
        "overrides.toml" => (server, format!("{zone}{OVERRIDES}{line}\n"), "overrides.toml"),
        "[[override]]" => (
            server,
            format!("{zone}{OVERRIDES}[[override]]\n{line}\n"),
            "overrides.toml",
        ),
        other => panic!("no place for {other}"),
    }
}

#[test]
fn every_documented_key_is_read() {
    for row in table() {
        // A date is a value of no key; and a key that is written already must give way.
        let line = format!("{} = 1979-05-27 # here", row.key);
        let (server, zone, file) = placed(row.table, &line);
        let drop_other = |text: String| -> String {
            let other = |l: &&str| l.starts_with(&format!("{} = ", row.key)) && !l.ends_with("# here");
            let dotted = |l: &&str| l.starts_with(&format!("{}.", row.key));
            text.lines()
                .filter(|line| !other(line) && !dotted(line))
                .fold(String::new(), |text, line| text + line + "\n")
        };
        let (server, zone) = (drop_other(server), drop_other(zone));
        let text = match file {
            "a.toml" => &zone,
            "overrides.toml" => zone.split_once(OVERRIDES).unwrap().1,
            _ => &server,
        };
        let number = text.lines().position(|line| line.ends_with("# here")).unwrap() + 1;
        let loaded = load_texts(&server, &zone);
        let found = loaded.diagnostics.iter().any(|found| {
            found.is_error()
                && found.place.file.ends_with(file)
                && found.place.line as usize == number
                && !found.what.contains("unknown key")
        });
        assert!(
            found,
            "{} {}: not read: {:#?}",
            row.table, row.key, loaded.diagnostics
        );
    }
}

#[test]
fn an_undocumented_key_is_refused_in_every_table() {
    for section in SECTIONS {
        let (server, zone, _) = placed(section.title, "nonsense = 1");
        let loaded = load_texts(&server, &zone);
        let refused = loaded
            .diagnostics
            .iter()
            .any(|found| found.is_error() && found.what.contains("unknown key `nonsense`"));
        assert!(refused, "{}: {:#?}", section.title, loaded.diagnostics);
    }
}

#[test]
fn every_default_that_is_written_out_changes_nothing() {
    let base_zone = |checks: &str, service: &str, endpoint: &str, zone: &str, pool: &str| {
        format!(
            "origin = \"a.test\"\nnameservers = [\"ns.b.test\"]\nhostmaster = \"h.a.test\"\n{zone}\
             [checks.c]\ntype = \"https\"\nhost = \"www.a.test\"\n{checks}\
             [pools.p]\npolicy = \"weighted\"\ncheck = \"c\"\n{pool}\
             [[pools.p.endpoints]]\nname = \"x\"\naddress = \"192.0.2.1\"\n{endpoint}\
             [services.s]\npolicy = \"failover\"\npools = [\"p\"]\n{service}"
        )
    };
    let show = |server: &str, zone: &str| {
        let loaded = load_texts(server, zone);
        assert!(
            !loaded.has_errors(),
            "{:#?}\n{server}\n{zone}",
            loaded.diagnostics
        );
        let plan = loaded.plan.unwrap();
        // Each load has a folder of its own.
        let mut node = plan.node.clone();
        node.zones_directory = node
            .zones_directory
            .strip_prefix("/")
            .unwrap()
            .iter()
            .skip(2)
            .collect();
        node.state_directory = node.state_directory.file_name().unwrap().into();
        format!(
            "{node:#?}{:#?}{:#?}{:#?}{:#?}",
            plan.services, plan.endpoints, plan.targets, plan.checks
        )
    };
    let bare = show("zones.directory = \"zones\"\n", &base_zone("", "", "", "", ""));
    for section in SECTIONS {
        for key in section.keys {
            let written = match key.default {
                Fallback::Text(_)
                | Fallback::Duration(_)
                | Fallback::Integer(_)
                | Fallback::Number(_)
                | Fallback::Boolean(_) => key.default.to_string().replace('`', ""),
                Fallback::Required | Fallback::Nothing | Fallback::Words(_) => continue,
            };
            let line = format!("{} = {written}\n", key.name);
            let server = "zones.directory = \"zones\"\n";
            // Tables that mean something by being there.
            let service = |rest: &str| match section.title {
                "srv" => format!("srv = [{{ name = \"_x._tcp\", port = 1{rest} }}]\n"),
                "on_failover" => {
                    // What a gate has, a hook that nothing waits for has not.
                    let gate = if key.name == "gate" { "" } else { ", gate = true" };
                    format!("on_failover = {{ exec = [\"/bin/true\"]{gate}{rest} }}\n")
                }
                title => format!("{title} = {{ {} }}\n", rest.trim_start_matches(',')),
            };
            if ["srv", "mx", "https", "on_failover"].contains(&section.title) {
                let with = |rest: &str| show(server, &base_zone("", &service(rest), "", "", ""));
                let written = with(&format!(", {}", line.trim()));
                assert_eq!(written, with(""), "{} {}", section.title, key.name);
                continue;
            }
            // Other kinds of checks: the least that they need, and the default beside it.
            let head = match section.title {
                "[checks.NAME] of type tcp" => Some("type = \"tcp\"\nport = 1\n"),
                "[checks.NAME] of type dns" => Some("type = \"dns\"\nname = \"a.test\"\n"),
                "[checks.NAME] of type icmp" => Some("type = \"icmp\"\n"),
                "[checks.NAME] of type grpc" => Some("type = \"grpc\"\nport = 1\n"),
                "[checks.NAME] of type tls" => Some("type = \"tls\"\n"),
                "[checks.NAME] of type postgres" => Some("type = \"postgres\"\n"),
                "[checks.NAME] of type redis" => Some("type = \"redis\"\n"),
                "[checks.NAME] of type patroni" => Some("type = \"patroni\"\n"),
                _ => None,
            };
            if let Some(head) = head {
                let with = |line: &str| {
                    let zone = base_zone(line, "", "", "", "");
                    let zone = zone.replace("type = \"https\"\nhost = \"www.a.test\"\n", head);
                    show(server, &zone)
                };
                assert_eq!(with(&line), with(""), "{} {}", section.title, key.name);
                continue;
            }
            let (server, zone) = match section.title {
                "[checks.NAME]" | "[checks.NAME] over TLS" | "[checks.NAME] of type http, https" => {
                    (server.to_owned(), base_zone(&line, "", "", "", ""))
                }
                // Defaults of a check without `type`; that of the base has one.
                "[checks.NAME] of other checks" | "[checks.NAME] of type heartbeat" => continue,
                "[services.NAME]" => (server.to_owned(), base_zone("", &line, "", "", "")),
                "endpoint" => (server.to_owned(), base_zone("", "", &line, "", "")),
                "zone file" => (server.to_owned(), base_zone("", "", "", &line, "")),
                "[pools.NAME]" => (server.to_owned(), base_zone("", "", "", "", &line)),
                "ttl" => {
                    let ttl = format!("ttl = {{ mode = \"fixed\", {} }}\n", line.trim());
                    (server.to_owned(), base_zone("", "", "", &ttl, ""))
                }
                "sticky_prefix" => {
                    let sticky =
                        |pool: &str| base_zone("", "", "", "", pool).replace("\"weighted\"", "\"sticky\"");
                    let table = format!("sticky_prefix = {{ {} }}\n", line.trim());
                    assert_eq!(show(server, &sticky(&table)), show(server, &sticky("")));
                    continue;
                }
                // Needed by the test itself, with another value; that of TSIG keys needs a key.
                "[zones]" if key.name == "directory" => continue,
                "[keys.NAME]" => continue,
                // Without a way there is none.
                "[[notify]]" => {
                    let hook = format!("{server}[[notify]]\nname = \"n\"\njournal = true\n");
                    let zone = base_zone("", "", "", "", "");
                    let written = show(&format!("{hook}{line}"), &zone);
                    assert_eq!(written, show(&hook, &zone), "{} {}", section.title, key.name);
                    continue;
                }
                "[zones]" => (format!("{server}zones.{line}"), base_zone("", "", "", "", "")),
                "pointsman.toml" => (format!("{line}{server}"), base_zone("", "", "", "", "")),
                title => (format!("{server}{title}\n{line}"), base_zone("", "", "", "", "")),
            };
            assert_eq!(show(&server, &zone), bare, "{} {}", section.title, key.name);
        }
    }
}
