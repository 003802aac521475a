//! Plans from texts, as the loader makes them.

use std::sync::Arc;

use pointsman::config::load::load;
use pointsman::model::plan::Plan;

/// The plan of one zone `example.test` with this text behind its head, and of files beside it.
pub(crate) fn plan_of(zone: &str, files: &[(&str, &str)]) -> Arc<Plan> {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("writes");
    std::fs::create_dir(folder.path().join("zones")).expect("a folder");
    write("pointsman.toml", "zones.directory = \"zones\"\n");
    for (name, text) in files {
        write(&format!("zones/{name}"), text);
    }
    let head =
        "origin = \"example.test\"\nnameservers = [\"ns1.example.test\"]\nhostmaster = \"h.example.test\"\n";
    write("zones/a.toml", &format!("{head}{zone}"));
    let loaded = load(&folder.path().join("pointsman.toml"));
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    loaded.plan.expect("a plan")
}
