//! `[[notify]]`: whom to tell of events. Secrets are read here, so that a missing one is known before it is needed.

use std::path::PathBuf;

use toml::de::DeValue;
use url::Url;

use crate::config::diagnostic::suggestion;
use crate::config::keys::NOTIFY;
use crate::config::load::files::Files;
use crate::config::raw::document::{At, Table, Value};
use crate::config::raw::{exec, http};
use crate::model::hook::{Events, Format, Hook, KINDS, Secret, Way, Web};
use crate::model::selector::Selector;

/// The keys that name a way; exactly one of them is written.
const WAYS: [&str; 4] = ["url", "url_file", "exec", "journal"];
/// Those that belong to HTTP.
const OF_WEB: [&str; 4] = ["headers", "secret_file", "routing_key_file", "ca_file"];
/// Longest name: it stands in keys of the store and in header lines.
const NAME: usize = 63;

/// All of them, in the order written. What has mistakes is reported and left out.
pub(super) fn read(server: &Table<'_>, files: &mut Files) -> Vec<Hook> {
    let Some(written) = server.value("notify") else {
        return Vec::new();
    };
    if !matches!(written.toml, DeValue::Array(_)) {
        written.refuse::<()>(
            "`notify` is not a list of tables",
            "write `[[notify]]` before each",
        );
        return Vec::new();
    }
    let mut hooks: Vec<Hook> = Vec::new();
    for value in written.elements() {
        let Some(table) = value.table(vec![&NOTIFY]) else {
            continue;
        };
        let name = table.value("name").and_then(|value| name(&value));
        if let Some(name) = &name
            && hooks.iter().any(|hook| hook.name == name.value)
        {
            table.source.error(
                name.at,
                format!("there is a `[[notify]]` called `{}` already", name.value),
                "give each a name of its own: what is owed is kept under it",
            );
        }
        hooks.extend(one(&table, name.map(|name| name.value), files));
    }
    hooks
}

fn one(table: &Table<'_>, name: Option<String>, files: &mut Files) -> Option<Hook> {
    let format = table.choice("format", &[]);
    let way = way(table, files);
    if let Some(at) = &format {
        fits(table, at, way.as_ref());
    }
    let events = table
        .value("events")
        .map_or(Some(Events::Alarms), |value| events(&value));
    let services = table.value("services").map_or(Some(Vec::new()), |value| {
        let elements = value.elements();
        // One that is left out would widen what is told.
        elements
            .iter()
            .map(selector)
            .collect::<Vec<_>>()
            .into_iter()
            .collect()
    });
    let timeout = table.duration_or_default("timeout");
    let longest_wait = table.duration_or_default("longest_wait");
    let backlog = table.integer_or_default("backlog");
    let way = way?;
    let format = match format.map(|format| format.value) {
        Some("slack") => Format::Slack,
        Some("pagerduty") => Format::PagerDuty,
        Some("alertmanager") => Format::Alertmanager,
        Some("journal") => Format::Journal,
        Some("syslog") => Format::Syslog,
        Some(_) => Format::Json,
        None => usual(&way),
    };
    Some(Hook {
        name: name?,
        way,
        format,
        events: events?,
        services: services?,
        timeout,
        longest_wait,
        backlog,
    })
}

/// The format of a way that does not say.
fn usual(way: &Way) -> Format {
    match way {
        Way::Web(_) | Way::Program(..) => Format::Json,
        Way::Log(Some(path)) if path.ends_with("journal/socket") => Format::Journal,
        Way::Log(Some(_)) => Format::Syslog,
        // Which of the two is there is seen when it is needed.
        Way::Log(None) => Format::Journal,
    }
}

/// Letters, digits and `-_.`: it stands in header lines, paths and the store.
fn name(value: &Value<'_>) -> Option<At<String>> {
    let text = value.text()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.value.len() <= NAME && text.value.chars().all(plain) {
        return Some(text);
    }
    value.refuse(
        format!("`{}` cannot name a receiver", text.value),
        format!("write 1 to {NAME} ASCII letters, digits, `-`, `_` and `.`"),
    )
}

