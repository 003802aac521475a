//! The chain against every kind of tampering.

use proptest::prelude::*;
use rusqlite::Connection;

use super::filled;
use crate::store::history::History;

const TRIGGERS: &str = "
    DROP TRIGGER entry_is_new; DROP TRIGGER entry_is_fixed; DROP TRIGGER entry_stays;
    DROP TRIGGER of_service_is_fixed; DROP TRIGGER of_service_stays; DROP TRIGGER word_is_fixed;
    DROP TRIGGER word_stays; DROP TRIGGER bound_moves_on; DROP TRIGGER bound_stays;";

/// Changes the file past its triggers: whether it is still found intact, else where and why not.
pub(super) fn tampered(history: &History, connection: &Connection, sql: &str) -> (bool, u64, String) {
    connection.execute_batch(TRIGGERS).unwrap();
    connection.execute_batch(sql).unwrap();
    let verified = history.verify().unwrap();
    let broken = verified.broken.clone();
    (
        verified.intact,
        broken.as_ref().map_or(0, |broken| broken.seq),
        broken.map(|broken| broken.why).unwrap_or_default(),
    )
}

#[test]
fn nothing_is_changed_or_taken_out_while_the_triggers_stand() {
    let directory = tempfile::tempdir().unwrap();
    let connection = filled(directory.path(), 50, 5);
    for sql in [
        "UPDATE entry SET unix_ms = unix_ms + 1 WHERE seq = 20",
        "DELETE FROM entry WHERE seq = 50",
        "DELETE FROM entry WHERE seq = 1",
        "INSERT OR REPLACE INTO entry SELECT seq, 0, mark, body, chain FROM entry WHERE seq = 9",
        "UPDATE of_service SET mark = 0 WHERE seq = 5",
        "DELETE FROM of_service WHERE seq = 5",
        "UPDATE word SET text = 'calm' WHERE text = 'failover'",
        "DELETE FROM word",
        "UPDATE bound SET seq = 30 WHERE which = 'anchor'",
        "UPDATE bound SET seq = 30 WHERE which = 'head'",
        "DELETE FROM bound",
    ] {
        let refused = connection.execute_batch(sql);
        assert!(refused.is_err(), "{sql}");
    }
    assert!(History::offline(directory.path()).verify().unwrap().intact);
}

#[test]
fn rows_that_are_missing_moved_or_put_in_are_named() {
    let cases = [
        (
            "DELETE FROM entry WHERE seq = 20",
            21,
            "entries 20 to 20 are missing",
        ),
        ("DELETE FROM entry WHERE seq = 1", 2, "entries 1 to 1 are missing"),
        (
            "DELETE FROM entry WHERE seq > 45",
            46,
            "the newest entries are missing",
        ),
        ("DELETE FROM entry", 1, "the newest entries are missing"),
        (
            "UPDATE entry SET seq = 1000 WHERE seq = 20; UPDATE entry SET seq = 20 WHERE seq = 21;
             UPDATE entry SET seq = 21 WHERE seq = 1000",
            20,
            "not what was written",
        ),
        (
            "INSERT INTO entry SELECT 51, unix_ms, mark, body, chain FROM entry WHERE seq = 50",
            51,
            "not what was written",
        ),
        ("DELETE FROM of_service WHERE seq = 30", 30, "not in the index"),
        (
            "INSERT INTO of_service VALUES (1, 77, 1)",
            50,
            "rows that no entry has",
        ),
        (
            "UPDATE bound SET chain = zeroblob(32) WHERE which = 'head'",
            50,
            "does not end",
        ),
        (
            "UPDATE word SET text = 'calm' WHERE text = 'failover'",
            6,
            "not what was written",
        ),
        (
            "DELETE FROM word WHERE text = 'failover'",
            6,
            "not among the words",
        ),
    ];
    for (sql, seq, why) in cases {
        let directory = tempfile::tempdir().unwrap();
        let connection = filled(directory.path(), 50, 5);
        let (intact, at, said) = tampered(&History::offline(directory.path()), &connection, sql);
        assert!(!intact && at == seq && said.contains(why), "{sql}: {at}: {said}");
    }
}

fn flips() -> impl Strategy<Value = (u64, &'static str, prop::sample::Index, u8)> {
    let column = prop::sample::select(vec!["seq", "unix_ms", "mark", "body", "chain"]);
    (1..=40u64, column, any::<prop::sample::Index>(), 0..8u8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_flipped_bit_of_any_field_is_found_where_it_is((seq, column, place, bit) in flips()) {
        let directory = tempfile::tempdir().unwrap();
        let connection = filled(directory.path(), 40, 3);
        let history = History::offline(directory.path());
        let sql = match column {
            "body" | "chain" => {
                let mut octets: Vec<u8> = connection
                    .query_row(&format!("SELECT {column} FROM entry WHERE seq = {seq}"), [], |row| row.get(0))
                    .unwrap();
                let at = place.index(octets.len());
                octets[at] ^= 1 << bit;
                let hex = data_encoding::HEXLOWER.encode(&octets);
                format!("UPDATE entry SET {column} = x'{hex}' WHERE seq = {seq}")
            }
            // Above the numbers that there are, so that the row can move there.
            "seq" => format!("UPDATE entry SET seq = seq + {} WHERE seq = {seq}", 64u64 << bit),
            _ => {
                let flip = 1u64 << (place.index(7) as u32 * 8 + u32::from(bit)).min(54);
                format!("UPDATE entry SET {column} = ({column} | {flip}) - ({column} & {flip}) WHERE seq = {seq}")
            }
        };
        let (intact, at, why) = tampered(&history, &connection, &sql);
        prop_assert!(!intact, "{sql}");
        let expected = match (column, seq) {
            ("seq", 40) => 40 + (64u64 << bit),
            ("seq", _) => seq + 1,
            _ => seq,
        };
        prop_assert_eq!(at, expected, "{}: {}", sql, why);
    }
}
