//! Configurations written within a scenario: put into a folder of their own for as long as they are read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;

use crate::config::diagnostic::render;
use crate::config::load::load;
use crate::model::plan::Plan;

/// Folders are numbered within the process.
static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A folder that is gone when this is.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pointsman-scenario-{}-{number}", std::process::id()));
        // Fails when somebody has put something there.
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind is a few small files in the system's folder for such.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Reads a zone (and the server's file, when there is one) from text; the mistakes, rendered, when it has any.
///
/// # Errors
/// When the folder cannot be made.
pub(super) fn plan(
    scenario: &Path,
    server: Option<&str>,
    zone: &str,
) -> anyhow::Result<Result<Arc<Plan>, String>> {
    let folder = Folder::new()?;
    let zones = folder.0.join("zones");
    std::fs::create_dir(&zones)?;
    std::fs::write(zones.join("zone.toml"), zone)?;
    let main = folder.0.join("pointsman.toml");
    let text = server.unwrap_or("node = \"simulated\"\n");
    let directory = if text.contains("[zones]") {
        ""
    } else {
        "\n[zones]\ndirectory = \"zones\"\nwatch = false\n"
    };
    std::fs::write(&main, format!("{text}{directory}"))?;
    let inside = format!("{}/", folder.0.display());
    Ok(read(&main).map_err(|mistakes| {
        // Named by what the operator wrote, not by where it lay for a moment.
        mistakes
            .replace(
                &format!("{inside}zones/zone.toml"),
                &format!("{}: in `zone`: line", scenario.display()),
            )
            .replace(
                &format!("{inside}pointsman.toml"),
                &format!("{}: in `server`: line", scenario.display()),
            )
    }))
}

/// Reads a configuration; the mistakes, rendered, when it has any.
pub(super) fn read(main: &Path) -> Result<Arc<Plan>, String> {
    let loaded = load(main);
    match &loaded.plan {
        Some(plan) if !loaded.has_errors() => Ok(Arc::clone(plan)),
        _ => Err(render(&loaded.diagnostics, false)),
    }
}
