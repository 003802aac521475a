//! The zones directory: which files are zones, and each of them read on its own.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::files::{self, Files};
use super::records::{self, Records, RecordsCache};
use crate::config::check::made;
use crate::config::check::server::ServerFile;
use crate::config::raw::document::Source;
use crate::config::raw::facets::endpoint_names;
use crate::config::raw::zone::RawZone;
use crate::model::diagnostic::{Diagnostic, Place};
use crate::wire::name::Name;
use crate::zone::contents::Contents;

/// A zone before all are put together.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) origin: Name,
    /// The file that describes it.
    pub(crate) path: Arc<Path>,
    /// Its TOML file; a static zone has none.
    pub(crate) file: Option<ZoneFile>,
    pub(crate) contents: Option<Arc<Contents>>,
    pub(crate) found: Vec<Diagnostic>,
    pub(crate) refused: bool,
}

/// A zone's TOML file.
#[derive(Debug)]
pub(crate) struct ZoneFile {
    pub(crate) source: Source,
    pub(crate) raw: RawZone,
}

/// What all zones are read with.
struct Reading<'a> {
    directory: &'a Path,
    files: &'a mut Files,
    before: Option<&'a RecordsCache>,
    cache: &'a mut RecordsCache,
    /// Master files that belong to a zone already.
    claimed: HashSet<PathBuf>,
}

/// Reads every zone of the directory, in the order of file names, static zones last. A directory that cannot be read
/// is a mistake of the server file.
pub(crate) fn read_all(
    server_file: &Source,
    server: &ServerFile,
    files: &mut Files,
    before: Option<&RecordsCache>,
    cache: &mut RecordsCache,
) -> Vec<Draft> {
    let directory = server.node.zones_directory.as_path();
    let names = match list(directory) {
        Ok(names) => names,
        // Where the zones are is not known.
        Err(_) if !server.is_toml => return Vec::new(),
        Err(error) => {
            let what = format!(
                "cannot read the zones directory {}: {}",
                directory.display(),
                files::reason(&error)
            );
            server_file.error(
                server.zones_place,
                what,
                "write `directory = …` in [zones], relative to this file",
            );
            return Vec::new();
        }
    };
    for name in names.iter().filter(|name| is_zone(name)) {
        files.note(&directory.join(name));
    }
    let mut reading = Reading {
        directory,
        files,
        before,
        cache,
        claimed: HashSet::new(),
    };
    let mut drafts: Vec<Draft> = names
        .iter()
        .filter(|name| extension(name) == Some("toml"))
        .map(|name| reading.described(name))
        .collect();
    for name in names.iter().filter(|name| extension(name) == Some("zone")) {
        if !reading.claimed.contains(&identity(&directory.join(name))) {
            drafts.push(reading.undescribed(name));
        }
    }
    if drafts.is_empty() && server.is_toml {
        server_file.warn(
            server.zones_place,
            format!("there is no zone in {}", directory.display()),
            "put NAME.toml or NAME.zone there",
        );
    }
    drafts
}

/// The names of its files, sorted; hidden ones and editors' backups left out. What is called like a zone and is no
/// file (a folder that a container made because the file to mount was missing, a link that leads to nothing) is among
/// them: leaving it out would take the zone away without a word.
pub(crate) fn list(directory: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Through symbolic links: that is how configuration is mounted into containers.
        let is_file = std::fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file());
        if (is_file || is_zone(&name)) && !name.starts_with('.') && !name.ends_with('~') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a file of this name may be a zone.
pub(crate) fn is_zone(name: &str) -> bool {
    matches!(extension(name), Some("toml" | "zone"))
}

fn extension(name: &str) -> Option<&str> {
    Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str())
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// What two paths to one file have in common.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

