//! Writes down what the signal box sees, in a thread of its own: a slow disk loses lines, which is said, and never
//! holds up a decision.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::simulate::recording::{Entry, Happened};

/// Lines that may wait for the disk.
const QUEUE: usize = 8192;
/// How long a line waits in memory when nothing follows it.
const FLUSH: Duration = Duration::from_millis(200);

/// The signal box's end.
#[derive(Debug)]
pub struct Recorder {
    lines: SyncSender<Entry>,
    lost: u64,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl Recorder {
    /// Appends to the file at `path`; at `limit` octets it becomes `path.1`, and another one is begun.
    ///
    /// # Errors
    /// When the file cannot be opened, or there is no thread to be had.
    pub fn open(path: &Path, limit: u64) -> std::io::Result<Self> {
        let file = Writing::open(path.to_owned(), limit)?;
        let (lines, inbox) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || file.run(&inbox))?;
        Ok(Self {
            lines,
            lost: 0,
            writer: Some(writer),
        })
    }

    /// Hands over an entry; drops it when too many wait.
    pub fn record(&mut self, entry: Entry) {
        if self.lost > 0 {
            let lost = Entry {
                stamp: entry.stamp,
                what: Happened::Lost { count: self.lost },
            };
            if self.lines.try_send(lost).is_ok() {
                self.lost = 0;
            }
        }
        if self.lines.try_send(entry).is_err() {
            self.lost = self.lost.saturating_add(1);
        }
    }
}

impl Drop for Recorder {
    /// Writes what waits.
    fn drop(&mut self) {
        let (closed, _) = sync_channel(0);
        self.lines = closed;
        if let Some(writer) = self.writer.take() {
            // It ends by itself; a panic of its would have been logged.
            let _ = writer.join();
        }
    }
}

struct Writing {
    path: PathBuf,
    file: BufWriter<File>,
    octets: u64,
    limit: u64,
    failures: u64,
}

impl Writing {
    fn open(path: PathBuf, limit: u64) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let octets = file.metadata()?.len();
        Ok(Self {
            path,
            file: BufWriter::new(file),
            octets,
            limit,
            failures: 0,
        })
    }

    fn run(mut self, inbox: &Receiver<Entry>) {
        loop {
            let written = match inbox.recv_timeout(FLUSH) {
                Ok(entry) => self.write(&entry),
                Err(RecvTimeoutError::Timeout) => self.file.flush(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            self.report(written);
        }
        let flushed = self.file.flush();
        self.report(flushed);
    }

    fn write(&mut self, entry: &Entry) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let length = line.len() as u64;
        if self.octets > 0 && self.octets + length > self.limit {
            self.rotate()?;
        }
        self.octets += length;
        self.file.write_all(&line)
    }

    fn rotate(&mut self) -> std::io::Result<()> {
        self.file.flush()?;
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        std::fs::rename(&self.path, old)?;
        let next = Self::open(self.path.clone(), self.limit)?;
        self.file = next.file;
        self.octets = next.octets;
        Ok(())
    }

    /// The first failure is logged, then every power of two.
    fn report(&mut self, result: std::io::Result<()>) {
        if let Err(error) = result {
            self.failures += 1;
            if self.failures.is_power_of_two() {
                let (path, failures) = (self.path.display(), self.failures);
                tracing::error!(target: "pointsman::record", %error, %path, failures, "a recording cannot be written");
            }
        }
    }
}