fn way(table: &Table<'_>, files: &mut Files) -> Option<Way> {
    let written: Vec<&str> = WAYS.into_iter().filter(|key| table.has(key)).collect();
    match written.as_slice() {
        [] => {
            table.source.error(
                table.at,
                "none of `url`, `url_file`, `exec` and `journal`",
                "write the one that says where events go",
            );
            return None;
        }
        [_] => {}
        [first, second, ..] => table.source.error(
            table.place_of(second),
            format!("both `{first}` and `{second}`"),
            "keep one of them, and write a further `[[notify]]` for the other",
        ),
    }
    let web = table.has("url") || table.has("url_file");
    if !web {
        for key in OF_WEB.iter().filter(|key| table.has(key)) {
            table.source.error(
                table.place_of(key),
                format!("`{key}` belongs to receivers with a `url`"),
                "remove it",
            );
        }
    }
    if web {
        return read_web(table, files).map(Way::Web);
    }
    if table.has("exec") {
        return exec::command(table, "exec", files)
            .map(|(program, arguments)| Way::Program(program, arguments));
    }
    let value = table.value("journal")?;
    match value.toml {
        DeValue::Boolean(true) => Some(Way::Log(None)),
        DeValue::String(_) => {
            let path = PathBuf::from(value.text()?.value);
            if path.is_absolute() {
                Some(Way::Log(Some(path)))
            } else {
                value.refuse(
                    format!("`{}` is not an absolute path", path.display()),
                    "write `true`, or one like \"/dev/log\"",
                )
            }
        }
        _ => value.wrong_type("`true` or a path", "write `journal = true`, or remove it"),
    }
}

fn read_web(table: &Table<'_>, files: &mut Files) -> Option<Web> {
    let url = if table.has("url") {
        table
            .text("url")
            .and_then(|url| checked(table, url.at, &url.value, None))
    } else {
        file(table, "url_file", files).and_then(|(at, path, text)| checked(table, at, &text, Some(&path)))
    };
    let headers = table
        .value("headers")
        .map_or_else(Vec::new, |value| http::headers(&value));
    let headers = headers
        .into_iter()
        .map(|(name, text)| (name, Secret(text)))
        .collect();
    let mut secret = |key| file(table, key, files).map(|(_, _, text)| Secret(text));
    let (signing, routing) = (secret("secret_file"), secret("routing_key_file"));
    let ca_file = table.text("ca_file").and_then(|written| {
        let path = files.below(table.source, &written.value);
        files
            .certificates(table.source, written.at, &path)
            .then_some(path)
    });
    let (url, shown) = url?;
    if ca_file.is_some() && !shown.starts_with("https") {
        table.source.error(
            table.place_of("ca_file"),
            "`ca_file` without TLS",
            "write a `url` that begins with `https://`, or remove it",
        );
    }
    Some(Web {
        url: Secret(url),
        shown,
        headers,
        secret: signing,
        routing_key: routing,
        ca_file,
    })
}

/// The URL, and what may be shown of it. One that comes from the file `from` is not quoted.
fn checked(
    table: &Table<'_>,
    at: usize,
    text: &str,
    from: Option<&std::path::Path>,
) -> Option<(String, String)> {
    let called = from.map_or_else(
        || format!("`{text}`"),
        |path| format!("what {} holds", path.display()),
    );
    let refuse = |what: String, instead: &str| {
        table.source.error(at, what, instead);
        None
    };
    const INSTEAD: &str = "write one like \"https://hooks.example.test/pointsman\"";
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return refuse(format!("{called} is not a URL: {error}"), INSTEAD),
    };
    let Some(host) = url
        .host_str()
        .filter(|_| matches!(url.scheme(), "http" | "https"))
    else {
        return refuse(format!("{called} is not a URL of `http` or `https`"), INSTEAD);
    };
    if url.fragment().is_some() {
        return refuse(
            format!("{called} has a `#`, which no server sees"),
            "remove it and what follows",
        );
    }
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    let shown = format!("{}://{host}{port}", url.scheme());
    Some((url.into(), shown))
}

