//! Any octets as a server file and a zone file: never a panic, every mistake within its file, and a plan whose numbers
//! lead somewhere.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use pointsman::config::diagnostic::render;
use pointsman::config::load::load;

/// A folder of this process.
fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("pointsman-fuzz-{}", std::process::id()));
        fs::create_dir_all(folder.join("zones")).expect("a temporary folder");
        folder
    })
}

fuzz_target!(|octets: &[u8]| {
    let mut parts = octets.splitn(2, |octet| *octet == 0);
    let zone = parts.next().unwrap_or_default();
    let server = parts.next().unwrap_or(b"zones.directory = \"zones\"\n");
    let folder = folder();
    let files = [("pointsman.toml", server), ("zones/a.toml", zone)];
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("to write into it");
    }
    let loaded = load(&folder.join("pointsman.toml"));
    for found in &loaded.diagnostics {
        if let Some((_, text)) = files.iter().find(|(name, _)| found.place.file.ends_with(name)) {
            let lines = text.iter().filter(|octet| **octet == b'\n').count() + 1;
            assert!(found.place.line as usize <= lines, "{found}");
        }
        assert!(!found.what.is_empty() && !found.what.contains('\n'), "{found}");
    }
    let _ = render(&loaded.diagnostics, true);
    let Some(plan) = loaded.plan else { return };
    assert_eq!(plan.zones.len(), loaded.contents.len());
    for service in &plan.services {
        assert!(service.owner.is_within(&plan.zones[service.zone.index()].origin));
    }
    for endpoint in &plan.endpoints {
        assert!(plan.services.get(endpoint.service.index()).is_some());
        for address in &endpoint.addresses {
            assert!(
                address
                    .target
                    .is_none_or(|id| plan.targets[id.index()].address == address.address)
            );
        }
    }
});
