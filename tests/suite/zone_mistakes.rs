//! Mistakes in zones, as data: each file of `tests/cases/mistakes/zones` is a zone `example.test`, and its lines
//! that begin with `;!` are exactly what must be said about it, in order.
//!
//! `UPDATE=1 cargo test` writes what is said now into the files; look at the difference before you commit it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pointsman::wire::name::Name;
use pointsman::zone::master::{self, Includes, include};
use pointsman::zone::semantics;

struct Folder(PathBuf);

impl Includes for Folder {
    fn open(&mut self, path: &str, from: &Path) -> Result<(Arc<Path>, Vec<u8>), String> {
        let within = include::confine(Path::new("zones"), &Path::new("zones").join(from), path)?;
        let name = within.strip_prefix("zones").unwrap_or(&within);
        let text = fs::read(self.0.join(name))
            .map_err(|error| format!("`{path}` cannot be read: {}", error.kind()))?;
        Ok((Arc::from(name), text))
    }
}

fn said_about(folder: &Path, file: &Path) -> Vec<String> {
    let origin = Name::from_text("example.test").expect("a name");
    let text = fs::read(file).expect("the case can be read");
    let name: Arc<Path> = Arc::from(Path::new(file.file_name().expect("a file")));
    let read = master::read(&text, &name, &origin, &mut Folder(folder.to_path_buf()));
    let mut said = read.diagnostics;
    if !said.iter().any(|diagnostic| diagnostic.is_error()) {
        said.extend(semantics::check(&read.contents, &read.places, &[]));
    }
    said.iter().map(|diagnostic| diagnostic.to_string()).collect()
}

#[test]
fn each_mistake_is_said_with_its_place_and_what_to_write_instead() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/mistakes/zones");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the cases are there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "zone"))
        .collect();
    files.sort();
    assert!(files.len() >= 60, "only {} cases", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let text = String::from_utf8(fs::read(file).expect("readable")).expect("cases are UTF-8");
        let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(";! ")).collect();
        let said = said_about(&folder, file);
        if expected == said {
            continue;
        }
        if std::env::var_os("UPDATE").is_some() {
            let body: String = text
                .split_inclusive('\n')
                .filter(|line| !line.starts_with(";!"))
                .collect();
            let notes: String = said.iter().map(|line| format!(";! {line}\n")).collect();
            fs::write(file, body + &notes).expect("the case can be written");
        } else {
            wrong.push(format!(
                "{}:\n  expected {expected:#?}\n  said {said:#?}",
                file.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
