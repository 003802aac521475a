//! Every file that is read, remembered for watching; paths as operators would name them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::config::raw::document::Source;
use crate::model::diagnostic::{Diagnostic, Place};

/// Octets of the largest file that is read: a master file of ten million records.
const MOST: u64 = 1 << 30;
/// Octets that are read at a time where a file is not read as a whole.
pub(crate) const BLOCK: usize = 1 << 16;
/// Octets of the largest TOML file, certificate or token.
const MOST_TEXT: u64 = 1 << 26;

/// Why a file has no text.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// The file, or where in it.
    pub(crate) place: Place,
    pub(crate) reason: String,
    /// What to do about it.
    pub(crate) instead: &'static str,
}

impl Unreadable {
    /// The mistake to report.
    pub(crate) fn found(self) -> Diagnostic {
        Diagnostic::error(self.place, format!("cannot read it: {}", self.reason)).instead(self.instead)
    }
}

/// What a file looks like without reading it: two equal looks are the same content, as far as anybody can tell
/// without reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    size: u64,
    changed: Option<SystemTime>,
    /// Which file it is, after all symbolic links.
    identity: Option<PathBuf>,
    #[cfg(unix)]
    inode: u64,
}

impl Look {
    /// What `path` looks like; nothing when it is not there.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            size: metadata.len(),
            changed: metadata.modified().ok(),
            identity: path.canonicalize().ok(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&metadata),
        })
    }
}

/// What files looked like, by path; nothing for those that were not there.
pub type Looks = BTreeMap<PathBuf, Option<Look>>;

/// Reads files and remembers which, and what they looked like just before.
#[derive(Debug, Default)]
pub(crate) struct Files {
    looks: Looks,
}

impl Files {
    /// Remembers a file without reading it.
    pub(crate) fn note(&mut self, path: &Path) {
        // The first look is the one that counts: a later change may have been missed by the first reading.
        if !self.looks.contains_key(path) {
            self.looks.insert(path.to_owned(), Look::at(path));
        }
    }

    /// What `path` looks like; remembered like what is read.
    pub(crate) fn look(&mut self, path: &Path) -> Option<Look> {
        self.note(path);
        self.looks.get(path).cloned().flatten()
    }

    /// The octets of `path`, which is remembered even when it cannot be read: it may appear.
    ///
    /// # Errors
    /// When it cannot be read, is no plain file, or is larger than 1 GiB.
    pub(crate) fn octets(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        self.note(path);
        readable(path)?;
        std::fs::read(path)
    }

    /// Gives the file block by block ([`BLOCK`]; the last may be shorter) to `take`, as long as that says yes; whether it
    /// did to the end.
    ///
    /// # Errors
    /// As [`Files::octets`].
    pub(crate) fn blocks(&mut self, path: &Path, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
        self.note(path);
        readable(path)?;
        let (mut file, mut block) = (File::open(path)?, Vec::with_capacity(BLOCK));
        loop {
            block.clear();
            let length = file.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
            if length > 0 && !take(&block) {
                return Ok(false);
            }
            if length < BLOCK {
                return Ok(true);
            }
        }
    }

    /// The text of `path`.
    pub(crate) fn text(&mut self, path: &Path) -> Result<String, String> {
        self.readable(path).map_err(|unreadable| unreadable.reason)
    }

    /// The text of `path`; when it has none, where not and why.
    pub(crate) fn readable(&mut self, path: &Path) -> Result<String, Unreadable> {
        let nowhere = |reason| Unreadable {
            place: Place::file(path),
            reason,
            instead: "repair it, or remove it",
        };
        let octets = self.octets(path).map_err(|error| nowhere(reason(&error)))?;
        if octets.len() as u64 > MOST_TEXT {
            return Err(nowhere("it is larger than 64 MiB".to_owned()));
        }
        String::from_utf8(octets).map_err(|error| {
            let octets = error.as_bytes();
            let before = octets.get(..error.utf8_error().valid_up_to()).unwrap_or(octets);
            let before = std::str::from_utf8(before).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            Unreadable {
                place: Place {
                    line: u32::try_from(line).unwrap_or(u32::MAX),
                    column: u32::try_from(column).unwrap_or(u32::MAX),
                    ..Place::file(path)
                },
                reason: format!("it is not UTF-8 at line {line}"),
                instead: "save it as text in UTF-8",
            }
        })
    }

    /// The path of `written` as the file of `source` means it: relative to the file's folder.
    pub(crate) fn below(&self, source: &Source, written: &str) -> PathBuf {
        tidy(&source.file().parent().unwrap_or(Path::new("")).join(written))
    }

    /// Whether `path` holds certificates in PEM; otherwise it is reported at `at`.
    pub(crate) fn certificates(&mut self, source: &Source, at: usize, path: &Path) -> bool {
        let reason = match self.text(path) {
            Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => return true,
            Ok(_) => "it holds no `-----BEGIN CERTIFICATE-----`".to_owned(),
            Err(reason) => reason,
        };
        source.error(
            at,
            format!("cannot use {}: {reason}", path.display()),
            "name a PEM file with the certificates of the authorities, relative to this file",
        );
        false
    }

    /// All that was read, in order of paths.
    pub(crate) fn into_looks(self) -> Looks {
        self.looks
    }
}

/// Refuses what cannot be read to its end.
fn readable(path: &Path) -> io::Result<()> {
    let refuse = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
            refuse("the symbolic link leads to nothing")
        }
        Err(error) => Err(error),
        // A device or pipe would be read without an end.
        Ok(metadata) if !metadata.is_file() => refuse("not a plain file"),
        Ok(metadata) if metadata.len() > MOST => refuse("it is larger than 1 GiB"),
        Ok(_) => Ok(()),
    }
}

/// Why a file cannot be read, without the system's numbers.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// The path without `x/..` where that names the same file: `config/../zones` is `zones`.
pub(crate) fn tidy(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(short.components().next_back(), Some(Component::Normal(_))) => {
                short.pop();
            }
            other => short.push(other),
        }
    }
    if short.as_os_str().is_empty() {
        short.push(".");
    }
    // With a symbolic link in the way, `..` is not what it looks like; for what does not exist, neither form helps.
    match (path.canonicalize(), short.canonicalize()) {
        (Ok(long), Ok(same)) if long != same => path.to_owned(),
        _ => short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_the_short_way() {
        for (long, short) in [
            ("config/../zones", "zones"),
            ("./a/./b", "a/b"),
            ("../zones", "../zones"),
            ("a/..", "."),
            ("/x/../y", "/y"),
        ] {
            assert_eq!(tidy(Path::new(long)), Path::new(short), "{long}");
        }
    }
}
