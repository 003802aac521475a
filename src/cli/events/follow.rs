//! `events --follow`: what happens from now on, from the server's stream; what a broken connection missed is fetched.

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::arguments::Events;
use crate::cli::client::Client;
use crate::cli::events::{Page, print};
use crate::cli::unanswered::Unanswered;
use crate::cli::{Common, output};
use crate::control::timeline::Entry;

/// Between two tries to reach a server that is gone.
const AGAIN: Duration = Duration::from_secs(1);
/// Without a word for so long the connection is dead: the server says something every ten seconds.
const SILENCE: Duration = Duration::from_secs(30);

/// Prints what happens behind the entry numbered `seen`, until Ctrl-C.
///
/// # Errors
/// When the server refuses, or was never there.
pub(super) fn follow(
    common: &Common,
    client: &Client,
    options: &Events,
    seen: Option<u64>,
) -> anyhow::Result<ExitCode> {
    let mut tail = Tail {
        common,
        client,
        options,
        seen,
        told: false,
    };
    loop {
        match tail.read() {
            Ok(true) => return Ok(ExitCode::SUCCESS),
            Err(Unanswered::Refused { status, detail }) if status < 500 => {
                return Err(Unanswered::Refused { status, detail }.into());
            }
            Err(error) if !tail.told => {
                tail.told = true;
                output::note(&format!("{error}; trying again"));
            }
            Ok(false) | Err(_) => {}
        }
        let ended = client.block_on(async {
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => false,
                _ = tokio::signal::ctrl_c() => true,
            }
        });
        if ended {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

struct Tail<'a> {
    common: &'a Common,
    client: &'a Client,
    options: &'a Events,
    /// The last entry that was looked at; `None`: none yet.
    seen: Option<u64>,
    /// Whether it was said that the server is gone.
    told: bool,
}

impl Tail<'_> {
    /// Reads the stream to its end; whether that was Ctrl-C.
    fn read(&mut self) -> Result<bool, Unanswered> {
        let mut stream = self.client.stream("/v1/stream", self.seen)?;
        self.told = false;
        let (mut event, mut buffer) = (String::new(), Vec::new());
        loop {
            let piece = self.client.block_on(async {
                tokio::select! {
                    piece = tokio::time::timeout(SILENCE, stream.chunk()) => Some(piece),
                    _ = tokio::signal::ctrl_c() => None,
                }
            });
            let Some(piece) = piece else { return Ok(true) };
            let Ok(Ok(Some(octets))) = piece else {
                return Ok(false);
            };
            buffer.extend_from_slice(&octets);
            while let Some(end) = buffer.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end();
                if let Some(name) = line.strip_prefix("event:") {
                    name.trim().clone_into(&mut event);
                } else if let Some(data) = line.strip_prefix("data:") {
                    self.heard(&event, data.trim())?;
                }
            }
        }
    }

    fn heard(&mut self, event: &str, data: &str) -> Result<(), Unanswered> {
        match event {
            // Between the last look and now something may have happened.
            "hello" | "resync" => self.catch_up(),
            "entry" => match serde_json::from_str::<Entry>(data) {
                Ok(entry) => self.show(&entry),
                Err(_) => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Fetches what is behind the last entry that was seen.
    fn catch_up(&mut self) -> Result<(), Unanswered> {
        while let Some(seen) = self.seen {
            let after = seen.to_string();
            let page: Page = self
                .client
                .get("/v1/events", &[("after", &after), ("limit", "1000")])?;
            for entry in &page.items {
                self.show(entry)?;
            }
            if page.items.len() < 1000 {
                break;
            }
        }
        Ok(())
    }

    fn show(&mut self, entry: &Entry) -> Result<(), Unanswered> {
        if self.seen.is_some_and(|seen| entry.seq <= seen) {
            return Ok(());
        }
        self.seen = Some(entry.seq);
        let options = self.options;
        let service = options.service.as_deref().map(|name| name.trim_end_matches('.'));
        let kinds = options.kind.as_deref();
        let fits = service.is_none_or(|name| entry.services.iter().any(|one| one.eq_ignore_ascii_case(name)))
            && kinds.is_none_or(|kinds| kinds.split(',').any(|kind| kind.trim() == entry.kind))
            && (!options.alarms || entry.alarm);
        if fits {
            print(self.common, entry)?;
        }
        Ok(())
    }
}
