//! Standard output and error: the only place that writes there. A closed pipe is no failure.

use std::io::{self, Write};

use crate::cli::terminal::{self, Style};

/// A line (or several) to standard output.
pub(super) fn line(text: &str) {
    write(&format!("{text}\n"));
}

/// Text as it is to standard output.
pub(super) fn write(text: &str) {
    let mut out = io::stdout().lock();
    if out
        .write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_err_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    {
        std::process::exit(0);
    }
}

/// A line to standard error.
pub(super) fn note(text: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// What went wrong, to standard error.
pub(super) fn fault(text: &str) {
    let who = Style::Bad.paint("pointsman:", terminal::error_color());
    note(&format!("{who} {text}"));
}

/// A value as indented JSON.
///
/// # Errors
/// When it cannot be JSON (a map with keys that are no strings).
pub(super) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}
