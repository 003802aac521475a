//! Mistakes in configuration, each with the exact messages that it gives, as data in `tests/cases/mistakes/config/`.
//!
//! A case begins with `=== what it shows`, then each file with `--- path`, then `--- expect` with one message a line.
//! `--- zone` is `zones/a.toml` after three lines that every zone needs (origin `a.test`, nameservers, hostmaster);
//! without `--- pointsman.toml` the server file only says where the zones are. `UPDATE=1` writes what was found.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pointsman::config::load::load;

const CASES: &str = "tests/cases/mistakes/config";
const SERVER: &str = "[zones]\ndirectory = \"zones\"\n";
const ZONE: &str = "origin = \"a.test\"\nnameservers = [\"ns.b.test\"]\nhostmaster = \"h.a.test\"\n";

const SOUND: &str = "$TTL 60\n@ SOA ns.b.test. h 1 3600 600 86400 60\n@ NS ns.b.test.\n";

#[derive(Debug)]
struct Case {
    name: String,
    files: Vec<(String, String)>,
    expected: Vec<String>,
}

fn read_cases(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for part in text.split("=== ").skip(1) {
        let (name, rest) = part.split_once('\n').unwrap();
        let mut case = Case {
            name: name.to_owned(),
            files: Vec::new(),
            expected: Vec::new(),
        };
        for section in rest.split("--- ").skip(1) {
            let (title, body) = section.split_once('\n').unwrap();
            let body = body.trim_end_matches('\n');
            if title == "expect" {
                case.expected = body.lines().map(str::to_owned).collect();
            } else {
                case.files.push((title.to_owned(), format!("{body}\n")));
            }
        }
        cases.push(case);
    }
    cases
}

fn write_cases(cases: &[(Case, Vec<String>)]) -> String {
    let mut text = String::new();
    for (case, found) in cases {
        writeln!(text, "=== {}", case.name).unwrap();
        for (name, body) in &case.files {
            write!(text, "--- {name}\n{body}").unwrap();
        }
        writeln!(text, "--- expect\n{}\n", found.join("\n")).unwrap();
    }
    text
}

/// The messages that a case's files give, paths relative to their folder.
fn messages(case: &Case) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    fs::create_dir(folder.path().join("zones")).unwrap();
    write("pointsman.toml", SERVER);
    for (name, body) in &case.files {
        match name.as_str() {
            "zone" => write("zones/a.toml", &format!("{ZONE}{body}")),
            name => write(name, body),
        }
    }
    // A sound zone beside, so that "there is no zone" is said only where that is the case.
    if !case.files.iter().any(|(name, _)| name.starts_with("zone")) {
        write("zones/z.test.zone", SOUND);
    }
    let loaded = load(&folder.path().join("pointsman.toml"));
    let prefix = format!("{}/", folder.path().display());
    loaded
        .diagnostics
        .iter()
        .map(|found| found.to_string().replace(&prefix, ""))
        .collect()
}

#[test]
fn each_mistake_gives_its_exact_messages() {
    let update = std::env::vars_os().any(|(name, _)| name == "UPDATE");
    let (mut count, mut wrong) = (0, String::new());
    let mut files: Vec<_> = fs::read_dir(CASES)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for path in files {
        let judged: Vec<(Case, Vec<String>)> = read_cases(&fs::read_to_string(&path).unwrap())
            .into_iter()
            .map(|case| {
                let found = messages(&case);
                (case, found)
            })
            .collect();
        count += judged.len();
        if update {
            fs::write(&path, write_cases(&judged)).unwrap();
            continue;
        }
        for (case, found) in judged {
            assert!(!case.expected.is_empty(), "{}: expects nothing", case.name);
            if found != case.expected {
                writeln!(
                    wrong,
                    "{}: {}\n  expected:\n    {}\n  found:\n    {}",
                    path.display(),
                    case.name,
                    case.expected.join("\n    "),
                    found.join("\n    ")
                )
                .unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count >= 60, "only {count} cases");
}

#[test]
fn mistakes_of_all_files_are_reported_at_once_in_order() {
    let case = Case {
        name: String::new(),
        files: vec![
            (
                "pointsman.toml".into(),
                "zones.directory = \"zones\"\n[dns]\nlisen = 1\nworkers = -1\n".into(),
            ),
            ("zones/a.toml".into(), "origin = \"a..test\"\nttl = 5\n".into()),
            ("zones/b.toml".into(), "origin = \"b.test\n".into()),
            ("zones/c.test.zone".into(), "@ 60 A 192.0.2.300\n".into()),
        ],
        expected: Vec::new(),
    };
    let found = messages(&case);
    let begins: Vec<&str> = found
        .iter()
        .map(|message| message.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        &begins[..6],
        [
            "pointsman.toml:3:1",
            "pointsman.toml:4:11",
            "zones/a.toml:1:1",
            "zones/a.toml:1:10",
            "zones/a.toml:2:7",
            "zones/b.toml:1:17",
        ],
        "{found:#?}"
    );
    assert!(
        begins
            .iter()
            .any(|place| place.starts_with("zones/c.test.zone:1:")),
        "{found:#?}"
    );
    assert!(Path::new(CASES).is_dir());
}

#[cfg(unix)]
#[test]
fn what_is_called_like_a_zone_and_cannot_be_read_is_never_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("zones/folder.toml")).unwrap();
    std::os::unix::fs::symlink("gone", path("zones/link.zone")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path("zones/zero.toml")).unwrap();
    fs::write(path("zones/latin.toml"), b"origin = \"a.test\"\n# caf\xe9\n").unwrap();
    fs::File::create(path("zones/huge.toml"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    fs::write(path("zones/z.test.zone"), SOUND).unwrap();
    fs::write(path("pointsman.toml"), SERVER).unwrap();
    let loaded = load(&path("pointsman.toml"));
    let prefix = format!("{}/zones/", folder.path().display());
    let found: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|found| found.to_string().replace(&prefix, ""))
        .collect();
    assert_eq!(
        found,
        [
            "folder.toml: error: cannot read it: not a plain file; repair it, or remove it",
            "huge.toml: error: cannot read it: it is larger than 1 GiB; repair it, or remove it",
            "latin.toml:2:6: error: cannot read it: it is not UTF-8 at line 2; save it as text in UTF-8",
            "link.zone: error: cannot read it: the symbolic link leads to nothing; repair it, or remove it",
            "zero.toml: error: cannot read it: not a plain file; repair it, or remove it",
        ]
    );
}

#[test]
fn files_cut_or_garbled_anywhere_are_read_without_a_panic() {
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut throw = |below: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        usize::try_from(dice % (below.max(1) as u64)).unwrap()
    };
    for path in fs::read_dir(CASES).unwrap() {
        for mut case in read_cases(&fs::read_to_string(path.unwrap().path()).unwrap()) {
            for _ in 0..8 {
                let which = throw(case.files.len());
                let original = case.files[which].1.clone();
                let mut letters: Vec<char> = original.chars().collect();
                let at = throw(letters.len());
                match throw(3) {
                    0 => letters.truncate(at),
                    1 if !letters.is_empty() => {
                        letters[at] = ['"', '[', '{', '=', '\n', '\\', 'é', '9'][throw(8)]
                    }
                    _ => letters.insert(at, ['"', ']', '}', '.', ',', '\'', '\0', '-'][throw(8)]),
                }
                case.files[which].1 = letters.into_iter().collect();
                let found = messages(&case);
                assert!(found.iter().all(|message| !message.contains('\n')), "{found:#?}");
                case.files[which].1 = original;
            }
        }
    }
}
