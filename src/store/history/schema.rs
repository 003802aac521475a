//! The tables of the history. Rows are only ever added; the oldest go when retention has moved the anchor past them.

/// Step of the file's format that makes them.
///
/// `mark` is twice the kind's number among the words, plus one for an alarm, so that one index serves both filters.
/// Triggers keep everybody but retention from taking anything out, and everybody from changing anything: they guard
/// against mistakes, the chain against intent.
pub(in crate::store) const STEP: &str = "
    CREATE TABLE word (
        id   INTEGER PRIMARY KEY,
        text TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE entry (
        seq     INTEGER PRIMARY KEY,
        unix_ms INTEGER NOT NULL,
        mark    INTEGER NOT NULL,
        body    BLOB NOT NULL,
        chain   BLOB NOT NULL
    ) STRICT;
    CREATE INDEX entry_by_mark ON entry (mark);
    CREATE TABLE of_service (
        service INTEGER NOT NULL,
        seq     INTEGER NOT NULL,
        mark    INTEGER NOT NULL,
        PRIMARY KEY (service, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE bound (
        which   TEXT PRIMARY KEY,
        seq     INTEGER NOT NULL,
        chain   BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO bound VALUES ('anchor', 0, zeroblob(32)), ('head', 0, zeroblob(32));
    CREATE TABLE pulse (
        only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
        unix_ms  INTEGER NOT NULL
    ) STRICT;
    CREATE TRIGGER entry_is_new BEFORE INSERT ON entry
        WHEN NEW.seq <= (SELECT seq FROM bound WHERE which = 'head')
        BEGIN SELECT RAISE(ABORT, 'the history only grows'); END;
    CREATE TRIGGER entry_is_fixed BEFORE UPDATE ON entry
        BEGIN SELECT RAISE(ABORT, 'the history is never changed'); END;
    CREATE TRIGGER entry_stays BEFORE DELETE ON entry
        WHEN OLD.seq > (SELECT seq FROM bound WHERE which = 'anchor')
        BEGIN SELECT RAISE(ABORT, 'only retention takes the oldest entries'); END;
    CREATE TRIGGER of_service_is_fixed BEFORE UPDATE ON of_service
        BEGIN SELECT RAISE(ABORT, 'the history is never changed'); END;
    CREATE TRIGGER of_service_stays BEFORE DELETE ON of_service
        WHEN OLD.seq > (SELECT seq FROM bound WHERE which = 'anchor')
        BEGIN SELECT RAISE(ABORT, 'only retention takes the oldest entries'); END;
    CREATE TRIGGER word_is_fixed BEFORE UPDATE ON word
        BEGIN SELECT RAISE(ABORT, 'the history is never changed'); END;
    CREATE TRIGGER word_stays BEFORE DELETE ON word
        BEGIN SELECT RAISE(ABORT, 'the history is never changed'); END;
    CREATE TRIGGER bound_moves_on BEFORE UPDATE ON bound
        WHEN NEW.which <> OLD.which OR NEW.seq < OLD.seq
            OR NOT EXISTS (SELECT 1 FROM entry WHERE seq = NEW.seq AND chain = NEW.chain)
        BEGIN SELECT RAISE(ABORT, 'a bound of the history names an entry, and moves on'); END;
    CREATE TRIGGER bound_stays BEFORE DELETE ON bound
        BEGIN SELECT RAISE(ABORT, 'the history has its bounds'); END;
";
