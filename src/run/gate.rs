//! Programs of `on_failover`: started when the signal box says so, killed with their children when their time is over or
//! nobody waits for them any more.
//!
//! A program finds the switch in its environment and, as JSON, in its standard input. What it writes to either output is
//! evidence; a bounded part of it is kept. Exit status 0 passes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use crate::control::event::{Event, GateTicket};
use crate::control::gate::{GateOrder, GateResult};
use crate::sys::process;

/// Where programs that the program calls are looked for.
const SEARCH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";
/// The signal box stops a gate in time itself; this much later it is stopped whatever happens.
const GRACE: Duration = Duration::from_secs(2);
/// Octets of output that are kept; the rest is read and dropped, so that no program waits for a reader.
const KEPT: usize = 2048;
/// Characters of it that are told.
const TOLD: usize = 400;
/// Octets of output that are read at once.
const CHUNK: usize = 16 * 1024;
/// Chunks that are read after the end at the most: a child that escaped may go on writing.
const LAST_CHUNKS: usize = 8;

/// Programs that run.
#[derive(Debug)]
pub struct Gates {
    handle: Handle,
    events: mpsc::Sender<Event>,
    /// Dropped with this: all of them are killed then.
    tasks: JoinSet<GateTicket>,
    running: HashMap<GateTicket, AbortHandle>,
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

impl Gates {
    /// Runs programs on `handle`; how they ended goes to `events`.
    #[must_use]
    pub fn new(handle: Handle, events: mpsc::Sender<Event>) -> Self {
        Self {
            handle,
            events,
            tasks: JoinSet::new(),
            running: HashMap::new(),
        }
    }

    /// Starts a program; one `Event::Gated` is owed, unless it is stopped.
    pub fn start(&mut self, order: GateOrder) {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Ok(ticket) = ended {
                self.running.remove(&ticket);
            }
        }
        let (ticket, events) = (order.ticket, self.events.clone());
        let one = async move {
            let most = order.hook.timeout.saturating_add(GRACE);
            let result = match tokio::time::timeout(most, run(&order)).await {
                Ok(Ok(result)) => result,
                Ok(Err(error)) => {
                    let program = order.hook.program.display();
                    GateResult::Failed(format!("cannot run {program}: {error}"))
                }
                Err(_) => GateResult::Failed(format!(
                    "it did not end within {} s, and was killed",
                    order.hook.timeout.as_secs()
                )),
            };
            // Without a signal box nobody waits for it.
            let _ = events.send(Event::Gated { ticket, result }).await;
            ticket
        };
        let task = self.tasks.spawn_on(one, &self.handle);
        self.running.insert(ticket, task);
    }

    /// Kills a program with its children.
    pub fn stop(&mut self, ticket: GateTicket) {
        if let Some(task) = self.running.remove(&ticket) {
            task.abort();
        }
    }
}

async fn run(order: &GateOrder) -> io::Result<GateResult> {
    // Before the start, so that no end is missed.
    let mut ends = signal(SignalKind::child())?;
    let (mut group, output) = spawn(order)?;
    let told = serde_json::json!({
        "service": order.service, "from": order.from, "to": order.to, "reason": order.why,
        "seq": order.ticket.0, "gate": order.hook.gate, "timeout_ms": order.hook.timeout.as_millis() as u64,
    });
    if let Some(mut input) = group.0.stdin.take() {
        // A pipe has room for so little; a program that closed it does not care.
        let _ = input.write_all(format!("{told}\n").as_bytes()).await;
    }
    let mut heard = Vec::new();
    let leader = group.0.id().unwrap_or_default();
    let mut open = true;
    while !process::has_ended(leader)? {
        tokio::select! {
            _ = ends.recv() => {}
            ready = output.readable(), if open => {
                ready?;
                let mut chunk = [0; CHUNK];
                match output.try_read(&mut chunk) {
                    Ok(0) => open = false,
                    Ok(count) => keep(&mut heard, chunk.get(..count).unwrap_or_default()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    process::kill_group(leader);
    if let Ok(output) = output.into_nonblocking_fd() {
        let mut output = File::from(output);
        let mut chunk = [0; CHUNK];
        for _ in 0..LAST_CHUNKS {
            match output.read(&mut chunk) {
                Ok(count) if count > 0 => keep(&mut heard, chunk.get(..count).unwrap_or_default()),
                // Empty, closed, or interrupted: what is missing is evidence only.
                _ => break,
            }
        }
    }
    let status = group.0.wait().await?;
    Ok(judge(status, &heard))
}

fn keep(heard: &mut Vec<u8>, chunk: &[u8]) {
    let room = KEPT.saturating_sub(heard.len()).min(chunk.len());
    heard.extend_from_slice(chunk.get(..room).unwrap_or_default());
}

/// Starts the program; what it writes to either output comes through one pipe, in order.
fn spawn(order: &GateOrder) -> io::Result<(Group, Receiver)> {
    let (output, input) = io::pipe()?;
    let filled = |argument: &String| {
        argument
            .replace("{service}", &order.service)
            .replace("{from}", &order.from)
            .replace("{to}", &order.to)
    };
    let mut command = Command::new(&order.hook.program);
    command
        .args(order.hook.arguments.iter().map(filled))
        .env_clear()
        .env("PATH", SEARCH)
        .env("POINTSMAN_SERVICE", &order.service)
        .env("POINTSMAN_FROM", &order.from)
        .env("POINTSMAN_TO", &order.to)
        .env("POINTSMAN_REASON", &order.why)
        .env("POINTSMAN_SEQ", order.ticket.0.to_string())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(input.try_clone()?)
        .stderr(input)
        .process_group(0);
    let group = Group(command.spawn()?);
    Ok((group, Receiver::from_owned_fd(OwnedFd::from(output))?))
}

fn judge(status: ExitStatus, heard: &[u8]) -> GateResult {
    let text = String::from_utf8_lossy(heard);
    let words: Vec<&str> = text.split_whitespace().collect();
    let shown: String = words
        .join(" ")
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(TOLD)
        .collect();
    let wrote = if shown.is_empty() {
        String::new()
    } else {
        format!(": {shown}")
    };
    match (status.code(), status.signal()) {
        (Some(0), _) => GateResult::Passed(format!("exit status 0{wrote}")),
        (Some(code), _) => GateResult::Failed(format!("exit status {code}{wrote}")),
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            GateResult::Failed(format!("killed by signal {signal}{wrote}"))
        }
    }
}
