//! The house as planned: who may import whom, what the core must not touch, how long files are, where `unsafe` stands.

mod directions;

use std::fs;
use std::path::{Path, PathBuf};

use directions::{ADDED, MAY_NAME};

/// Who names everything: the composition root and the door.
const ROOTS: [&str; 3] = ["run", "lib", "main"];

/// The pure core.
const CORE: [&str; 9] = [
    "wire", "model", "zone", "health", "policy", "answer", "publish", "control", "simulate",
];

/// What only edges touch: sockets, files, clocks, chance, threads, the environment.
const EDGE_ONLY: [&str; 16] = [
    "tokio",
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "std::io",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "Instant",
    "SystemTime",
    "rand",
    "reqwest",
    "axum",
    "rusqlite",
    "socket2",
];

/// Lines of the longest file.
const LONGEST: usize = 400;

/// Files that are longer, and why.
const LONGER: &[(&str, &str)] = &[];

struct Source {
    /// Path below `src`.
    path: PathBuf,
    text: String,
}

impl Source {
    /// The top-level module.
    fn module(&self) -> String {
        let first = self
            .path
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        first.trim_end_matches(".rs").to_owned()
    }

    /// The code without comments and without its unit tests, which may stand on anything.
    fn code(&self) -> String {
        if self
            .path
            .components()
            .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
        {
            return String::new();
        }
        let code = self.text.split("#[cfg(test)]\nmod ").next().unwrap();
        code.lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| line.split(" // ").next().unwrap())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    rust_files(Path::new("src"), &mut files);
    files.sort();
    assert!(files.len() > 50, "run at the root of the package");
    files
        .into_iter()
        .map(|file| Source {
            text: fs::read_to_string(&file).unwrap(),
            path: file.strip_prefix("src").unwrap().to_owned(),
        })
        .collect()
}

/// The paths within the crate that code names: `crate::a::{b, c::d}` gives `a::b` and `a::c::d`.
fn named(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        expand(rest, "", &mut found);
    }
    found
}

/// Reads one path at the beginning of `text`, below `prefix`; returns what comes after it.
fn expand<'t>(text: &'t str, prefix: &str, found: &mut Vec<String>) -> &'t str {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .unwrap_or(text.len());
    let (path, mut rest) = text.split_at(end);
    let whole = format!("{prefix}{path}");
    if !path.ends_with("::") || !rest.starts_with('{') {
        found.push(whole.trim_end_matches(':').to_owned());
        return rest;
    }
    rest = rest[1..].trim_start();
    while !rest.is_empty() && !rest.starts_with('}') {
        rest = expand(rest, &whole, found);
        // `as name`, and the comma.
        let next = rest.find([',', '}']).unwrap_or(rest.len());
        rest = rest[next..].trim_start_matches(',').trim_start();
    }
    rest.get(1..).unwrap_or("")
}

fn allows(allowed: &str, path: &str) -> bool {
    path.strip_prefix(allowed)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn paths_are_read_out_of_imports() {
    let code = "use crate::a::{self, b, c::{d as e, f}, g::H};\nlet x = crate::i::j(1);\nuse crate::k::*;";
    let expected = ["a::self", "a::b", "a::c::d", "a::c::f", "a::g::H", "i::j", "k"];
    assert_eq!(named(code), expected);
    assert!(allows("a::b", "a::b::C") && allows("a", "a") && !allows("a::b", "a::bc"));
}

#[test]
fn modules_import_only_in_the_planned_direction() {
    let mut wrong = Vec::new();
    let mut used = vec![false; ADDED.len()];
    for source in sources() {
        let module = source.module();
        if ROOTS.contains(&module.as_str()) {
            continue;
        }
        let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!(
                "{}: module `{module}` is not in the plan",
                source.path.display()
            ));
            continue;
        };
        for path in named(&source.code()) {
            let added = ADDED
                .iter()
                .position(|(who, what, _)| *who == module && allows(what, &path));
            if let Some(added) = added {
                used[added] = true;
            }
            let own = allows(&module, &path);
            if !own && added.is_none() && !allowed.iter().any(|allowed| allows(allowed, &path)) {
                wrong.push(format!(
                    "{}: `{module}` must not name `{path}`",
                    source.path.display()
                ));
            }
        }
    }
    for ((who, what, _), used) in ADDED.iter().zip(used) {
        if !used {
            wrong.push(format!(
                "`{who}` no longer names `{what}`: take it out of the additions"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nobody_leaves_a_module_upwards() {
    // `super::` past the top-level module would escape the table above.
    for source in sources() {
        let depth = source.path.components().count();
        let escape = "super::".repeat(depth);
        assert!(
            !source.code().contains(&escape),
            "{} names its way out by `{escape}`",
            source.path.display()
        );
    }
}

#[test]
fn the_core_touches_neither_sockets_files_clocks_nor_chance() {
    let mut wrong = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| CORE.contains(&source.module().as_str()))
    {
        for (number, line) in source.code().lines().enumerate() {
            let words = |word: &str| {
                line.match_indices(word).any(|(at, _)| {
                    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
                    edge(line[..at].chars().next_back()) && edge(line[at + word.len()..].chars().next())
                })
            };
            for word in EDGE_ONLY.iter().filter(|word| words(word)) {
                wrong.push(format!(
                    "{}:{}: `{word}` in the core",
                    source.path.display(),
                    number + 1
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_longer_than_a_chapter() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches"] {
        rust_files(Path::new(folder), &mut files);
    }
    let mut wrong = Vec::new();
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        let excused = LONGER.iter().any(|(path, _)| Path::new(path) == file);
        if lines > LONGEST && !excused {
            wrong.push(format!("{}: {lines} lines", file.display()));
        }
        if lines <= LONGEST && excused {
            wrong.push(format!("{}: needs no excuse any more", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_stands_only_in_sys() {
    for source in sources() {
        let path = source.path.display();
        if source.module() == "sys" {
            continue;
        }
        let code = source.code();
        let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        assert!(!words.any(|word| word == "unsafe"), "src/{path} has unsafe code");
        let allows_it = code
            .lines()
            .any(|line| line.contains("unsafe_code") && !line.contains("deny") && !line.contains("forbid"));
        assert!(!allows_it, "src/{path} allows unsafe code");
    }
}

#[test]
fn each_unsafe_block_says_why_it_is_sound() {
    for source in sources().iter().filter(|source| source.module() == "sys") {
        let lines: Vec<&str> = source.text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let begins = line.contains("unsafe {") || line.contains("unsafe impl");
            if begins && !line.trim_start().starts_with("//") {
                // The reason stands above, possibly before the statement that the block is part of.
                let from = number.saturating_sub(8);
                let reason = lines[from..=number].iter().any(|line| line.contains("SAFETY:"));
                assert!(
                    reason,
                    "src/{}:{}: no `SAFETY:`",
                    source.path.display(),
                    number + 1
                );
            }
        }
    }
}
