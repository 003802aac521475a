//! Master files of zones: opened within the zones directory, read by `zone::master`, kept while unchanged.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{self, Files};
use crate::model::diagnostic::Diagnostic;
use crate::wire::name::Name;
use crate::zone::contents::Contents;
use crate::zone::contents::later::Reading;
use crate::zone::master::pieces::Pieces;
use crate::zone::master::{self, Includes, include::confine};
use crate::zone::places::Places;
use crate::zone::semantics;

/// A master file with all that it includes, as read.
#[derive(Debug)]
pub(crate) struct Records {
    origin: Name,
    /// The names that services answered for.
    services: Vec<Name>,
    /// Nothing when there is a mistake.
    pub(crate) contents: Option<Arc<Contents>>,
    pub(crate) found: Vec<Diagnostic>,
    stamps: Vec<Stamp>,
}

/// What a file was when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    path: PathBuf,
    /// Nothing for a file that could not be opened.
    octets: Option<(usize, u64)>,
}

impl Stamp {
    fn of(path: &Path, octets: &[u8]) -> Self {
        let mut sum = Sum::default();
        octets.chunks(files::BLOCK).for_each(|block| sum.add(block));
        sum.stamp(path)
    }
}

/// The stamp of a file that is read block by block ([`files::BLOCK`]).
struct Sum {
    length: usize,
    hasher: foldhash::quality::FoldHasher<'static>,
}

impl Default for Sum {
    fn default() -> Self {
        Self {
            length: 0,
            hasher: foldhash::quality::FixedState::default().build_hasher(),
        }
    }
}

impl Sum {
    fn add(&mut self, block: &[u8]) {
        self.length += block.len();
        self.hasher.write(block);
    }

    fn stamp(&self, path: &Path) -> Stamp {
        Stamp {
            path: path.to_owned(),
            octets: Some((self.length, self.hasher.finish())),
        }
    }
}

impl Records {
    /// The files it was read from.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.stamps.iter().map(|stamp| stamp.path.as_path())
    }
}

/// What was read before, by master file, or by TOML file for SOA and NS that were made.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordsCache {
    read: HashMap<PathBuf, Arc<Records>>,
    made: HashMap<PathBuf, Arc<Contents>>,
}

impl RecordsCache {
    /// Keeps what was read from `path`.
    pub(crate) fn keep(&mut self, path: &Path, records: Arc<Records>) {
        self.read.insert(path.to_owned(), records);
    }

    /// Keeps contents that were made for the TOML file `path`: those of `before` when nothing differs.
    pub(crate) fn keep_made(
        &mut self,
        before: Option<&Self>,
        path: &Path,
        contents: Contents,
    ) -> Arc<Contents> {
        let same = before
            .and_then(|before| before.made.get(path))
            .filter(|old| old.origin() == contents.origin() && old.records().eq(contents.records()));
        let kept = same.map_or_else(|| Arc::new(contents), Arc::clone);
        self.made.insert(path.to_owned(), Arc::clone(&kept));
        kept
    }
}

/// Where `records = "written"` of the zone file `from` is: within `directory`, symbolic links followed.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(crate) fn locate(directory: &Path, from: &Path, written: &str) -> Result<PathBuf, (String, String)> {
    let outside = || {
        (
            format!("`{written}` is outside of the zones directory"),
            format!("put the file into {}", directory.display()),
        )
    };
    let path = confine(directory, from, written).map_err(|_| outside())?;
    if follows_within(directory, &path) {
        Ok(path)
    } else {
        Err(outside())
    }
}

/// Whether `path` stays within `directory` when symbolic links are followed; so does what does not exist.
fn follows_within(directory: &Path, path: &Path) -> bool {
    match (directory.canonicalize(), path.canonicalize()) {
        (Ok(directory), Ok(path)) => path.starts_with(directory),
        _ => true,
    }
}

