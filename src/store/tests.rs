//! What is kept over restarts, and over damage.

use super::*;
use crate::control::overrides::StoredOverride;
use crate::model::force::ForceKind;
use crate::model::time::UnixTime;

fn active(group: &str, active: &str) -> Record {
    Record::Active {
        group: group.to_owned(),
        active: active.to_owned(),
    }
}

fn reopened(directory: &Path) -> Vec<(String, String)> {
    Store::open(directory).expect("opens").1.actives
}

#[test]
fn the_last_active_member_of_each_group_is_remembered() {
    let directory = tempfile::tempdir().unwrap();
    {
        let (store, remembered, note) = Store::open(directory.path()).unwrap();
        assert_eq!((remembered.actives.len(), note), (0, None));
        store.remember(active("www.example.test", "fra"));
        store.remember(active("db.example.test", "a"));
        store.remember(active("www.example.test", "nyc"));
    }
    let expected = [
        ("db.example.test".into(), "a".into()),
        ("www.example.test".into(), "nyc".into()),
    ];
    assert_eq!(reopened(directory.path()), expected);
}

#[test]
fn what_is_asked_for_is_answered_when_it_is_on_disk_and_when_it_cannot_be() {
    let directory = tempfile::tempdir().unwrap();
    let (store, ..) = Store::open(directory.path()).unwrap();
    let persist = |record| {
        let (heard, hears) = std::sync::mpsc::channel();
        let done = Box::new(move |result| heard.send(result).unwrap());
        store.persist(vec![record], done).map(|()| hears.recv().unwrap())
    };
    assert_eq!(persist(active("www.example.test", "nyc")), Ok(Ok(())));
    // Read by another connection while the first one lives: that is what `kill -9` leaves.
    assert_eq!(reopened(directory.path()).len(), 1);
    rusqlite::Connection::open(directory.path().join("pointsman.db"))
        .unwrap()
        .execute_batch("DROP TABLE active")
        .unwrap();
    let refused = persist(active("www.example.test", "fra")).unwrap();
    assert!(refused.unwrap_err().contains("active"));
    assert!(Store::nowhere().persist(Vec::new(), Box::new(|_| ())).is_err());
}

#[test]
fn overrides_are_kept_changed_and_gone() {
    let directory = tempfile::tempdir().unwrap();
    let over = |id, reason: Option<&str>| StoredOverride {
        id,
        select: "*/fra-*".to_owned(),
        kind: ForceKind::Drain,
        owner: "alice@ops".to_owned(),
        reason: reason.map(str::to_owned),
        created: UnixTime(1_767_225_600_000),
        until: Some(UnixTime(1_767_227_400_000)),
        length: Some(std::time::Duration::from_secs(1800)),
        break_glass: true,
    };
    let (store, ..) = Store::open(directory.path()).unwrap();
    for id in [3, 1, 2] {
        store.remember(Record::Override(over(id, None)));
    }
    store.remember(Record::Override(over(1, Some("maintenance"))));
    store.remember(Record::Released(2));
    drop(store);
    let (_, remembered, _) = Store::open(directory.path()).unwrap();
    assert_eq!(
        remembered.overrides,
        [over(1, Some("maintenance")), over(3, None)]
    );
}

#[test]
fn a_damaged_file_is_set_aside_and_said() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("pointsman.db"),
        b"this is no database, and long enough to be read as one",
    )
    .unwrap();
    let (store, remembered, note) = Store::open(directory.path()).unwrap();
    assert!(remembered.actives.is_empty());
    assert!(note.unwrap().contains("pointsman.db.broken"));
    drop(store);
    assert!(directory.path().join("pointsman.db.broken").exists());
}

#[test]
fn what_cannot_be_written_is_read_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let (store, ..) = Store::open(directory.path()).unwrap();
    store.remember(active("www.example.test", "nyc"));
    drop(store);
    // Nobody can make a journal where a folder stands.
    std::fs::create_dir(directory.path().join("pointsman.db-wal")).unwrap();
    let (_, remembered, note) = Store::open(directory.path()).unwrap();
    assert_eq!(
        remembered.actives,
        [("www.example.test".to_owned(), "nyc".to_owned())]
    );
    assert!(note.unwrap().contains("not written"));
}

#[test]
fn a_later_format_is_refused_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(directory.path()).unwrap());
    let path = directory.path().join("pointsman.db");
    rusqlite::Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    assert!(matches!(
        Store::open(directory.path()),
        Err(StoreError::TooNew { found: 99, .. })
    ));
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_with_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = Store::open(&file.join("state")).unwrap_err();
    assert!(error.to_string().contains("state"), "{error}");
}