/// Place, path and content of the file that `key` names, without white space around it.
fn file(table: &Table<'_>, key: &'static str, files: &mut Files) -> Option<(usize, PathBuf, String)> {
    let written = table.text(key)?;
    let path = files.below(table.source, &written.value);
    let problem = match files.text(&path) {
        Ok(text) if text.trim().is_empty() => "it is empty".to_owned(),
        Ok(text) if text.trim().contains(char::is_control) => "it has more than one line".to_owned(),
        Ok(text) => return Some((written.at, path, text.trim().to_owned())),
        Err(reason) => reason,
    };
    let instead = match key {
        "secret_file" => "put one long random line into it, for example by `openssl rand -hex 32`",
        "url_file" => "put the URL into it, relative to this file",
        _ => "put the integration key into it, relative to this file",
    };
    table.source.error(
        written.at,
        format!("cannot use {}: {problem}", path.display()),
        instead,
    );
    None
}

/// Reports a format that does not go with the way, or lacks something.
fn fits(table: &Table<'_>, format: &At<&'static str>, way: Option<&Way>) {
    let of_log = matches!(format.value, "journal" | "syslog");
    let wrong = match way {
        None => return,
        Some(Way::Log(_)) => !of_log,
        Some(Way::Web(_)) => of_log,
        Some(Way::Program(..)) => format.value != "json",
    };
    if wrong {
        let (what, instead) = match way {
            Some(Way::Log(_)) => ("a log", "write \"journal\" or \"syslog\", or remove it"),
            Some(Way::Program(..)) => ("a program", "remove it: a program is given JSON"),
            _ => (
                "a `url`",
                "write \"json\", \"slack\", \"pagerduty\" or \"alertmanager\"",
            ),
        };
        table.source.error(
            format.at,
            format!("format `{}` is not for {what}", format.value),
            instead,
        );
    }
    // A routing key that is written with a mistake was reported.
    if format.value == "pagerduty" && !wrong && !table.has("routing_key_file") {
        table.source.error(
            format.at,
            "format `pagerduty` without `routing_key_file`",
            "put the integration key of PagerDuty's service into a file and name it",
        );
    }
    if format.value != "pagerduty" && table.has("routing_key_file") && matches!(way, Some(Way::Web(_))) {
        table.source.error(
            table.place_of("routing_key_file"),
            "`routing_key_file` belongs to format `pagerduty`",
            "write `format = \"pagerduty\"`, or remove it",
        );
    }
}

fn events(value: &Value<'_>) -> Option<Events> {
    if let DeValue::String(text) = value.toml {
        match text.as_ref() {
            "alarms" => return Some(Events::Alarms),
            "all" => return Some(Events::All),
            _ => {}
        }
    }
    let elements = value.elements();
    let count = elements.len();
    if count == 0 {
        return value.refuse(
            "`events` is empty: nothing would be told",
            "write \"alarms\", \"all\" or kinds",
        );
    }
    let kinds: Vec<String> = elements.iter().filter_map(kind).collect();
    (kinds.len() == count).then_some(Events::Kinds(kinds))
}

fn kind(value: &Value<'_>) -> Option<String> {
    let text = value.text()?.value;
    let known = KINDS.iter().any(|kind| match kind.strip_suffix('*') {
        Some(head) => text.starts_with(head),
        None => *kind == text,
    });
    if known {
        return Some(text);
    }
    let choices = KINDS.iter().copied().chain(["alarms", "all"]);
    value.refuse(
        format!("there is no kind of event `{text}`"),
        suggestion(&text, choices, "write \"alarms\", \"all\" or kinds:"),
    )
}

fn selector(value: &Value<'_>) -> Option<Selector> {
    const INSTEAD: &str = "write the name of a service, or a pattern like \"*.example.test\"";
    let text = value.text()?;
    match Selector::parse(&text.value) {
        Ok(selector) if !text.value.contains('/') => Some(selector),
        Ok(_) => value.refuse(format!("`{}` names more than a service", text.value), INSTEAD),
        Err(error) => value.refuse(error.to_string(), INSTEAD),
    }
}
