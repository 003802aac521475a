//! What is in force and how it came there: publications, overrides, reloads, the store.

use std::collections::BTreeMap;

use crate::metrics::families as f;
use crate::metrics::panel::Panel;
use crate::metrics::reloads::Reloads;
use crate::metrics::text::{Text, labels};
use crate::model::force::ForceKind;

/// Writes them.
pub(super) fn write(text: &mut Text, panel: &Panel, reloads: &Reloads) {
    text.family(&f::PUBLISH).times("", &panel.publishes);
    text.family(&f::SCRAPES).times("", &panel.scrapes);
    let mut samples = text.family(&f::EVENTS);
    for ((kind, alarm), count) in &panel.events {
        let alarm = if *alarm { "true" } else { "false" };
        samples.count(&labels(&[("kind", kind), ("alarm", alarm)]), *count);
    }
    let mut samples = text.family(&f::HISTORY);
    samples.count(&labels(&[("outcome", "written")]), panel.history.written);
    samples.count(&labels(&[("outcome", "dropped")]), panel.history.dropped);
    text.family(&f::HISTORY_FAILURES)
        .count("", panel.history.failures);
    text.family(&f::HISTORY_WAITING).count("", panel.history.waiting);
    let mut overrides: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for kind in [ForceKind::Drain, ForceKind::Up, ForceKind::Down] {
        for source in ["command", "file"] {
            overrides.insert((kind.as_str(), source), 0);
        }
    }
    for (kind, in_file) in &panel.gauges.overrides {
        let source = if *in_file { "file" } else { "command" };
        *overrides.entry((kind.as_str(), source)).or_default() += 1;
    }
    let mut samples = text.family(&f::OVERRIDES);
    for ((kind, source), count) in overrides {
        samples.count(&labels(&[("kind", kind), ("source", source)]), count);
    }
    let (loaded, refused) = reloads.counts();
    let mut samples = text.family(&f::RELOADS);
    samples.count(&labels(&[("outcome", "loaded")]), loaded);
    samples.count(&labels(&[("outcome", "refused")]), refused);
    text.family(&f::RELOAD_OK).flag("", reloads.last_succeeded());
    let at = reloads.at().0.saturating_mul(1_000_000);
    text.family(&f::RELOAD_AT).nanos("", at);
    text.family(&f::STORE).flag("", panel.store_trouble);
}
