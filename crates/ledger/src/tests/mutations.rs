//! Every mutation of a small ledger, as a file and as an export, is found.
//!
//! What leaves a shorter but whole ledger can only be found with a head that was
//! kept elsewhere; the tests list exactly which mutations these are.

use std::collections::BTreeSet;

use super::*;
use crate::PublicKey;
use crate::chain::{Row, unhex};
use crate::verify::verify_open;

/// Positions that are signed; the third entry changes the key.
const SIGNED: [usize; 4] = [2, 3, 5, 6];
const ROTATION: usize = 3;
const ENTRIES: usize = 6;

fn small(folder: &Path) -> PublicKey {
    let mut ledger = Ledger::open(folder).unwrap();
    ledger.append(now(0), &[audit("a"), audit("\u{1f511}")]).unwrap();
    ledger.rotate_key(now(1), By::Cordon, "yearly").unwrap();
    ledger.append(now(2), &[audit("c"), lift("w")]).unwrap();
    ledger.append(now(3), &[audit("d")]).unwrap();
    read_public_key(&ledger.paths().public_key).unwrap()
}

/// A ledger in memory whose triggers are gone, and what is needed to check it.
struct Case {
    connection: Connection,
    key: PublicKey,
    kept: Vec<Head>,
    tried: usize,
    /// Found with the kept heads only.
    needs_kept: Vec<String>,
}

impl Case {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let key = small(folder.path());
        let source = Connection::open(paths(folder.path()).ledger).unwrap();
        let mut memory = Connection::open_in_memory().unwrap();
        rusqlite::backup::Backup::new(&source, &mut memory)
            .unwrap()
            .run_to_completion(100, std::time::Duration::ZERO, None)
            .unwrap();
        drop_triggers(&memory);
        let kept = crate::rows::heads(&memory, Path::new("memory")).unwrap();
        let case = Self { connection: memory, key, kept, tried: 0, needs_kept: Vec::new() };
        assert!(case.check(&[]).is_ok() && case.check(&case.kept).is_ok());
        case
    }

    fn check(&self, kept: &[Head]) -> Result<Verified, VerifyError> {
        verify_open(&self.connection, Path::new("memory"), &self.key, kept)
    }

    /// Applies a mutation, checks, and takes it back.
    fn mutate(&mut self, name: &str, change: impl FnOnce(&Connection)) {
        self.connection.execute_batch("BEGIN").unwrap();
        change(&self.connection);
        self.tried += 1;
        if self.check(&[]).is_ok() {
            assert!(self.check(&self.kept).is_err(), "not found at all: {name}");
            self.needs_kept.push(name.to_owned());
        }
        self.connection.execute_batch("ROLLBACK").unwrap();
    }

    fn sql(&mut self, sql: &str) {
        self.mutate(sql, |connection| connection.execute_batch(sql).unwrap());
    }

    /// Puts a value into a cell.
    fn set(&mut self, table: &str, column: &str, seq: usize, value: &dyn rusqlite::ToSql) {
        let sql = format!("UPDATE {table} SET {column} = ?1 WHERE seq = {seq}");
        self.mutate(&sql, |connection| {
            assert_eq!(connection.execute(&sql, [value]).unwrap(), 1);
        });
    }

    fn cell<T: rusqlite::types::FromSql>(&self, table: &str, column: &str, seq: usize) -> T {
        let sql = format!("SELECT {column} FROM {table} WHERE seq = {seq}");
        self.connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    fn rows(&self) -> Vec<Row> {
        rows_of(&self.connection)
    }
}

fn rows_of(connection: &Connection) -> Vec<Row> {
    let mut rows = Vec::new();
    let keep = |row| {
        rows.push(row);
        Ok(())
    };
    crate::rows::each_row(connection, Path::new("memory"), 0, keep).unwrap();
    rows
}

