//! Changed files are noticed, whichever way they change.

use std::fs;
use std::path::Path;
use std::time::Duration;

use pointsman::config::load::{Loaded, load};
use pointsman::config::watch::Watch;
use tokio::sync::mpsc::Receiver;

const MASTER: &str = "$TTL 60\n@ SOA ns.b.test. h 1 3600 600 86400 60\n@ NS ns.b.test.\n";
/// Well above the quiet time and what a busy machine adds.
const PATIENCE: Duration = Duration::from_secs(20);

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("zones/parts")).unwrap();
    fs::write(
        folder.path().join("pointsman.toml"),
        "zones.directory = \"zones\"\n",
    )
    .unwrap();
    fs::write(folder.path().join("zones/parts/more"), "www A 192.0.2.1\n").unwrap();
    fs::write(
        folder.path().join("zones/a.test.zone"),
        format!("{MASTER}$INCLUDE parts/more\n"),
    )
    .unwrap();
    folder
}

fn read(folder: &Path) -> Loaded {
    let loaded = load(&folder.join("pointsman.toml"));
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    loaded
}

async fn notice(notices: &mut Receiver<()>, what: &str) {
    tokio::time::timeout(PATIENCE, notices.recv())
        .await
        .unwrap_or_else(|_| panic!("{what}: not noticed"))
        .unwrap();
}

#[tokio::test]
async fn every_way_of_changing_is_noticed() {
    let folder = folder();
    let path = folder.path();
    let (watch, mut notices) = Watch::start(&read(path)).unwrap();

    let server = "zones.directory = \"zones\"\nnode = \"n\"\n";
    fs::write(path.join("pointsman.toml"), server).unwrap();
    notice(&mut notices, "the server file").await;

    fs::write(
        path.join("zones/parts/more"),
        "www A 192.0.2.2\nftp A 192.0.2.3\n",
    )
    .unwrap();
    notice(&mut notices, "an included file").await;

    fs::write(path.join("zones/b.test.zone"), MASTER).unwrap();
    notice(&mut notices, "a new zone").await;
    watch.follow(&read(path));

    // As editors save: a new file under the old name.
    fs::write(path.join("zones/.b.swp"), format!("{MASTER}ns A 192.0.2.53\n")).unwrap();
    fs::rename(path.join("zones/.b.swp"), path.join("zones/b.test.zone")).unwrap();
    notice(&mut notices, "a replaced file").await;

    fs::remove_file(path.join("zones/b.test.zone")).unwrap();
    notice(&mut notices, "a removed zone").await;
}

#[tokio::test]
async fn a_swapped_link_is_noticed_as_containers_mount_configuration() {
    let folder = folder();
    let path = folder.path();
    for version in ["one", "two"] {
        let target = path.join("mounted").join(version);
        fs::create_dir_all(&target).unwrap();
        fs::write(target.join("c.test.zone"), MASTER).unwrap();
    }
    let link = |to: &str| {
        std::os::unix::fs::symlink(path.join("mounted").join(to), path.join("zones/..next")).unwrap();
        fs::rename(path.join("zones/..next"), path.join("zones/..data")).unwrap();
    };
    link("one");
    std::os::unix::fs::symlink("..data/c.test.zone", path.join("zones/c.test.zone")).unwrap();
    let (_watch, mut notices) = Watch::start(&read(path)).unwrap();
    link("two");
    notice(&mut notices, "a swapped link").await;
}

#[tokio::test]
async fn a_burst_of_changes_is_one_notice_and_reading_is_none() {
    let folder = folder();
    let path = folder.path();
    let (watch, mut notices) = Watch::start(&read(path)).unwrap();
    for number in 0..50 {
        fs::write(path.join(format!("zones/z{number}.test.zone")), MASTER).unwrap();
    }
    notice(&mut notices, "the burst").await;
    for _ in 0..20 {
        watch.follow(&read(path));
    }
    // The next notice is the change's, and the only one.
    fs::write(path.join("zones/last.test.zone"), MASTER).unwrap();
    notice(&mut notices, "the last one").await;
    drop(watch);
    assert_eq!(notices.recv().await, None, "a notice without a change");
}
