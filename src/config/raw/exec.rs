//! Keys of the check that runs a program.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use toml::de::DeValue;

use super::document::{At, Table};
use super::way::RawWay;
use crate::config::load::files::{self, Files};
use crate::model::check::ExecCheck;

const COMMAND: &str = "write a list like [\"/usr/local/lib/check-disk\", \"argument\"]";

/// What is written; nothing when it has mistakes. The program is looked at.
pub(super) fn read(table: &Table<'_>, way: &RawWay, files: &mut Files) -> Option<ExecCheck> {
    if way.0.source_v4.is_some() || way.0.source_v6.is_some() {
        table.source.warn(
            table.place_of("source"),
            "`source` has no effect: a program makes its own connections",
            "remove it",
        );
    }
    let (program, arguments) = command(table, "command", files)?;
    Some(ExecCheck { program, arguments })
}

/// A program and its arguments, under the key `key`; nothing when it has mistakes. The program is looked at.
pub(crate) fn command(
    table: &Table<'_>,
    key: &'static str,
    files: &mut Files,
) -> Option<(PathBuf, Vec<String>)> {
    let command = table.value(key)?;
    if !matches!(command.toml, DeValue::Array(_)) {
        return command.wrong_type("a list", COMMAND);
    }
    let written = command.elements();
    let count = written.len();
    let mut words: Vec<At<String>> = written
        .into_iter()
        .filter_map(|word| word.text())
        .filter(|word| {
            let fine = !word.value.contains('\0');
            if !fine {
                table.source.error(
                    word.at,
                    "a NUL cannot be given to a program",
                    "remove the character",
                );
            }
            fine
        })
        .collect();
    if count == 0 {
        return command.refuse(format!("`{key}` is empty"), COMMAND);
    }
    if words.len() < count {
        return None;
    }
    let arguments = words.split_off(1).into_iter().map(|word| word.value).collect();
    let program = words.pop()?;
    Some((program_of(table, &program, files)?, arguments))
}

/// The program's path, when it can be run.
fn program_of(table: &Table<'_>, written: &At<String>, files: &mut Files) -> Option<PathBuf> {
    let path = PathBuf::from(&written.value);
    let refuse = |what: String, instead: &str| {
        table.source.error(written.at, what, instead);
        None
    };
    if !path.is_absolute() {
        return refuse(
            format!("`{}` is not an absolute path", written.value),
            "write the whole path, like \"/usr/local/lib/check-disk\": there is no shell that looks for it",
        );
    }
    // Should it appear later, the files are read again.
    files.note(&path);
    let metadata = match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => metadata,
        Ok(_) => {
            return refuse(
                format!("cannot run {}: not a plain file", path.display()),
                "name a program",
            );
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return refuse(
                format!("cannot run {}: there is no such file", path.display()),
                "install it, or name another",
            );
        }
        Err(error) => {
            return refuse(
                format!("cannot run {}: {}", path.display(), files::reason(&error)),
                "name a program that this user may run",
            );
        }
    };
    let mode = metadata.permissions().mode();
    if mode & 0o111 == 0 {
        return refuse(
            format!("cannot run {}: it is not executable", path.display()),
            "allow it by `chmod +x`, or name another",
        );
    }
    if mode & 0o002 != 0 {
        table.source.warn(
            written.at,
            format!(
                "{} may be changed by everybody on this machine, who then runs as this server",
                path.display()
            ),
            "forbid it by `chmod o-w`",
        );
    }
    Some(path)
}
