//! Standard output and error: the only place that writes there. A closed pipe is no failure.

use std::io::{self, IsTerminal, Write};

/// A line (or several) to standard output.
pub(super) fn line(text: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{text}")
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
    note(&format!("pointsman: {text}"));
}

/// A value as indented JSON.
///
/// # Errors
/// When it cannot be JSON (a map with keys that are no strings).
pub(super) fn json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Whether standard output is a terminal, so that colour is welcome.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}
