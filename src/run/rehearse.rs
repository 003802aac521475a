//! A configuration tried on a copy of the running server's state: what it would change. Nothing is changed by asking.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::api::live::{Outlook, RecordsDiffer, Rehearsal};
use crate::config::load::{Loaded, load_with};
use crate::control::step::Control;
use crate::model::time::Now;
use crate::run::signal_box::Message;
use crate::zone::difference::differences;

/// Answers one question. Why it cannot be answered is told without a word of the file's: whoever asks need not be
/// allowed to read what this process can.
pub async fn rehearse(asked: Rehearsal, current: Arc<Loaded>, messages: mpsc::Sender<Message>) {
    let outcome = outlook(asked.config, current, messages).await;
    // Whoever asked may have left.
    let _ = asked.reply.send(outcome);
}

async fn outlook(
    config: PathBuf,
    current: Arc<Loaded>,
    messages: mpsc::Sender<Message>,
) -> Result<Outlook, String> {
    if !config.is_absolute() {
        return Err("name the configuration by its absolute path".to_owned());
    }
    let (reply, copied) = oneshot::channel();
    let stopping = |_| "the server is stopping".to_owned();
    messages
        .send(Message::Copy(reply))
        .await
        .map_err(|_| stopping(()))?;
    let (control, now) = copied.await.map_err(|_| stopping(()))?;
    let tried = tokio::task::spawn_blocking(move || compare(&control, now, &current, &config));
    tried
        .await
        .map_err(|_| "the comparison broke off; this is a fault of ours".to_owned())?
}

fn compare(control: &Control, now: Now, current: &Loaded, config: &Path) -> Result<Outlook, String> {
    let loaded = load_with(config, Some(&current.previous));
    let Some(plan) = loaded.plan.as_ref().filter(|_| !loaded.has_errors()) else {
        return Err(format!(
            "the server cannot use {}: it is not there for the server's user, or has mistakes (`pointsman check` \
             shows them)",
            config.display()
        ));
    };
    Ok(Outlook {
        forecast: control.foresee(plan, now, &|_| true),
        records: records(current, &loaded),
    })
}

/// Static RRsets that differ between two readings.
#[must_use]
pub fn records(before: &Loaded, after: &Loaded) -> Vec<RecordsDiffer> {
    let zones = |loaded: &Loaded| {
        let plan = loaded.plan.clone();
        plan.map(|plan| {
            plan.zones
                .iter()
                .map(|zone| zone.origin.clone())
                .collect::<Vec<_>>()
        })
        .unwrap_or_default()
    };
    let (old, new) = (zones(before), zones(after));
    let mut origins: Vec<_> = old.iter().chain(&new).collect();
    origins.sort_by_key(|origin| origin.to_string());
    origins.dedup();
    let contents = |loaded: &'_ Loaded, zones: &[crate::wire::name::Name], origin: &_| {
        let index = zones.iter().position(|zone| zone == origin)?;
        loaded.contents.get(index).cloned().flatten()
    };
    origins
        .into_iter()
        .flat_map(|origin| {
            let (was, is) = (contents(before, &old, origin), contents(after, &new, origin));
            differences(was.as_deref(), is.as_deref())
        })
        .map(|difference| RecordsDiffer {
            owner: difference.owner,
            rtype: difference.rtype,
            before: difference.before,
            after: difference.after,
        })
        .collect()
}
