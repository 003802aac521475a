//! The man pages and completions that the build makes of the command line, read by the programs that they are for.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::server::BINARY;

/// Every command, and every command of a command, from the program's own help.
pub(crate) fn commands() -> Vec<Vec<String>> {
    let mut all = Vec::new();
    below(&[], &mut all);
    assert!(all.len() > 15, "{all:?}");
    all
}

fn below(command: &[String], all: &mut Vec<Vec<String>>) {
    let output = Command::new(BINARY).args(command).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        return;
    };
    for line in list.lines().take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap();
        if line.starts_with("   ") || name == "help" {
            continue;
        }
        let inner = [command, &[name.to_owned()]].concat();
        all.push(inner.clone());
        below(&inner, all);
    }
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn completions(shell: &str, folder: &Path) -> String {
    let output = Command::new(BINARY)
        .args(["completions", shell])
        .output()
        .unwrap();
    let path = folder.join(format!("completions.{shell}"));
    std::fs::write(&path, text(&output)).unwrap();
    path.display().to_string()
}

/// What a real bash offers after these words.
fn offered(folder: &Path, words: &str) -> Vec<String> {
    let script = format!(
        "source {}\nCOMP_WORDS=({words}\"\"); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE='{words}'\n\
         COMP_POINT=${{#COMP_LINE}}\n_pointsman pointsman \"${{COMP_WORDS[COMP_CWORD]}}\" \
         \"${{COMP_WORDS[COMP_CWORD-1]}}\"\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        completions("bash", folder)
    );
    let output = Command::new("bash")
        .args(["--norc", "-c", &script])
        .output()
        .unwrap();
    text(&output).lines().map(str::to_owned).collect()
}

#[test]
fn every_command_has_help_with_an_example_and_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let written = Command::new(BINARY)
        .args(["man", "--out"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(text(&written).contains("pages to"));
    for command in commands() {
        let name = command.join(" ");
        let help = text(
            &Command::new(BINARY)
                .args(&command)
                .arg("--help")
                .output()
                .unwrap(),
        );
        assert!(
            help.contains("Example:\n  pointsman ") || help.contains("Examples:\n  pointsman "),
            "{name}: {help}"
        );
        let page = folder.path().join(format!("pointsman-{}.1", command.join("-")));
        let page = std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{name}: {error}"));
        let printed = text(&Command::new(BINARY).arg("man").args(&command).output().unwrap());
        assert_eq!(page.trim_end(), printed.trim_end());
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "EXAMPLES",
            "SEE ALSO",
        ] {
            let head = if section.contains(' ') {
                format!(".SH {section}")
            } else {
                format!(".SH {section}\n")
            };
            assert!(page.contains(&head), "{name} has no {section}");
        }
    }
}

#[test]
fn pages_are_clean_to_groff_and_man_and_mandoc() {
    let folder = tempfile::tempdir().unwrap();
    let written = Command::new(BINARY)
        .args(["man", "--out"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(written.status.success());
    let mut pages: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    pages.sort();
    assert_eq!(pages.len(), commands().len() + 1, "{pages:?}");
    for page in &pages {
        let checks: [(&str, &[&str]); 3] = [
            ("groff", &["-man", "-ww", "-z", "-Tutf8"]),
            ("man", &["--warnings=w", "--local-file"]),
            ("mandoc", &["-T", "lint", "-W", "error"]),
        ];
        for (program, arguments) in checks {
            let output = Command::new(program)
                .args(arguments)
                .arg(page)
                .env("MANROFFOPT", "-rLL=100n")
                .env("LC_ALL", "C.UTF-8")
                .output()
                .unwrap_or_else(|error| panic!("{program}: {error} (Debian: groff-base, man-db, mandoc)"));
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                output.status.success() && said.is_empty(),
                "{program} {}: {said}{}",
                page.display(),
                String::from_utf8_lossy(&output.stdout)
            );
        }
    }
}

#[test]
fn a_real_bash_completes_commands_options_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let first = offered(folder.path(), "pointsman ");
    for command in commands().iter().filter(|command| command.len() == 1) {
        assert!(first.contains(&command[0]), "{command:?} is not in {first:?}");
    }
    let drain = offered(folder.path(), "pointsman drain ");
    for option in ["--wait", "--for", "--reason", "--json"] {
        assert!(drain.iter().any(|word| word == option), "{option}: {drain:?}");
    }
    let imports = offered(folder.path(), "pointsman import ");
    assert!(imports.iter().any(|word| word == "gdnsd"), "{imports:?}");
    assert_eq!(
        offered(folder.path(), "pointsman status --color "),
        ["auto", "always", "never"]
    );
}

#[test]
fn zsh_and_fish_read_their_completions() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, check) in [("zsh", "-n"), ("fish", "--no-execute")] {
        let file = completions(shell, folder.path());
        let output = Command::new(shell).args([check, &file]).output();
        let output = output.unwrap_or_else(|error| panic!("{shell}: {error} (Debian: {shell})"));
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
    // A fish that has read them offers them.
    let ask = format!(
        "source {}; complete --do-complete 'pointsman ov'",
        completions("fish", folder.path())
    );
    let output = Command::new("fish")
        .args(["--no-config", "-c", &ask])
        .output()
        .unwrap();
    assert!(text(&output).starts_with("overrides"), "{output:?}");
}

#[test]
fn a_page_of_no_command_is_bad_usage() {
    let output = Command::new(BINARY).args(["man", "frobnicate"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
