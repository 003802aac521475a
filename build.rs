//! Tells the binary which commit it was built from, for `--version`; makes the man pages and shell completions of what
//! the command line takes. They lie in `OUT_DIR` and inside the binary (`pointsman man`, `pointsman completions`).

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;

#[allow(dead_code, unused_imports, reason = "only the definition is used here")]
#[path = "src/cli/arguments.rs"]
mod arguments;

#[allow(dead_code, unreachable_pub, reason = "only named by the definition")]
mod config {
    #[path = "../src/config/duration.rs"]
    pub(crate) mod duration;
}

/// Pages carry the version alone, so that they are the same at each commit of it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> Result<(), Box<dyn Error>> {
    tell_commit();
    rerun_for(Path::new("src/cli/arguments.rs"));
    rerun_for(Path::new("src/cli/arguments"));
    rerun_for(Path::new("src/config/duration.rs"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    completions(&out)?;
    pages(&out)
}

#[allow(
    clippy::disallowed_macros,
    reason = "a build script speaks to cargo by standard output"
)]
fn rerun_for(path: &Path) {
    // A path that is not there would make every build run this again.
    if path.exists() {
        println!("cargo:rerun-if-changed={}", path.display());
    }
}

#[allow(
    clippy::disallowed_macros,
    reason = "a build script speaks to cargo by standard output"
)]
fn tell_commit() {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=10", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=POINTSMAN_COMMIT={commit}");
    // In a linked worktree `.git` is a file; git knows where its own are.
    for name in ["HEAD", "refs/heads", "packed-refs"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]) {
            rerun_for(Path::new(&path));
        }
    }
}

fn completions(out: &Path) -> Result<(), Box<dyn Error>> {
    use clap_complete::Shell;
    for (shell, name) in [
        (Shell::Bash, "pointsman.bash"),
        (Shell::Zsh, "_pointsman"),
        (Shell::Fish, "pointsman.fish"),
    ] {
        let mut text = Vec::new();
        clap_complete::generate(
            shell,
            &mut arguments::Arguments::command(),
            "pointsman",
            &mut text,
        );
        write(&out.join(name), &text)?;
    }
    Ok(())
}

/// One page a command, and `pages.rs`, which has them all.
fn pages(out: &Path) -> Result<(), Box<dyn Error>> {
    let folder = out.join("man");
    fs::create_dir_all(&folder)?;
    let mut command = without_help(arguments::Arguments::command());
    command.build();
    let mut names = Vec::new();
    page(command, &folder, &mut names)?;
    let mut list = String::from("&[\n");
    for name in &names {
        list.push_str(&format!(
            "    (\"{name}\", include_str!(concat!(env!(\"OUT_DIR\"), \"/man/{name}\"))),\n"
        ));
    }
    list.push_str("]\n");
    write(&out.join("pages.rs"), list.as_bytes())
}

/// `pointsman help` has no page of its own.
fn without_help(command: clap::Command) -> clap::Command {
    command
        .disable_help_subcommand(true)
        .mut_subcommands(without_help)
}

fn page(command: clap::Command, folder: &Path, names: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    for inner in command.get_subcommands() {
        page(inner.clone(), folder, names)?;
    }
    let own = command.get_name() == "pointsman";
    let page = clap_mangen::Man::new(command)
        .source(format!("pointsman {VERSION}"))
        .manual("pointsman");
    let name = page.get_filename();
    let mut text = Vec::new();
    page.render(&mut text)?;
    // What stands below the help is mostly an example.
    let head = if own { "NOTES" } else { "EXAMPLES" };
    let mut text = String::from_utf8(text)?.replace(".SH EXTRA", &format!(".SH {head}"));
    if !own {
        text.push_str(".SH SEE ALSO\n\\fBpointsman\\fR(1)\n");
    }
    write(&folder.join(&name), ascii(&text).as_bytes())?;
    names.push(name);
    Ok(())
}

/// groff reads Latin-1 unless it is told otherwise; it knows other letters by their numbers.
fn ascii(text: &str) -> String {
    let escaped = |letter: char| match letter {
        '\0'..='\x7f' => letter.to_string(),
        _ => format!("\\[u{:04X}]", u32::from(letter)),
    };
    text.chars().map(escaped).collect()
}

/// Leaves a file alone that has its text already: a newer time would build the program anew.
fn write(path: &Path, text: &[u8]) -> Result<(), Box<dyn Error>> {
    if fs::read(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    Ok(fs::write(path, text)?)
}
