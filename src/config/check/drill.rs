//! `[drill]`: when failovers are rehearsed by themselves.

use crate::config::defaults;
use crate::config::raw::document::Table;
use crate::model::drill::{DrillSettings, Window};
use crate::model::selector::Selector;

/// `[drill]`.
pub(crate) fn drill(table: &Table<'_>) -> DrillSettings {
    let mut settings = DrillSettings {
        every: table.duration("every").map(|every| every.value),
        window: Window::parse(defaults::DRILL_WINDOW).unwrap_or_default(),
        services: Vec::new(),
        lasting: table.duration_or_default("for"),
    };
    if let Some(written) = table.text("window") {
        match Window::parse(&written.value) {
            Some(window) => settings.window = window,
            None => table.source.error(
                written.at,
                format!("`{}` is no part of a day", written.value),
                "write two times in UTC, like \"02:00-04:00\"",
            ),
        }
        if settings.window.length() < settings.lasting {
            table.source.error(
                written.at,
                "a drill would last longer than its window",
                "make the window longer, or `for` shorter",
            );
        }
    }
    for written in table.each("services", |value| value.text()) {
        match Selector::parse(&written.value) {
            Ok(select) => settings.services.push(select),
            Err(error) => table.source.error(
                written.at,
                error.to_string(),
                "write a service's name, or a pattern like \"*.example.test\"",
            ),
        }
    }
    if settings.every.is_none() && (table.has("window") || table.has("services")) && !table.has("every") {
        table.source.warn(
            table.at,
            "a window or services without `every`: nothing would be rehearsed",
            "add `every = \"30d\"`",
        );
    }
    settings
}