/// A text with one character changed in several ways, left out, doubled, or a blank before it.
fn edits(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (at, c) in text.char_indices() {
        let (before, after) = (&text[..at], &text[at + c.len_utf8()..]);
        let others = [1, 2, 4, 16, 32, 64].map(|bit| char::from_u32(u32::from(c) ^ bit));
        for other in others.into_iter().flatten() {
            all.insert(format!("{before}{other}{after}"));
        }
        all.insert(format!("{before}{after}"));
        all.insert(format!("{before}{c}{c}{after}"));
        all.insert(format!("{before} {c}{after}"));
    }
    all.remove(text);
    all
}

/// Bytes with every bit flipped once, one byte less, one more, none at all.
fn blob_edits(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![bytes[1..].to_vec(), [bytes, &[0]].concat(), Vec::new()];
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << bit;
            all.push(flipped);
        }
    }
    all
}

#[test]
fn every_edit_of_every_cell_of_the_file_is_found() {
    let mut case = Case::new();
    for seq in 1..=ENTRIES {
        for column in ["time", "body"] {
            for edit in edits(&case.cell::<String>("entry", column, seq)) {
                case.set("entry", column, seq, &edit);
            }
        }
        for column in ["prev", "hash"] {
            for edit in blob_edits(&case.cell::<Vec<u8>>("entry", column, seq)) {
                case.set("entry", column, seq, &edit);
            }
        }
        for version in [0, 2, 255, 256, 65_535, 65_537] {
            case.set("entry", "version", seq, &version);
        }
        for other in [-1, 0, 7, 8, 100, i64::MAX] {
            case.set("entry", "seq", seq, &other);
        }
    }
    for seq in SIGNED {
        for column in ["hash", "signature"] {
            for edit in blob_edits(&case.cell::<Vec<u8>>("head", column, seq)) {
                case.set("head", column, seq, &edit);
            }
        }
        for other in [-1, 0, 1, 4, 7, 100] {
            case.set("head", "seq", seq, &other);
        }
    }
    assert_eq!(case.needs_kept, [""; 0]);
    println!("edits of cells: all {} found", case.tried);
    assert!(case.tried > 8_000, "{}", case.tried);
}

/// All subsets of the members, but for the empty one.
fn subsets(members: &[usize]) -> Vec<Vec<usize>> {
    let all = (1_usize..1 << members.len()).map(|bits| {
        let chosen = members.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
        chosen.map(|(_, member)| *member).collect()
    });
    all.collect()
}

