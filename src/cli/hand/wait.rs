//! `drain --wait`: until caches have let go of what is drained.

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::client::Client;
use crate::cli::hand::Standing;
use crate::cli::{Common, output};
use crate::model::selector::Selector;

/// How often the server is asked at the most.
const LOOK: Duration = Duration::from_secs(1);
/// An answer that others still give after this time goes on being given.
const PATIENCE: Duration = Duration::from_secs(3);

/// Exit code 0 when all of it is safe to stop; 1 when it was released meanwhile, or services outside of the selector
/// go on answering an address of it.
///
/// # Errors
/// When the server answers no more.
pub(super) fn until_safe(common: &Common, select: &str) -> anyhow::Result<ExitCode> {
    let client = Client::new(common)?;
    let select = Selector::parse(select)?;
    let (mut said, mut still_for) = (String::new(), Duration::ZERO);
    loop {
        let standing: Vec<Standing> = client.get("/v1/overrides", &[])?;
        let mine = |over: &&Standing| over.forced.place.is_none() && over.forced.select == select.as_str();
        let Some(over) = standing.iter().find(mine) else {
            output::fault(&format!("{select} is not drained any more"));
            return Ok(ExitCode::FAILURE);
        };
        let waits = || {
            over.endpoints
                .iter()
                .filter_map(|touched| Some((touched, touched.wait.as_ref()?)))
        };
        if waits().all(|(_, wait)| wait.safe) {
            output::line("safe to stop: no compliant cache holds an address of it");
            return Ok(ExitCode::SUCCESS);
        }
        let left = waits().filter_map(|(_, wait)| wait.left_ms).max();
        let still: Vec<String> = waits()
            .filter(|(_, wait)| !wait.still_answered_by.is_empty())
            .map(|(touched, wait)| format!("{}/{}: {}", touched.service, touched.endpoint, wait.words()))
            .collect();
        match left {
            Some(left) => {
                let last = waits().max_by_key(|(_, wait)| wait.left_ms);
                let words = last.map(|(_, wait)| wait.words()).unwrap_or_default();
                let until = words.split(" (").next().unwrap_or_default().to_owned();
                if said != until {
                    output::note(&words);
                    said = until;
                }
                std::thread::sleep(Duration::from_millis(left.max(10)).min(LOOK));
            }
            None if still_for < PATIENCE && !still.is_empty() => {
                still_for += LOOK;
                std::thread::sleep(LOOK);
            }
            None => {
                output::fault(&format!(
                    "it is drained, but not safe to stop: {}",
                    still.join("; ")
                ));
                return Ok(ExitCode::FAILURE);
            }
        }
    }
}
