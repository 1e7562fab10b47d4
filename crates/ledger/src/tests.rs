//! Appending, refusing, reading back; every way to tamper is found and named.

mod copies;
mod mutations;
mod trouble;

use std::fs;
use std::path::Path;

use cordon_model::Timestamp;
use cordon_model::record::{Audit, By, Entry, Lift, Moved, Record, Transition};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::export::{export, verify_export};
use crate::verify::{TamperingKind, Verified, VerifyError, verify};
use crate::{Head, Ledger, LedgerError, Refusal, paths, read_file, read_head, read_public_key};

fn now(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

fn audit(did: &str) -> Record {
    Record::Audit(Audit { by: By::Person("ann".to_owned()), did: did.to_owned() })
}

fn lift(withdrawal: &str) -> Record {
    Record::Lift(Lift {
        withdrawals: vec![withdrawal.into()],
        by: By::Cordon,
        because: "over".to_owned(),
        for_service: None,
    })
}

/// Ten entries in five batches.
fn ten(folder: &Path) -> Vec<Entry> {
    let mut ledger = Ledger::open(folder).unwrap();
    for batch in 0..5 {
        let records = [audit(&format!("first of {batch}")), audit(&format!("\u{1f511} {batch}"))];
        ledger.append(now(batch), &records).unwrap();
    }
    ledger.read(1).unwrap()
}

fn verified(folder: &Path, kept: &[Head]) -> Result<Verified, VerifyError> {
    let paths = paths(folder);
    verify(&paths.ledger, &read_public_key(&paths.public_key).unwrap(), kept)
}

#[test]
fn what_is_appended_is_read_back_after_a_restart_and_from_outside() {
    let folder = TempDir::new().unwrap();
    let entries = ten(folder.path());
    assert_eq!(
        entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
        (1..=10).collect::<Vec<_>>()
    );
    let mut ledger = Ledger::open(folder.path()).unwrap();
    assert_eq!(ledger.read(1).unwrap(), entries);
    assert_eq!(ledger.read(8).unwrap(), entries[7..]);
    let more = ledger.append(now(9), &[audit("more")]).unwrap();
    assert_eq!(more[0].seq, 11);
    let outside = read_file(&ledger.paths().ledger, 11).unwrap();
    assert_eq!(outside, more);
    let report = verified(folder.path(), &[]).unwrap();
    assert_eq!((report.entries, report.heads), (11, 6));
    assert_eq!(report.head, ledger.head());
    assert_eq!(read_head(&ledger.paths().head).unwrap(), ledger.head());
    assert_eq!(read_head(&folder.path().join("none")).unwrap(), None);
}

#[test]
fn there_is_one_writer_and_nothing_can_be_undone() {
    let folder = TempDir::new().unwrap();
    ten(folder.path());
    let ledger = Ledger::open(folder.path()).unwrap();
    let second = Ledger::open(folder.path()).unwrap_err();
    let locked = matches!(&second, LedgerError::NotWritable { refusal: Refusal::Locked, .. });
    assert!(locked, "{second}");
    for sql in [
        "UPDATE entry SET body = 'x'",
        "DELETE FROM entry",
        "DELETE FROM head",
        "INSERT OR REPLACE INTO entry SELECT seq, time, version, 'x', prev, hash FROM entry",
        "INSERT OR REPLACE INTO head SELECT seq, hash, signature FROM head",
        "INSERT INTO entry SELECT seq + 100, time, version, body, prev, hash FROM entry",
    ] {
        assert!(ledger.connection().execute(sql, []).is_err(), "{sql}");
    }
}

#[test]
fn the_key_is_its_owners_alone_and_is_missed_when_gone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    ten(folder.path());
    let key = folder.path().join("ledger.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Ledger::open(folder.path()).unwrap_err().to_string().contains("0600"));
    fs::remove_file(&key).unwrap();
    assert!(Ledger::open(folder.path()).unwrap_err().to_string().contains("missing"));
    fs::write(folder.path().join("ledger.sqlite"), "no ledger at all, but long enough").unwrap();
    assert!(matches!(Ledger::open(folder.path()), Err(LedgerError::Damaged { .. })));
}

/// Lets the file take no more pages, as a full disk does.
fn fill(ledger: &Ledger) {
    let pages: i64 = ledger.connection().query_row("PRAGMA page_count", [], |r| r.get(0)).unwrap();
    ledger
        .connection()
        .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
        .unwrap();
}

#[test]
fn a_full_disk_stops_raises_but_not_lifts() {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.append(now(0), &[audit("before")]).unwrap();
    fill(&ledger);
    let large = audit(&"x".repeat(100_000));
    let full = ledger.append(now(1), std::slice::from_ref(&large)).unwrap_err();
    assert!(matches!(&full, LedgerError::NotWritable { refusal: Refusal::DiskFull, .. }), "{full}");
    // A mixed batch is not split by the ledger: it is refused as a whole.
    assert!(ledger.append(now(1), &[lift("a"), large]).is_err());
    assert_eq!(ledger.last_seq(), 1);

    let long = lift(&"w".repeat(50_000));
    let moved = Moved { withdrawal: "w".into(), transition: Transition::Expired };
    let kept = ledger.append(now(2), &[long, Record::Withdrawal(moved)]).unwrap();
    assert_eq!((kept[0].seq, ledger.waiting()), (2, 2));
    assert_eq!(ledger.read(2).unwrap(), kept);

    // Space again, after a restart: the journal moves in, at the same places, once.
    drop(ledger);
    let mut ledger = Ledger::open(folder.path()).unwrap();
    assert_eq!((ledger.waiting(), ledger.last_seq()), (0, 3));
    assert_eq!(ledger.read(2).unwrap(), kept);
    let next = ledger.append(now(3), &[audit("after")]).unwrap();
    assert_eq!(next[0].seq, 4);
    assert_eq!(verified(folder.path(), &[]).unwrap().entries, 4);
}

#[test]
fn the_journal_moves_in_before_the_next_batch_and_survives_a_crash_in_between() {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.append(now(0), &[audit("before")]).unwrap();
    ledger.connection().pragma_update(None, "query_only", true).unwrap();
    let refused = ledger.append(now(1), &[audit("no")]).unwrap_err();
    assert!(matches!(&refused, LedgerError::NotWritable { refusal: Refusal::ReadOnly, .. }));
    ledger.append(now(1), &[lift("a")]).unwrap();
    let journal = fs::read(folder.path().join("ledger.journal")).unwrap();
    ledger.connection().pragma_update(None, "query_only", false).unwrap();
    let after = ledger.append(now(2), &[audit("after")]).unwrap();
    assert_eq!((after[0].seq, ledger.waiting()), (3, 0));
    drop(ledger);
    // As if the program had been killed after the transaction and before the journal was cleared.
    fs::write(folder.path().join("ledger.journal"), journal).unwrap();
    let ledger = Ledger::open(folder.path()).unwrap();
    assert_eq!((ledger.waiting(), ledger.last_seq()), (0, 3));
    assert_eq!(verified(folder.path(), &[]).unwrap().entries, 3);
}

#[test]
fn a_torn_frame_of_the_journal_loses_only_itself() {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.connection().pragma_update(None, "query_only", true).unwrap();
    ledger.append(now(1), &[lift("a")]).unwrap();
    ledger.append(now(2), &[lift("b")]).unwrap();
    drop(ledger);
    let path = folder.path().join("ledger.journal");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(Ledger::open(folder.path()).unwrap().read(1).unwrap().len(), 1);
}

/// Opens the file as somebody would who wants to change it.
fn meddle(folder: &Path, sql: &str) {
    let connection = Connection::open(folder.join("ledger.sqlite")).unwrap();
    drop_triggers(&connection);
    connection.execute_batch(sql).unwrap();
}

fn drop_triggers(connection: &Connection) {
    let triggers = [
        "entry_stays",
        "entry_remains",
        "entry_follows",
        "head_stays",
        "head_remains",
        "head_follows",
    ];
    for trigger in triggers {
        connection.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
}

/// Shifts the numbers from a position on.
fn renumber(from: u64, by: i64) -> String {
    format!(
        "UPDATE entry SET seq = -seq - ({by}) WHERE seq >= {from};
         UPDATE entry SET seq = -seq WHERE seq < 0;"
    )
}

#[test]
fn every_tampering_is_found_and_named() {
    use TamperingKind::{Changed, Inserted, Removed, Reordered, Rewritten, Truncated};
    let insert =
        "INSERT INTO entry SELECT 5, time, version, body, prev, hash FROM entry WHERE seq = 9;";
    let cases = [
        ("UPDATE entry SET body = replace(body, 'ann', 'bob') WHERE seq = 4".to_owned(), 4, Changed),
        ("UPDATE entry SET time = '2020-01-01T00:00:00Z' WHERE seq = 7".to_owned(), 7, Changed),
        ("UPDATE entry SET version = 2 WHERE seq = 1".to_owned(), 1, Changed),
        ("UPDATE entry SET hash = zeroblob(32) WHERE seq = 10".to_owned(), 10, Changed),
        ("DELETE FROM entry WHERE seq = 5".to_owned(), 5, Removed),
        ("DELETE FROM entry WHERE seq <= 2".to_owned(), 1, Removed),
        (format!("DELETE FROM entry WHERE seq IN (5, 6); {}", renumber(7, -2)), 5, Removed),
        (format!("{}{insert}", renumber(5, 1)), 5, Inserted),
        (
            "INSERT INTO entry SELECT 11, time, version, body, hash, hash FROM entry WHERE seq = 10"
                .to_owned(),
            11,
            Changed,
        ),
        (
            "UPDATE entry SET seq = -3 WHERE seq = 3; UPDATE entry SET seq = 3 WHERE seq = 8;
             UPDATE entry SET seq = 8 WHERE seq = -3"
                .to_owned(),
            3,
            Reordered,
        ),
        (
            "UPDATE entry SET seq = -3 WHERE seq = 3; UPDATE entry SET seq = 3 WHERE seq = 4;
             UPDATE entry SET seq = 4 WHERE seq = -3"
                .to_owned(),
            3,
            Reordered,
        ),
        ("DELETE FROM entry WHERE seq > 7".to_owned(), 8, Truncated),
        ("DELETE FROM head WHERE seq = 10".to_owned(), 9, Inserted),
        ("UPDATE head SET signature = zeroblob(64) WHERE seq = 6".to_owned(), 5, Rewritten),
        ("UPDATE head SET hash = zeroblob(32) WHERE seq = 2".to_owned(), 1, Rewritten),
    ];
    for (sql, seq, kind) in cases {
        let folder = TempDir::new().unwrap();
        ten(folder.path());
        meddle(folder.path(), &sql);
        match verified(folder.path(), &[]) {
            Err(VerifyError::Tampered(found)) => {
                assert_eq!((found.seq, found.kind), (seq, kind), "{sql}: {found}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[test]
fn a_chain_computed_anew_and_a_cut_off_tail_show_by_their_heads() {
    let folder = TempDir::new().unwrap();
    ten(folder.path());
    let kept = Ledger::open(folder.path()).unwrap().head().unwrap();
    assert!(verified(folder.path(), std::slice::from_ref(&kept)).is_ok());
    meddle(folder.path(), "DELETE FROM entry WHERE seq > 8; DELETE FROM head WHERE seq > 8");
    // A tail that is gone with its heads leaves a shorter, good ledger ...
    assert_eq!(verified(folder.path(), &[]).unwrap().entries, 8);
    // ... but not to somebody who has kept a head.
    let Err(VerifyError::Tampered(found)) = verified(folder.path(), &[kept]) else { panic!() };
    assert_eq!((found.seq, found.kind), (9, TamperingKind::Truncated));

    // The same file under another key, and another ledger's chain under this one.
    let (other, third) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    ten(other.path());
    drop(Ledger::open(third.path()).unwrap().append(now(0), &[audit("x")]).unwrap());
    let key = read_public_key(&paths(third.path()).public_key).unwrap();
    let Err(VerifyError::Tampered(found)) = verify(&paths(other.path()).ledger, &key, &[]) else {
        panic!()
    };
    assert_eq!(found.kind, TamperingKind::WrongKey);
}

#[test]
fn an_export_is_checked_like_the_file() {
    let folder = TempDir::new().unwrap();
    ten(folder.path());
    let paths = paths(folder.path());
    let key = read_public_key(&paths.public_key).unwrap();
    let mut lines = Vec::new();
    assert_eq!(export(&paths.ledger, &mut lines).unwrap(), 10);
    let name = Path::new("export.ndjson");
    let report = verify_export(name, lines.as_slice(), &key, &[]).unwrap();
    assert_eq!((report.entries, report.heads), (10, 5));
    let text = String::from_utf8(lines).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["body"]["did"], "first of 0");
    for (from, to, kind) in [
        ("first of 2", "first of 7", TamperingKind::Changed),
        ("2026-02-25T06:13:22Z", "2026-02-25T06:13:21Z", TamperingKind::Changed),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        match verify_export(name, changed.as_bytes(), &key, &[]) {
            Err(VerifyError::Tampered(found)) => assert_eq!((found.seq, found.kind), (5, kind)),
            other => panic!("{other:?}"),
        }
    }
    let mut without: Vec<&str> = text.lines().collect();
    without.remove(3);
    let without = without.join("\n") + "\n";
    let Err(VerifyError::Tampered(found)) = verify_export(name, without.as_bytes(), &key, &[])
    else {
        panic!()
    };
    assert_eq!((found.seq, found.kind), (4, TamperingKind::Removed));
    let broken = text.replacen("{\"seq\":3", "{\"seq\":", 1);
    let error = verify_export(name, broken.as_bytes(), &key, &[]).unwrap_err();
    assert!(error.to_string().contains("line 3"), "{error}");
}

#[test]
fn the_show_filters_narrow() {
    use crate::show::{Filter, describe, kind};
    let folder = TempDir::new().unwrap();
    let mut entries = ten(folder.path());
    let mut ledger = Ledger::open(folder.path()).unwrap();
    entries.extend(ledger.append(now(60), &[lift("isolate-host/host:h1")]).unwrap());
    let count = |filter: Filter| entries.iter().filter(|entry| filter.keeps(entry)).count();
    assert_eq!(count(Filter::default()), 11);
    assert_eq!(count(Filter { from: Some(10), ..Filter::default() }), 2);
    assert_eq!(count(Filter { since: Some(now(4)), ..Filter::default() }), 3);
    assert_eq!(count(Filter { before: Some(now(4)), ..Filter::default() }), 8);
    assert_eq!(count(Filter { kinds: vec!["lift".to_owned()], ..Filter::default() }), 1);
    assert_eq!(count(Filter { text: Some("HOST:h1".to_owned()), ..Filter::default() }), 1);
    let last = &entries[10].body;
    assert_eq!(kind(last), "lift");
    assert_eq!(describe(last), "Cordon lifts isolate-host/host:h1: over");
}