fn listed(members: &[usize]) -> String {
    members.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[test]
fn every_deletion_is_found_or_needs_a_kept_head() {
    let mut case = Case::new();
    let entries: Vec<usize> = (1..=ENTRIES).collect();
    let renumber = "CREATE TEMP TABLE place AS
            SELECT seq AS old, row_number() OVER (ORDER BY seq) AS new FROM entry;
        UPDATE entry SET seq = -(SELECT new FROM place WHERE old = entry.seq);
        UPDATE entry SET seq = -seq; DROP TABLE place;";
    let trim = "DELETE FROM head WHERE seq > (SELECT coalesce(max(seq), 0) FROM entry);";
    let ways = ["".to_owned(), renumber.to_owned(), trim.to_owned(), format!("{renumber}{trim}")];
    let delete = |gone: &[usize]| format!("DELETE FROM entry WHERE seq IN ({});", listed(gone));
    for gone in subsets(&entries) {
        for way in &ways {
            case.sql(&format!("{}{way}", delete(&gone)));
        }
    }
    // A tail that goes with its signatures leaves a shorter, whole ledger at every batch's end.
    let whole = |end: usize| {
        let gone: Vec<usize> = (end + 1..=ENTRIES).collect();
        [&ways[2], &ways[3]].map(|way| format!("{}{way}", delete(&gone)))
    };
    let expected: BTreeSet<String> = [0, 2, 3, 5].into_iter().flat_map(whole).collect();
    let of_entries = case.tried;
    assert_eq!(case.needs_kept.drain(..).collect::<BTreeSet<_>>(), expected);
    for gone in subsets(&SIGNED) {
        case.sql(&format!("DELETE FROM head WHERE seq IN ({})", listed(&gone)));
    }
    // A signature in the middle says nothing that a later one does not.
    let expected = ["2", "5", "2,5"].map(|gone| format!("DELETE FROM head WHERE seq IN ({gone})"));
    assert_eq!(case.needs_kept.drain(..).collect::<BTreeSet<_>>(), expected.into());
    let of_heads = case.tried - of_entries;
    println!("deletions: {of_entries} of entries, 8 of them found with a kept head only");
    println!("deletions: {of_heads} of signatures, 3 of them found with a kept head only");
}

/// Puts what stands at `order` to the places, one after the other.
fn moved(table: &str, order: &[usize], places: &[usize]) -> String {
    let away = format!("UPDATE {table} SET seq = -seq WHERE seq IN ({});", listed(places));
    let back = order.iter().zip(places);
    let back = back.map(|(from, to)| format!("UPDATE {table} SET seq = {to} WHERE seq = -{from};"));
    away + &back.collect::<String>()
}

#[test]
fn every_reordering_insertion_and_doubling_is_found() {
    let mut case = Case::new();
    let places: Vec<usize> = (1..=ENTRIES).collect();
    let mut orders: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in &places {
        let longer = |order: &Vec<usize>| {
            let rest = places.iter().filter(|seq| !order.contains(seq));
            rest.map(|seq| [order.as_slice(), &[*seq]].concat()).collect::<Vec<_>>()
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    for order in orders.iter().filter(|order| **order != places) {
        case.sql(&moved("entry", order, &places));
    }
    for swap in subsets(&SIGNED).into_iter().filter(|pair| pair.len() == 2) {
        case.sql(&moved("head", &[swap[1], swap[0]], &swap));
    }
    let shift = |table: &str, at: usize| {
        format!(
            "UPDATE {table} SET seq = -seq - 1 WHERE seq >= {at};
             UPDATE {table} SET seq = -seq WHERE seq < 0;"
        )
    };
    for copied in 1..=ENTRIES {
        for at in 1..=ENTRIES + 1 {
            let inserted = format!(
                "CREATE TEMP TABLE copy AS SELECT * FROM entry WHERE seq = {copied}; {}
                 INSERT INTO entry SELECT {at}, time, version, body, prev, hash FROM copy;
                 DROP TABLE copy;",
                shift("entry", at)
            );
            case.sql(&inserted);
            // The signatures moved along, as far as anybody without the key can.
            case.sql(&format!("{inserted}{}", shift("head", at)));
        }
    }
    for seq in SIGNED {
        for at in [1, 4, 7] {
            let copy = format!("SELECT {at}, hash, signature FROM head WHERE seq = {seq}");
            case.sql(&format!("INSERT INTO head {copy}"));
        }
    }
    assert_eq!(case.needs_kept, [""; 0]);
    println!("reorderings, insertions, doublings: all {} found", case.tried);
    assert!(case.tried > 800, "{}", case.tried);
}

#[test]
fn every_chain_computed_anew_is_found() {
    let mut case = Case::new();
    for from in 0..ENTRIES {
        for with_heads in [false, true] {
            let mut rows = case.rows();
            rows[from].body = rows[from].body.replace(':', ": ");
            for at in from..rows.len() {
                if at > 0 {
                    rows[at].prev = rows[at - 1].hash.clone();
                }
                rows[at].hash = rows[at].hash_at(rows[at].seq).to_vec();
            }
            case.mutate(&format!("anew from {from}"), |connection| {
                for row in &rows {
                    let sql = "UPDATE entry SET body = ?1, prev = ?2, hash = ?3 WHERE seq = ?4";
                    let changed = rusqlite::params![row.body, row.prev, row.hash, row.seq];
                    connection.execute(sql, changed).unwrap();
                    if with_heads {
                        let sql = "UPDATE head SET hash = ?1 WHERE seq = ?2";
                        connection.execute(sql, rusqlite::params![row.hash, row.seq]).unwrap();
                    }
                }
            });
        }
    }
    // A whole ledger of somebody else's, with a change of keys that its own first key has signed.
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let other = Connection::open(paths(folder.path()).ledger).unwrap();
    let (rows, heads) = (rows_of(&other), crate::rows::heads(&other, Path::new("other")).unwrap());
    for up_to in [0, 2, 3] {
        case.mutate(&format!("another ledger behind {up_to}"), |connection| {
            for row in &rows {
                let sql = "INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                let Row { seq, time, version, body, prev, hash } = row;
                let all = rusqlite::params![seq, time, version, body, prev, hash];
                connection.execute(sql, all).unwrap();
            }
            for head in heads.iter().filter(|head| head.seq > up_to) {
                let (hash, signature) = (unhex(&head.hash), unhex(&head.signature));
                let sql = "INSERT OR REPLACE INTO head VALUES (?1, ?2, ?3)";
                connection.execute(sql, rusqlite::params![head.seq, hash, signature]).unwrap();
            }
        });
    }
    assert_eq!(case.needs_kept, [""; 0]);
    println!("chains computed anew: all {} found", case.tried);
}

#[test]
fn every_mutation_of_an_export_is_found() {
    let folder = TempDir::new().unwrap();
    let key = small(folder.path());
    let file = paths(folder.path()).ledger;
    let mut bytes = Vec::new();
    export(&file, &mut bytes).unwrap();
    let kept = crate::rows::heads(&Connection::open(&file).unwrap(), &file).unwrap();
    let check = |bytes: &[u8], kept: &[Head]| verify_export(Path::new("e"), bytes, &key, kept);
    assert!(check(&bytes, &kept).is_ok());
    let (mut tried, mut needs_kept) = (0, BTreeSet::new());
    let mut mutated = |name: String, text: &[u8]| {
        tried += 1;
        if check(text, &[]).is_ok() {
            assert!(check(text, &kept).is_err(), "not found at all: {name}");
            needs_kept.insert(name);
        }
    };
    for at in 0..bytes.len() {
        for change in [1, 2, 32, 128] {
            let mut edited = bytes.clone();
            edited[at] ^= change;
            mutated(format!("byte {at}"), &edited);
        }
        mutated(format!("cut at {at}"), &bytes[..at]);
        mutated(format!("without {at}"), &[&bytes[..at], &bytes[at + 1..]].concat());
        for added in [" ", "\n"] {
            let longer = [&bytes[..at], added.as_bytes(), &bytes[at..]].concat();
            mutated(format!("more at {at}"), &longer);
        }
    }
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), ENTRIES + SIGNED.len());
    let places: Vec<usize> = (0..lines.len()).collect();
    for left in subsets(&places).into_iter().filter(|left| left.len() < lines.len()) {
        let text: Vec<u8> = left.iter().flat_map(|&at| lines[at].to_vec()).collect();
        mutated(format!("lines {}", listed(&left)), &text);
    }
    for a in 0..lines.len() {
        for b in 0..lines.len() {
            let mut moved = lines.clone();
            let line = moved.remove(a);
            moved.insert(b, line);
            if moved != lines {
                mutated(format!("line {a} to {b}"), &moved.concat());
            }
            let mut doubled = lines.clone();
            doubled.insert(b, lines[a]);
            mutated(format!("line {a} again at {b}"), &doubled.concat());
        }
    }
    assert_eq!(needs_kept, whole_but_shorter(lines.len()));
    let with_kept = needs_kept.len();
    println!("export: {tried} mutations, {with_kept} of them found with a kept head only");
    assert!(tried > 15_000, "{tried}");
}

/// Exports that are whole: the entries up to a signed end, with its signature and that of the
/// change of keys; which of the other signatures are there says nothing.
fn whole_but_shorter(lines: usize) -> BTreeSet<String> {
    let mut expected = BTreeSet::from(["cut at 0".to_owned()]);
    for end in SIGNED {
        let places = (0..SIGNED.len()).filter(|&at| SIGNED[at] <= end);
        for chosen in subsets(&places.collect::<Vec<_>>()) {
            let has = |seq: usize| chosen.iter().any(|&at| SIGNED[at] == seq);
            let heads: Vec<usize> = chosen.iter().map(|at| ENTRIES + at).collect();
            let left: Vec<usize> = (0..end).chain(heads).collect();
            if has(end) && (end < ROTATION || has(ROTATION)) && left.len() < lines {
                expected.insert(format!("lines {}", listed(&left)));
            }
        }
    }
    expected
}
