//! `[process]`: who the server is to the system. Read before anything else, since it is who reads the rest.

use std::path::Path;
use std::sync::Arc;

use crate::config::keys;
use crate::config::load::files::{self, Files};
use crate::config::raw::document::{Source, Table};
use crate::model::process::{Filter, ProcessSettings};

/// `[process]` of the server file's `table`.
pub(crate) fn read(table: &Table<'_>) -> ProcessSettings {
    let process = table.table("process", &keys::PROCESS);
    let (user, group) = (process.text("user"), process.text("group"));
    if let (None, Some(group)) = (&user, &group) {
        process
            .source
            .error(group.at, "`group` without `user`", "write `user = …` beside it");
    }
    let filter = process
        .value("seccomp")
        .and_then(|value| value.one_of(&["enforce", "log", "off"], &[]));
    let settings = ProcessSettings {
        user: user.map(|user| user.value),
        group: group.map(|group| group.value),
        no_new_privileges: process.boolean("no_new_privs").map(|yes| yes.value),
        filter: match filter.map(|filter| filter.value) {
            Some("log") => Filter::Log,
            Some("off") => Filter::Off,
            _ => Filter::Enforce,
        },
        keep_raw_sockets: process.boolean_or_default("keep_raw_sockets"),
        core_dumps: process.boolean_or_default("core_dumps"),
    };
    if settings.no_new_privileges == Some(false) && settings.filter != Filter::Off && process.has("seccomp") {
        process.source.error(
            process.place_of("seccomp"),
            "a filter of system calls needs `no_new_privs`",
            "write `seccomp = \"off\"`, or remove `no_new_privs = false`",
        );
    }
    settings
}

/// `[process]` of the server file at `path`; the defaults where it cannot be read, which whoever loads it then will say.
#[must_use]
pub fn peek(path: &Path) -> ProcessSettings {
    let path = files::tidy(path);
    let Ok(text) = Files::default().readable(&path) else {
        return ProcessSettings::default();
    };
    let source = Source::new(Arc::from(path), text);
    let document = source.parse();
    if source.has_errors() {
        return ProcessSettings::default();
    }
    read(&Table::open(&source, vec![&keys::SERVER], 0, &document))
}
