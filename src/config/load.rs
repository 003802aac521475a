//! From the path of `pointsman.toml` to a plan, the static contents of its zones, and everything wrong with them.
//!
//! The server file is read first, then every zone on its own ([`zones`]), then all are put together here: one number
//! space, one probe stream per question, one owner per origin. A zone with a mistake is known but refused; who wants
//! all or nothing (`check`, `reload`) looks at [`Loaded::has_errors`].

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub mod files;
pub(crate) mod records;
pub(crate) mod zones;

use crate::config::atlas::Known;
use crate::config::check::builder::Builder;
use crate::config::check::server::{self, ServerFile};
use crate::config::check::service::{self, Around};
use crate::config::check::{hand, objective, statics};
use crate::config::defaults;
use crate::config::raw::document::Source;
use crate::model::diagnostic::Diagnostic;
use crate::model::id::ZoneId;
use crate::model::plan::{Plan, TransferRules, ZonePlan};
use crate::model::process::ProcessSettings;
use crate::wire::name::Name;
use crate::zone::contents::Contents;
use files::{Files, Looks};
use records::RecordsCache;
use zones::Draft;

/// What came of reading everything.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan; nothing when the server file itself is unusable.
    pub plan: Option<Arc<Plan>>,
    /// Static contents by [`ZoneId`]; nothing for a refused zone.
    pub contents: Vec<Option<Arc<Contents>>>,
    /// All that was found, in the order of files, lines and columns.
    pub diagnostics: Vec<Diagnostic>,
    /// Every file that was read or looked for.
    pub files: Vec<PathBuf>,
    /// What they looked like then, for [`watch`](crate::config::watch).
    pub looks: Looks,
    /// The zones directory, in which new files may appear.
    pub directory: PathBuf,
    /// Who the server is to the system.
    pub process: ProcessSettings,
    /// For the next [`load_with`].
    pub previous: Previous,
}

impl Loaded {
    /// Whether anything is refused.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// What was read before: contents of master files, and the database of places. What is unchanged is not built again.
#[derive(Clone, Debug, Default)]
pub struct Previous {
    records: RecordsCache,
    geo: Option<Known>,
}

/// The first of [`defaults::CONFIG_FILES`] that exists.
#[must_use]
pub fn default_path() -> Option<PathBuf> {
    defaults::CONFIG_FILES
        .iter()
        .map(PathBuf::from)
        .find(|path| path.is_file())
}

/// Reads the configuration at `path` and all its zones.
#[must_use]
pub fn load(path: &Path) -> Loaded {
    load_with(path, None)
}

/// [`load`], keeping the same `Arc<Contents>` for zones whose files are unchanged.
#[must_use]
pub fn load_with(path: &Path, previous: Option<&Previous>) -> Loaded {
    let mut files = Files::default();
    let path = files::tidy(path);
    let text = match files.readable(&path) {
        Ok(text) => text,
        Err(unreadable) => {
            let found = if unreadable.place.line > 0 {
                unreadable.found()
            } else {
                unreadable.found().instead("name another with `--config FILE`")
            };
            return Loaded {
                plan: None,
                contents: Vec::new(),
                diagnostics: vec![found],
                files: vec![path],
                looks: files.into_looks(),
                directory: PathBuf::new(),
                process: ProcessSettings::default(),
                previous: previous.cloned().unwrap_or_default(),
            };
        }
    };
    let source = Source::new(Arc::from(path), text);
    let geo_before = previous.and_then(|previous| previous.geo.as_ref());
    let server = server::read(&source, &mut files, geo_before);
    let mut cache = RecordsCache::default();
    let directory = server.node.zones_directory.clone();
    let mut drafts = zones::read_all(
        &source,
        &server,
        &mut files,
        previous.map(|previous| &previous.records),
        &mut cache,
    );
    let mut diagnostics = Vec::new();
    zones::refuse_shared_origins(&mut drafts, &mut diagnostics);
    let (mut plan, contents) = assemble(&server, &mut drafts, &mut diagnostics);
    plan.overrides = hand::overrides(&source, &server.overrides, &plan, &mut files, &mut diagnostics);
    let usable = !source.has_errors();
    diagnostics.extend(source.take_found());
    diagnostics.sort_by(|a, b| a.place.cmp(&b.place).then(a.severity.cmp(&b.severity)));
    diagnostics.dedup();
    let looks = files.into_looks();
    Loaded {
        plan: usable.then(|| Arc::new(plan)),
        contents,
        diagnostics,
        files: looks.keys().cloned().collect(),
        looks,
        directory,
        process: server.process,
        previous: Previous {
            records: cache,
            geo: server.geo,
        },
    }
}

/// Puts the zones together. Mistakes of a zone move from its draft to `diagnostics` and refuse it.
fn assemble(
    server: &ServerFile,
    drafts: &mut [Draft],
    diagnostics: &mut Vec<Diagnostic>,
) -> (Plan, Vec<Option<Arc<Contents>>>) {
    let plan = build(server, drafts);
    for draft in &mut *drafts {
        if let Some(zone) = &draft.file {
            draft.found.extend(zone.source.take_found());
        }
    }
    // Objectives need the whole plan; a zone that misses one is refused, and the others are numbered anew.
    let mut missed = false;
    for (draft, zone) in drafts.iter_mut().zip(&plan.zones) {
        let found = objective::judge(&plan, zone, draft);
        draft.found.extend(found);
        let refused = draft.found.iter().any(Diagnostic::is_error);
        missed |= refused && !draft.refused;
        draft.refused |= refused;
        diagnostics.append(&mut draft.found);
    }
    let plan = if missed {
        let again = build(server, drafts);
        for zone in drafts.iter().filter_map(|draft| draft.file.as_ref()) {
            // The same as the first time.
            zone.source.take_found();
        }
        again
    } else {
        plan
    };
    let contents = drafts
        .iter()
        .map(|draft| draft.contents.clone().filter(|_| !draft.refused))
        .collect();
    (plan, contents)
}

fn build(server: &ServerFile, drafts: &mut [Draft]) -> Plan {
    let mut builder = Builder::default();
    let origins: HashSet<Name> = drafts.iter().map(|draft| draft.origin.clone()).collect();
    let mut zones = Vec::new();
    for (index, draft) in drafts.iter_mut().enumerate() {
        let id = ZoneId::from_index(index);
        let mark = builder.mark();
        let mut services = Vec::new();
        let (mut transfer, mut access) = (server.transfer.clone(), server.access.clone());
        if let Some(zone) = &draft.file {
            let around = Around {
                source: &zone.source,
                origin: &draft.origin,
                id,
                contents: draft.contents.as_deref(),
                rules: &server.rules,
                origins: &origins,
                atlas: server.node.geo.is_some(),
            };
            if let Some(raw) = zone.raw.transfer.as_ref().filter(|_| server.is_toml) {
                transfer = server::transfer_rules(&zone.source, raw, &server.node.keys);
            }
            if let Some(raw) = zone.raw.access.as_ref().filter(|_| server.is_toml) {
                access.clone_from(raw);
            }
            services = service::services(&mut builder, &zone.raw, &around);
            statics::report_missing_glue(&around, &zone.raw, &builder, &services);
            draft.refused |= zone.source.has_errors();
        }
        if draft.refused {
            builder.back_to(mark);
            services.clear();
            transfer = TransferRules::default();
        }
        zones.push(ZonePlan {
            id,
            origin: draft.origin.clone(),
            source: Arc::clone(&draft.path),
            services,
            transfer,
            access,
            refused: draft.refused,
        });
    }
    builder.finish(server.node.clone(), zones)
}