impl Reading<'_> {
    /// A zone described by a TOML file.
    fn described(&mut self, name: &str) -> Draft {
        let path: Arc<Path> = Arc::from(self.directory.join(name));
        // A file that cannot be made out still keeps the master file of the same name from being served without
        // its services.
        self.claimed
            .insert(identity(&self.directory.join(format!("{}.zone", stem(name)))));
        let text = match self.files.readable(&path) {
            Ok(text) => text,
            Err(unreadable) => {
                return Draft {
                    origin: origin_from(name).unwrap_or_else(Name::root),
                    found: vec![unreadable.found()],
                    path,
                    file: None,
                    contents: None,
                    refused: true,
                };
            }
        };
        let source = Source::new(Arc::clone(&path), text);
        let raw = RawZone::read(&source, self.files);
        let mut found = Vec::new();
        let mut contents = None;
        if let Some(records) = &raw.records {
            match records::locate(self.directory, &path, &records.value) {
                Ok(master) => {
                    self.claimed.insert(identity(&master));
                    if let Some(origin) = &raw.origin {
                        match self.master(&master, &origin.value, &owners(&raw, &origin.value)) {
                            Ok(read) => {
                                found.extend(read.found.iter().cloned());
                                contents = read.contents.clone();
                            }
                            Err(reason) => source.error(
                                records.at,
                                format!("cannot read {}: {reason}", master.display()),
                                "name a master file relative to the zones directory",
                            ),
                        }
                    }
                }
                Err((what, instead)) => source.error(records.at, what, instead),
            }
        } else if let (Some(origin), Some(hostmaster)) = (&raw.origin, &raw.hostmaster) {
            let nameservers: Vec<&Name> = raw.nameservers.iter().map(|name| &name.value).collect();
            contents = made::contents(&origin.value, &nameservers, &hostmaster.value, serial(&path))
                .ok()
                .map(|made| self.cache.keep_made(self.before, &path, made));
        }
        let origin = raw.origin.as_ref().map(|origin| origin.value.clone());
        let refused = source.has_errors() || found.iter().any(Diagnostic::is_error);
        Draft {
            origin: origin.or_else(|| origin_from(name)).unwrap_or_else(Name::root),
            path,
            file: Some(ZoneFile { source, raw }),
            contents,
            found,
            refused,
        }
    }

    /// A static zone: a master file that no TOML file claims.
    fn undescribed(&mut self, name: &str) -> Draft {
        let path = self.directory.join(name);
        let shared: Arc<Path> = Arc::from(path.as_path());
        let refuse = |found: Diagnostic, origin: Name| Draft {
            origin,
            path: Arc::clone(&shared),
            file: None,
            contents: None,
            found: vec![found],
            refused: true,
        };
        let origin = match Name::from_text(stem(name)) {
            Ok(origin) => origin,
            Err(error) => {
                let what = format!("`{}` is not a domain name: {error}", stem(name));
                let found = Diagnostic::error(Place::file(path), what)
                    .instead("name the file after the zone's origin, or claim it by `records` in a *.toml");
                return refuse(found, Name::root());
            }
        };
        match self.master(&path, &origin, &[]) {
            Ok(read) => Draft {
                origin,
                path: shared,
                file: None,
                contents: read.contents.clone(),
                found: read.found.clone(),
                refused: read.contents.is_none(),
            },
            Err(reason) => {
                let what = format!("cannot read it: {reason}");
                let found = Diagnostic::error(Place::file(path.as_path()), what);
                refuse(found.instead("repair it, or remove it"), origin)
            }
        }
    }

    fn master(&mut self, path: &Path, origin: &Name, services: &[Name]) -> Result<Arc<Records>, String> {
        let read = records::read(self.directory, path, origin, services, self.files, self.before)?;
        for file in read.files() {
            self.claimed.insert(identity(file));
        }
        self.cache.keep(path, Arc::clone(&read));
        Ok(read)
    }
}

/// The names that services answer for, as far as they are names.
fn owners(raw: &RawZone, origin: &Name) -> Vec<Name> {
    let mut owners = Vec::new();
    for service in &raw.services {
        let Ok(owner) = Name::from_text_below(service.label.value.as_bytes(), origin.as_wire()) else {
            continue;
        };
        if service.facets.names_hosts().is_some() {
            let names = endpoint_names(&service.group, &raw.pools);
            let host = |name: &str| Name::from_text_below(name.as_bytes(), owner.as_wire()).ok();
            owners.extend(names.into_iter().filter_map(host));
        }
        owners.push(owner);
    }
    owners
}

fn origin_from(name: &str) -> Option<Name> {
    Name::from_text(stem(name)).ok()
}

/// Seconds since 1970 of the file's last change: grows with every edit (RFC 1982 arithmetic holds until 2106).
fn serial(path: &Path) -> u32 {
    std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()
        .and_then(|changed| changed.duration_since(UNIX_EPOCH).ok())
        .and_then(|since| u32::try_from(since.as_secs()).ok())
        .unwrap_or(1)
}

/// Two zones with one origin: nobody can say which is right, so that neither is served; one stays to refuse.
pub(crate) fn refuse_shared_origins(drafts: &mut Vec<Draft>, diagnostics: &mut Vec<Diagnostic>) {
    let mut first: HashMap<Name, usize> = HashMap::new();
    let mut kept: Vec<Draft> = Vec::new();
    for mut draft in drafts.drain(..) {
        let Some(earlier) = first.get(&draft.origin).and_then(|index| kept.get_mut(*index)) else {
            first.insert(draft.origin.clone(), kept.len());
            kept.push(draft);
            continue;
        };
        let place = match &draft.file {
            Some(zone) => match &zone.raw.origin {
                Some(origin) => zone.source.place(origin.at),
                None => Place::file(draft.path.to_path_buf()),
            },
            None => Place::file(draft.path.to_path_buf()),
        };
        // Origins that were guessed from the names of broken files are no quarrel.
        if !(draft.refused && earlier.refused) {
            let what = format!(
                "zone `{}` is described by {} as well",
                draft.origin,
                earlier.path.display()
            );
            diagnostics.push(Diagnostic::error(place, what).instead("remove one of them; neither is served"));
        }
        earlier.refused = true;
        if let Some(zone) = &draft.file {
            diagnostics.extend(zone.source.take_found());
        }
        diagnostics.append(&mut draft.found);
    }
    *drafts = kept;
}
