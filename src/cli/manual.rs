//! `pointsman completions SHELL` and `pointsman man`: what the build made of the command line's definition.

use std::process::ExitCode;

use anyhow::Context;

use crate::cli::arguments::{Completions, Manual, Shell};
use crate::cli::{Usage, output};

/// Each page's file name and text.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Prints a shell's completions.
///
/// # Errors
/// Never: it is like the other commands.
pub(super) fn completions(options: &Completions) -> anyhow::Result<ExitCode> {
    let text = match options.shell {
        Shell::Bash => include_str!(concat!(env!("OUT_DIR"), "/pointsman.bash")),
        Shell::Zsh => include_str!(concat!(env!("OUT_DIR"), "/_pointsman")),
        Shell::Fish => include_str!(concat!(env!("OUT_DIR"), "/pointsman.fish")),
    };
    output::line(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Prints one page, or writes all of them.
///
/// # Errors
/// When there is no such command, or the folder cannot be written.
pub(super) fn pages(options: &Manual) -> anyhow::Result<ExitCode> {
    if let Some(folder) = &options.out {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for (name, text) in PAGES {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        output::line(&format!("wrote {} pages to {}", PAGES.len(), folder.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let mut wanted = vec!["pointsman"];
    wanted.extend(options.command.iter().map(String::as_str));
    let file = format!("{}.1", wanted.join("-"));
    let Some((_, text)) = PAGES.iter().find(|(name, _)| *name == file) else {
        return Err(Usage(format!(
            "there is no command `{}`; `pointsman --help` lists them",
            options.command.join(" ")
        ))
        .into());
    };
    output::line(text.trim_end());
    Ok(ExitCode::SUCCESS)
}
