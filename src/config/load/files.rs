//! Every file that is read, remembered for watching; paths as operators would name them.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::config::raw::document::Source;

/// Reads files and remembers which.
#[derive(Debug, Default)]
pub(crate) struct Files {
    read: BTreeSet<PathBuf>,
}

impl Files {
    /// The octets of `path`, which is remembered even when it cannot be read: it may appear.
    pub(crate) fn octets(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        self.read.insert(path.to_owned());
        // A device or pipe would be read without an end.
        if std::fs::metadata(path)?.is_file() {
            std::fs::read(path)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file"))
        }
    }

    /// The text of `path`.
    pub(crate) fn text(&mut self, path: &Path) -> Result<String, String> {
        let octets = self.octets(path).map_err(|error| reason(&error))?;
        String::from_utf8(octets).map_err(|error| {
            let octets = error.as_bytes();
            let before = octets.get(..error.utf8_error().valid_up_to()).unwrap_or(octets);
            let line = before.iter().filter(|octet| **octet == b'\n').count() + 1;
            format!("it is not UTF-8 at line {line}")
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

    /// All that was read, in order.
    pub(crate) fn into_list(self) -> Vec<PathBuf> {
        self.read.into_iter().collect()
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
