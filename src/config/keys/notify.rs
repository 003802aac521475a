//! Keys of notifications.

use std::time::Duration;

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// `[[notify]]`
pub static NOTIFY: Section = Section {
    title: "[[notify]]",
    keys: &[
        key(
            "name",
            Kind::Text,
            Fallback::Required,
            "what it is called; what is owed to it is kept under this name",
        ),
        key(
            "url",
            Kind::Text,
            Fallback::Words("none; one of `url`, `url_file`, `exec`, `journal` is required"),
            "where events are posted to, by `http` or `https`",
        ),
        key(
            "url_file",
            Kind::Path,
            Fallback::Nothing,
            "file with the URL, where that is a secret itself (Slack)",
        ),
        key(
            "exec",
            Kind::Forms("list: program (absolute path) and arguments"),
            Fallback::Nothing,
            "program that is run for each event, which it finds in its standard input",
        ),
        key(
            "journal",
            Kind::Forms("`true`, or path of a socket"),
            Fallback::Nothing,
            "events go to the system's log: journald's socket, else `/dev/log`",
        ),
        key(
            "format",
            Kind::OneOf(&["json", "slack", "pagerduty", "alertmanager", "journal", "syslog"]),
            Fallback::Words("`\"json\"`; of a log: as its socket takes it"),
            "what is told; `journal` and `syslog` are for logs, the others for `url`",
        ),
        key(
            "events",
            Kind::Forms("`\"alarms\"`, `\"all\"`, or list of kinds of events"),
            Fallback::Text(defaults::NOTIFY_EVENTS),
            "which events; `alarms` are those somebody should look at, and their ends",
        ),
        key(
            "services",
            Kind::Texts,
            Fallback::Words("all"),
            "only events of these services (names or patterns like `*.example.test`), and those of no service",
        ),
        key(
            "headers",
            Kind::Forms("table of header names and texts"),
            Fallback::Nothing,
            "further request headers",
        ),
        key(
            "secret_file",
            Kind::Path,
            Fallback::Words("not signed"),
            "file with the secret that bodies are signed with (HMAC-SHA256)",
        ),
        key(
            "routing_key_file",
            Kind::Path,
            Fallback::Words("none; required for format `pagerduty`"),
            "file with PagerDuty's integration key",
        ),
        key(
            "ca_file",
            Kind::Path,
            Fallback::Words("the system's authorities"),
            "PEM file with the authorities that may vouch for the receiver",
        ),
        key(
            "timeout",
            Kind::Duration(Duration::from_millis(100), Duration::from_secs(300)),
            Fallback::Duration(defaults::NOTIFY_TIMEOUT),
            "a delivery that takes longer has failed",
        ),
        key(
            "longest_wait",
            Kind::Duration(Duration::from_millis(100), Duration::from_secs(3600)),
            Fallback::Duration(defaults::NOTIFY_LONGEST_WAIT),
            "between two tries, at the most; the first wait is half a second, each further one twice as long",
        ),
        key(
            "backlog",
            Kind::Integer(10, 1_000_000),
            Fallback::Integer(defaults::NOTIFY_BACKLOG),
            "events that may be owed; past that the oldest are given up, which is said",
        ),
    ],
    later: &[],
};
