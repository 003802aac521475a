//! Noticing that configuration changed: the server file, the zones directory, and every file that either names.
//!
//! Notifications of the system (`notify`) only wake a thread up; whether anything *is* different is told by comparing
//! what the files look like (size, time of change, identity), so that reading a file, editors' backups and replaced
//! symbolic links (as containers mount configuration) neither cause a reload nor escape one. Where notifications do
//! not work (network file systems, exhausted watches) the comparison is made at intervals.
//!
//! A burst of changes (a checkout, an editor's write and rename) is one notice: it is given when the files have been
//! quiet for [`QUIET`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::config::load::files::{Look, Looks};
use crate::config::load::{Loaded, zones};

/// Editors write, sync and rename within tens of milliseconds; a person does not notice a fifth of a second.
const QUIET: Duration = Duration::from_millis(200);
/// Files that never are quiet (a log beside them) are looked at after this many periods of quiet at the latest.
const MOST_QUIETS: u32 = 10;
/// How often files are compared when there are notifications: a net below them.
const SELDOM: Duration = Duration::from_secs(30);
/// How often files are compared when there are none: nobody waits longer for a saved file to be served.
const OFTEN: Duration = Duration::from_secs(2);

/// Watches files until it is dropped.
#[derive(Debug)]
pub struct Watch {
    tell: Sender<Told>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is told.
enum Told {
    /// Something happened in a watched directory.
    Stirred,
    /// These are to be watched from now on.
    Follow(Watched),
    /// The watch is over.
    Stop,
}

/// What is watched.
#[derive(Clone, Debug, Default)]
struct Watched {
    /// What the files looked like when they were read.
    read: Looks,
    /// The zones directory.
    directory: PathBuf,
}

impl Watched {
    fn of(loaded: &Loaded) -> Self {
        Self {
            read: loaded.looks.clone(),
            directory: loaded.directory.clone(),
        }
    }

    /// The directories to be notified of: files are replaced by renaming, which only their directory tells.
    fn directories(&self) -> BTreeSet<PathBuf> {
        let parents = self.read.keys().filter_map(|file| file.parent());
        parents
            .chain([self.directory.as_path()])
            .map(|parent| {
                if parent.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    parent
                }
            })
            .map(Path::to_path_buf)
            .collect()
    }

    /// What all of it looks like now, zones that appeared included.
    fn look(&self) -> Looks {
        let names = zones::list(&self.directory).unwrap_or_default();
        let zones = names
            .iter()
            .filter(|name| zones::is_zone(name))
            .map(|name| self.directory.join(name));
        self.read
            .keys()
            .cloned()
            .chain(zones)
            .map(|path| {
                let look = Look::at(&path);
                (path, look)
            })
            .collect()
    }
}

impl Watch {
    /// Watches what `loaded` was read from. The receiver gets a notice after each change; notices that nobody took
    /// yet are one.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(loaded: &Loaded) -> std::io::Result<(Self, mpsc::Receiver<()>)> {
        let (notices, receiver) = mpsc::channel(1);
        let (tell, told) = channel();
        let stirred = tell.clone();
        let watched = Watched::of(loaded);
        let thread = thread::Builder::new().name("watch".to_owned()).spawn(move || {
            let mut follower = Follower {
                watcher: None,
                watched: Watched::default(),
                seen: Looks::new(),
            };
            follower.follow(watched, &stirred);
            follower.run(&told, &stirred, &notices);
        })?;
        Ok((
            Self {
                tell,
                thread: Some(thread),
            },
            receiver,
        ))
    }

    /// Watches what `loaded` was read from instead: to be called after each reload, refused or not.
    pub fn follow(&self, loaded: &Loaded) {
        // The thread ends only with this value.
        let _ = self.tell.send(Told::Follow(Watched::of(loaded)));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.tell.send(Told::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's state.
struct Follower {
    /// Nothing when the system gives no notifications.
    watcher: Option<RecommendedWatcher>,
    watched: Watched,
    /// What was there when it was read, or when the last notice was given.
    seen: Looks,
}

impl Follower {
    fn follow(&mut self, watched: Watched, stirred: &Sender<Told>) {
        if self.watcher.is_none() || self.watched.directories() != watched.directories() {
            self.watcher = watcher(&watched, stirred);
        }
        // What changed since it was read, before it was watched, is noticed as well.
        self.seen = watched.read.clone();
        self.watched = watched;
    }

    fn run(&mut self, told: &Receiver<Told>, stirred: &Sender<Told>, notices: &mpsc::Sender<()>) {
        loop {
            if self.watched.look() != self.seen {
                if self.wait_until_quiet(told, stirred).is_none() {
                    return;
                }
                let now = self.watched.look();
                if now != self.seen {
                    self.seen = now;
                    // A full channel holds a notice that nobody took yet: it covers this change as well.
                    if let Err(mpsc::error::TrySendError::Closed(())) = notices.try_send(()) {
                        return;
                    }
                }
            }
            let patience = if self.watcher.is_some() { SELDOM } else { OFTEN };
            match told.recv_timeout(patience) {
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Told::Follow(watched)) => self.follow(watched, stirred),
                Ok(Told::Stirred) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Waits until no change has come for [`QUIET`]; nothing when the watch is over.
    fn wait_until_quiet(&mut self, told: &Receiver<Told>, stirred: &Sender<Told>) -> Option<()> {
        for _ in 0..MOST_QUIETS {
            thread::sleep(QUIET);
            let mut quiet = true;
            for next in told.try_iter() {
                match next {
                    Told::Stirred => quiet = false,
                    Told::Follow(watched) => self.follow(watched, stirred),
                    Told::Stop => return None,
                }
            }
            if quiet {
                break;
            }
        }
        Some(())
    }
}

/// Notifications from the system; nothing when there are none to be had for one of the directories.
fn watcher(watched: &Watched, stirred: &Sender<Told>) -> Option<RecommendedWatcher> {
    let stirred = stirred.clone();
    let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is no change, and loading reads all of them.
        if event.is_ok_and(|event| event.kind.is_access()) {
            return;
        }
        let _ = stirred.send(Told::Stirred);
    });
    let mut watcher = match made {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::warn!(%error, "no notifications of changed files; looking every 2 s instead");
            return None;
        }
    };
    for directory in watched.directories() {
        if let Err(error) = watcher.watch(&directory, RecursiveMode::NonRecursive) {
            tracing::warn!(%error, directory = %directory.display(), "cannot watch; looking every 2 s instead");
            return None;
        }
    }
    Some(watcher)
}
