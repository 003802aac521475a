//! A program that is run for each entry: JSON in its standard input, the most wanted of it in its environment.
//!
//! Exit status 0 confirms; 65 (`EX_DATAERR`) refuses this entry; anything else is tried again. It leads a process group
//! of its own, which is killed as a whole when it has ended or its time is over.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::announce::carrier::Carrier;
use crate::announce::format::json;
use crate::announce::message::Message;
use crate::announce::queue::Outcome;
use crate::sys::process;

/// Where programs that the program calls are looked for.
const SEARCH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";
/// `EX_DATAERR` of `sysexits.h`.
const REFUSED: i32 = 65;

/// A receiver that is a program.
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) timeout: Duration,
}

/// A child with its group: both end with this.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // Known until it was reaped, hence still its own. Who is left unreaped is reaped by the runtime.
        if let Some(leader) = self.0.id() {
            process::kill_group(leader);
        }
    }
}

impl Program {
    async fn run(&self, message: &Message) -> io::Result<std::process::ExitStatus> {
        // Before the start, so that no end is missed.
        let mut ends = signal(SignalKind::child())?;
        let input = serde_json::to_vec(&json::body(message))?;
        let mut group = Group(self.start(message)?);
        let writes = group.0.stdin.take();
        let writing = async {
            if let Some(mut stdin) = writes {
                // A program that has read enough may have closed it.
                let _ = stdin.write_all(&input).await;
                let _ = stdin.write_all(b"\n").await;
            }
        };
        let leader = group.0.id().unwrap_or_default();
        let ending = async {
            while !process::has_ended(leader)? {
                ends.recv().await;
            }
            io::Result::Ok(())
        };
        tokio::pin!(writing, ending);
        let mut written = false;
        loop {
            tokio::select! {
                ended = &mut ending => break ended?,
                () = &mut writing, if !written => written = true,
            }
        }
        process::kill_group(leader);
        group.0.wait().await
    }

    fn start(&self, message: &Message) -> io::Result<Child> {
        let entry = &message.entry;
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env_clear()
            .env("PATH", SEARCH)
            .env("POINTSMAN_NODE", &*message.node)
            .env("POINTSMAN_HOOK", &*message.hook)
            .env("POINTSMAN_KEY", message.idempotency_key())
            .env("POINTSMAN_ATTEMPT", message.attempt.to_string())
            .env("POINTSMAN_KIND", &entry.kind)
            .env("POINTSMAN_SEQ", entry.seq.to_string())
            .env("POINTSMAN_UNIX_MS", entry.unix_ms.to_string())
            .env("POINTSMAN_ALARM", if entry.alarm { "yes" } else { "no" })
            // A thousand services would not fit: the first ones, and all of them in the standard input.
            .env("POINTSMAN_SERVICES", first(&entry.services).join(" "))
            .env("POINTSMAN_TEXT", entry.text.replace('\0', " "))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        for (name, value) in [
            ("POINTSMAN_ENDPOINT", &entry.endpoint),
            ("POINTSMAN_BY", &entry.by),
        ] {
            if let Some(value) = value {
                command.env(name, value.replace('\0', " "));
            }
        }
        command.spawn()
    }
}

fn first(services: &[String]) -> &[String] {
    services.get(..64).unwrap_or(services)
}

#[async_trait]
impl Carrier for Program {
    async fn carry(&self, message: &Message) -> Outcome {
        let path = self.path.display();
        match tokio::time::timeout(self.timeout, self.run(message)).await {
            Err(_) => Outcome::Unable(
                format!(
                    "{path} did not end within {:?}, and was killed with its children",
                    self.timeout
                ),
                None,
            ),
            Ok(Err(error)) => Outcome::Absent(format!("cannot run {path}: {error}")),
            Ok(Ok(status)) => match status.code() {
                Some(0) => Outcome::Confirmed,
                Some(REFUSED) => Outcome::Refused(format!("{path}: exit status {REFUSED}")),
                Some(code) => Outcome::Unable(format!("{path}: exit status {code}"), None),
                None => {
                    let signal = status.signal().unwrap_or_default();
                    Outcome::Unable(format!("{path} was killed by signal {signal}"), None)
                }
            },
        }
    }
}
