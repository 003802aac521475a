//! Noticing that configuration changed: the server file, the zones directory, and every file that either names.
//!
//! Notifications of the system (`notify`) only wake a thread up; whether anything *is* different is told by comparing
//! what the files look like (size, time of change, identity), so that reading a file, editors' backups and replaced
//! symbolic links (as containers mount configuration) neither cause a reload nor escape one. Where notifications do
//! not work (network file systems, exhausted watches) the comparison is made at intervals.
//!
//! A burst of changes (a checkout, an editor's write and rename) is one notice: it is given when the files have been
//! quiet for [`QUIET`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::config::load::Loaded;

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
    files: BTreeSet<PathBuf>,
    directory: PathBuf,
}

/// What a file looks like without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    size: u64,
    changed: Option<SystemTime>,
    /// Which file it is, after all symbolic links.
    identity: Option<PathBuf>,
    #[cfg(unix)]
    inode: u64,
}

impl Watched {
    fn of(loaded: &Loaded) -> Self {
        Self {
            files: loaded.files.iter().cloned().collect(),
            directory: loaded.directory.clone(),
        }
    }

    /// The directories to be notified of: files are replaced by renaming, which only their directory tells.
    fn directories(&self) -> BTreeSet<PathBuf> {
        let parents = self.files.iter().filter_map(|file| file.parent());
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
    fn look(&self) -> BTreeMap<PathBuf, Option<Look>> {
        let zones = std::fs::read_dir(&self.directory).into_iter().flatten();
        let zones = zones.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| {
            let hidden = path
                .file_name()
                .is_none_or(|name| name.to_string_lossy().starts_with('.'));
            let extension = path.extension().and_then(|extension| extension.to_str());
            !hidden && matches!(extension, Some("toml" | "zone"))
        });
        self.files
            .iter()
            .cloned()
            .chain(zones)
            .map(|path| {
                let look = look(&path);
                (path, look)
            })
            .collect()
    }
}

fn look(path: &Path) -> Option<Look> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Look {
        size: metadata.len(),
        changed: metadata.modified().ok(),
        identity: path.canonicalize().ok(),
        #[cfg(unix)]
        inode: std::os::unix::fs::MetadataExt::ino(&metadata),
    })
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
        // Compared with what is there now, before anything else is done.
        let seen = watched.look();
        let thread = thread::Builder::new().name("watch".to_owned()).spawn(move || {
            let mut follower = Follower {
                watcher: None,
                watched: Watched::default(),
                seen,
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
    /// What was there when the last notice was given.
    seen: BTreeMap<PathBuf, Option<Look>>,
}

impl Follower {
    fn follow(&mut self, watched: Watched, stirred: &Sender<Told>) {
        if self.watcher.is_none() || self.watched.directories() != watched.directories() {
            self.watcher = watcher(&watched, stirred);
        }
        // Files that are followed from now on are as they were read; the others keep what was seen.
        let now = watched.look();
        self.seen = now
            .into_iter()
            .map(|(path, look)| {
                let look = self.seen.get(&path).cloned().unwrap_or(look);
                (path, look)
            })
            .collect();
        self.watched = watched;
    }

    fn run(&mut self, told: &Receiver<Told>, stirred: &Sender<Told>, notices: &mpsc::Sender<()>) {
        loop {
            let patience = if self.watcher.is_some() { SELDOM } else { OFTEN };
            match told.recv_timeout(patience) {
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Told::Follow(watched)) => self.follow(watched, stirred),
                Ok(Told::Stirred) => {
                    if self.wait_until_quiet(told, stirred).is_none() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
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
