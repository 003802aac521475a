//! `pointsman import`: what another program was told becomes zones of ours; what has no counterpart is listed, never
//! dropped in silence.
//!
//! ```text
//!  gdnsd DIR ──────► vscf, master ─┐
//!  powerdns ZONE ──► master, lua ──┼──► Draft (zones, checks, pools, services) ──► files, and a list of what is left
//!  route53 JSON ───► sets ─────────┘
//! ```

mod draft;
mod gdnsd;
mod lua;
mod master;
mod powerdns;
mod route53;
mod vscf;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use crate::cli::arguments::{self, From};
use crate::cli::{Common, output, terminal};
use crate::config::diagnostic::render;
use draft::Draft;

/// Reads, writes, and lists what is left. Exit code 0 also with something left: it is for a person to look at.
///
/// # Errors
/// When the source cannot be read at all, or the target not be written.
pub(super) fn run(common: &Common, options: &arguments::Import) -> anyhow::Result<ExitCode> {
    let draft = match &options.from {
        From::Gdnsd { directory } => gdnsd::import(directory)?,
        From::Powerdns { zone, origin } => powerdns::import(zone, origin.as_deref())?,
        From::Route53 { file, health_checks } => route53::import(file, health_checks.as_deref())?,
    };
    let written = write(&draft, &options.out, options.force)?;
    let left = draft.left();
    if common.json {
        let left: Vec<_> = left
            .iter()
            .map(|found| {
                json!({ "file": found.place.file, "line": found.place.line, "what": found.what, "instead": found.instead })
            })
            .collect();
        output::json(&json!({ "written": written, "left": left }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for path in &written {
        output::line(&format!("wrote {}", path.display()));
    }
    if left.is_empty() {
        output::line("everything has a counterpart");
    } else {
        output::line(&render(left, terminal::color()));
        output::line(&format!("{} things to look at", left.len()));
    }
    output::line(&format!(
        "next: pointsman check --config {}",
        options.out.join("pointsman.toml").display()
    ));
    Ok(ExitCode::SUCCESS)
}

fn write(draft: &Draft, out: &Path, force: bool) -> anyhow::Result<Vec<PathBuf>> {
    let files = draft.files();
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| out.join(name)).collect();
    if !force && let Some(there) = paths.iter().find(|path| path.exists()) {
        anyhow::bail!(
            "{} is there already; name another directory with --out, or write over it with --force",
            there.display()
        );
    }
    for (path, (_, text)) in paths.iter().zip(&files) {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
        }
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(paths)
}
