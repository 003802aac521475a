//! The documentation as a book: every page is in it, every link leads somewhere, every example is accepted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::server::BINARY;

const BOOK: &str = "docs";

fn pages(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.insert(path);
        }
    }
}

/// What stands outside of fenced blocks and of code.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let outside = line.split('`').step_by(2).collect::<Vec<_>>();
            prose.push_str(&outside.join("code"));
            prose.push('\n');
        }
    }
    prose
}

/// Targets of links: `](TARGET)`.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).collect()
}

/// The anchors of a page's headings, as mdBook and GitHub make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let heads = text.lines().filter(|line| {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        !fenced && line.starts_with('#')
    });
    heads
        .map(|head| {
            let title = head.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// `a/./b/../c` without detours.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            std::path::Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_page_is_in_the_summary_and_nothing_else() {
    let mut there = BTreeSet::new();
    pages(Path::new(BOOK), &mut there);
    let summary = Path::new(BOOK).join("SUMMARY.md");
    assert!(there.remove(&summary), "no summary");
    let listed: Vec<PathBuf> = links(&fs::read_to_string(&summary).unwrap())
        .iter()
        .map(|target| plain(&Path::new(BOOK).join(target)))
        .collect();
    let named: BTreeSet<PathBuf> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), named.len(), "a page is listed twice");
    let missing: Vec<_> = there.difference(&named).collect();
    assert!(missing.is_empty(), "not in docs/SUMMARY.md: {missing:?}");
    let dangling: Vec<_> = named.difference(&there).collect();
    assert!(
        dangling.is_empty(),
        "in docs/SUMMARY.md, but not there: {dangling:?}"
    );
}

#[test]
fn every_decision_is_in_the_index() {
    let index = fs::read_to_string("docs/adr/README.md").unwrap();
    for entry in fs::read_dir("docs/adr").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name == "README.md" || index.contains(&format!("]({name})")),
            "docs/adr/README.md does not list {name}"
        );
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut all = BTreeSet::new();
    pages(Path::new(BOOK), &mut all);
    for own in ["README.md", "CHANGELOG.md"] {
        all.insert(own.into());
    }
    let mut wrong = Vec::new();
    let mut followed = 0;
    for page in &all {
        for target in links(&fs::read_to_string(page).unwrap()) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            followed += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() {
                page.clone()
            } else {
                plain(&page.parent().unwrap().join(file))
            };
            if !path.exists() {
                wrong.push(format!("{}: {target}: no such file", page.display()));
            } else if !anchor.is_empty() && !anchors(&fs::read_to_string(&path).unwrap()).contains(anchor) {
                wrong.push(format!("{}: {target}: no such heading", page.display()));
            }
        }
    }
    assert!(followed > 50, "links are not found: {followed}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_is_accepted_without_a_warning_and_stands_in_the_book() {
    let chapter = fs::read_to_string("docs/examples.md").unwrap();
    let mut seen = 0;
    for entry in fs::read_dir("examples").unwrap() {
        let folder = entry.unwrap().path();
        let config = folder.join("pointsman.toml");
        if !folder.is_dir() {
            continue;
        }
        seen += 1;
        let output = Command::new(BINARY)
            .args(["check", "--config"])
            .arg(&config)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && said.contains("0 errors, 0 warnings"),
            "{}: {said}",
            config.display()
        );
        for zone in fs::read_dir(folder.join("zones")).unwrap() {
            let zone = zone.unwrap().path();
            if zone.extension().is_some_and(|extension| extension == "toml") {
                let include = format!("{{{{#include ../{}}}}}", zone.display());
                assert!(chapter.contains(&include), "docs/examples.md has no {include}");
            }
        }
    }
    assert!(seen >= 4);
}

#[test]
fn examples_inside_pages_are_read_as_they_are_written() {
    // A zone that a page shows whole, beginning with its origin, must be accepted; master files stand beside it.
    let mut read = 0;
    for page in ["docs/getting-started.md", "README.md"] {
        let text = fs::read_to_string(page).unwrap();
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            if !block.contains("origin = ") {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("zones")).unwrap();
            let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
            write("pointsman.toml", "zones.directory = \"zones\"\n");
            write("zones/zone.toml", block);
            for line in block.lines() {
                if let Some(name) = line.strip_prefix("records = \"") {
                    let name = name.split('"').next().unwrap();
                    let records =
                        "$TTL 1h\n@ SOA ns1 hostmaster 1 1h 10m 1w 60\n@ NS ns1\nns1 A 192.0.2.53\n";
                    write(&format!("zones/{name}"), records);
                }
            }
            let output = Command::new(BINARY)
                .args(["check", "--config"])
                .arg(folder.path().join("pointsman.toml"))
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{page}: {}\n{block}",
                String::from_utf8_lossy(&output.stdout)
            );
            read += 1;
        }
    }
    assert!(read >= 2, "{read}");
}
