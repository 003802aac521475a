//! `$INCLUDE`: who opens files, and which may be opened.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Opens what `$INCLUDE` names.
pub trait Includes {
    /// The file written as `path` in the file `from`: its name for messages (the same for the same file, so that
    /// cycles are seen) and its octets.
    ///
    /// # Errors
    /// A sentence without a full stop, for the operator.
    fn open(&mut self, path: &str, from: &Path) -> Result<(Arc<Path>, Vec<u8>), String>;
}

/// Nothing may be included.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoIncludes;

impl Includes for NoIncludes {
    fn open(&mut self, path: &str, _from: &Path) -> Result<(Arc<Path>, Vec<u8>), String> {
        Err(format!("`{path}` cannot be included here"))
    }
}

/// Where the file written as `written` in the file `from` is: relative to the folder of `from`, and never outside
/// `directory`, of which `from` must be a part. Looks at the words of the paths only: whoever opens the result still
/// has to see to symbolic links.
///
/// # Errors
/// A sentence without a full stop, for the operator.
pub fn confine(directory: &Path, from: &Path, written: &str) -> Result<PathBuf, String> {
    let refuse = |why: &str| {
        Err(format!(
            "`{written}` {why}; include a file within {}, written relative to this one",
            directory.display()
        ))
    };
    if written.is_empty() || written.contains('\0') {
        return refuse("is no file name");
    }
    let Ok(within) = from.strip_prefix(directory) else {
        return refuse("is included from outside the zones directory");
    };
    let mut parts: Vec<&std::ffi::OsStr> = Vec::new();
    let folder = within.parent().unwrap_or(Path::new(""));
    for component in folder.components().chain(Path::new(written).components()) {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            Component::ParentDir => {
                if parts.pop().is_none() {
                    return refuse("leads out of the zones directory");
                }
            }
            Component::RootDir | Component::Prefix(_) => return refuse("is an absolute path"),
        }
    }
    Ok(parts
        .iter()
        .fold(directory.to_path_buf(), |path, part| path.join(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_stay_within_the_zones_directory() {
        let confined = |from: &str, written: &str| {
            confine(Path::new("/etc/p/zones"), Path::new(from), written)
                .map(|path| path.display().to_string())
                .map_err(|why| why.split(';').next().unwrap_or_default().to_owned())
        };
        let zone = "/etc/p/zones/a.zone";
        assert_eq!(confined(zone, "b.zone"), Ok("/etc/p/zones/b.zone".into()));
        assert_eq!(
            confined(zone, "./sub/b.zone"),
            Ok("/etc/p/zones/sub/b.zone".into())
        );
        assert_eq!(
            confined("/etc/p/zones/sub/a", "../b"),
            Ok("/etc/p/zones/b".into())
        );
        assert_eq!(confined(zone, "sub/../b"), Ok("/etc/p/zones/b".into()));
        let refused = |why: &str| Err(why.to_owned());
        assert_eq!(
            confined(zone, "../b"),
            refused("`../b` leads out of the zones directory")
        );
        assert_eq!(
            confined(zone, "sub/../../b"),
            refused("`sub/../../b` leads out of the zones directory")
        );
        assert_eq!(
            confined(zone, "/etc/shadow"),
            refused("`/etc/shadow` is an absolute path")
        );
        assert_eq!(confined(zone, ""), refused("`` is no file name"));
        assert_eq!(
            confined("/tmp/a", "b"),
            refused("`b` is included from outside the zones directory")
        );
    }
}