/// Reads the master file at `path` of the zone `origin`, in which `services` answer for these names; the result of
/// `before` when no octet has changed.
///
/// # Errors
/// Why the file cannot be read.
pub(crate) fn read(
    directory: &Path,
    path: &Path,
    origin: &Name,
    services: &[Name],
    files: &mut Files,
    before: Option<&RecordsCache>,
) -> Result<Arc<Records>, String> {
    let known = before.and_then(|before| before.read.get(path));
    if let Some(known) = known.filter(|known| known.origin == *origin && known.services == services)
        && let Some(records) = later(path, known, files)
    {
        return Ok(records);
    }
    let octets = files.octets(path).map_err(|error| files::reason(&error))?;
    let first = Stamp::of(path, &octets);
    if let Some(known) = known
        && known.origin == *origin
        && known.services == services
        && known.stamps.first() == Some(&first)
        && known
            .stamps
            .iter()
            .skip(1)
            .all(|stamp| *stamp == stamp_of(&stamp.path, files))
    {
        return Ok(Arc::clone(known));
    }
    let mut opened = Opened {
        directory,
        files,
        stamps: vec![first],
    };
    let name: Arc<Path> = Arc::from(path);
    let read = master::read(&octets, &name, origin, &mut opened);
    let mut found = read.diagnostics;
    found.extend(semantics::check(&read.contents, &read.places, services));
    let refused = found.iter().any(Diagnostic::is_error);
    Ok(Arc::new(Records {
        origin: origin.clone(),
        services: services.to_vec(),
        contents: (!refused).then(|| Arc::new(read.contents)),
        found,
        stamps: opened.stamps,
    }))
}

/// Records from which on a file is not read as a whole when it can be helped.
const LARGE: usize = 10_000;

/// The short way for a large zone of one file without a fault: read block by block and held against what is known, so
/// that neither the text nor all records are in memory twice. `None`: it must be read as a whole, to say what is wrong
/// and where.
fn later(path: &Path, known: &Arc<Records>, files: &mut Files) -> Option<Arc<Records>> {
    let contents = known.contents.as_ref()?;
    let [before] = known.stamps.as_slice() else {
        return None;
    };
    if contents.len() < LARGE || !known.found.is_empty() {
        return None;
    }
    let mut sum = Sum::default();
    let add = |block: &[u8]| {
        sum.add(block);
        true
    };
    if !files.blocks(path, add).ok()? {
        return None;
    }
    if sum.stamp(path) == *before {
        return Some(Arc::clone(known));
    }
    // Once more: it may be another file by now, so that it is stamped as what is read here.
    let (mut sum, mut pieces) = (Sum::default(), Pieces::new(contents, &Arc::from(path)));
    let whole = files.blocks(path, |block| {
        sum.add(block);
        pieces.read(block)
    });
    if !whole.ok()? {
        return None;
    }
    let contents = match pieces.finish()? {
        Reading::Same => Arc::clone(contents),
        Reading::Changed(changed) => Arc::new(changed),
    };
    // What is found there has no place, and is found again with it.
    let sound = semantics::check(&contents, &Places::none(), &known.services).is_empty();
    sound.then(|| {
        Arc::new(Records {
            origin: known.origin.clone(),
            services: known.services.clone(),
            contents: Some(contents),
            found: Vec::new(),
            stamps: vec![sum.stamp(path)],
        })
    })
}

fn stamp_of(path: &Path, files: &mut Files) -> Stamp {
    match files.octets(path) {
        Ok(octets) => Stamp::of(path, &octets),
        Err(_) => Stamp {
            path: path.to_owned(),
            octets: None,
        },
    }
}

/// Opens what `$INCLUDE` names, within the zones directory.
struct Opened<'a> {
    directory: &'a Path,
    files: &'a mut Files,
    stamps: Vec<Stamp>,
}

impl Includes for Opened<'_> {
    fn open(&mut self, written: &str, from: &Path) -> Result<(Arc<Path>, Vec<u8>), String> {
        let path = confine(self.directory, from, written)?;
        if !follows_within(self.directory, &path) {
            return Err(format!(
                "`{written}` leads out of the zones directory through a symbolic link"
            ));
        }
        match self.files.octets(&path) {
            Ok(octets) => {
                self.stamps.push(Stamp::of(&path, &octets));
                Ok((Arc::from(path), octets))
            }
            Err(error) => {
                self.stamps.push(Stamp {
                    path: path.clone(),
                    octets: None,
                });
                Err(format!(
                    "cannot read {}: {}",
                    path.display(),
                    files::reason(&error)
                ))
            }
        }
    }
}
