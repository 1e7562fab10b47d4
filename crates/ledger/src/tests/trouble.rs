//! A full disk, a read-only one, a locked file, torn writes: a clear error, nothing half-done,
//! and on it goes afterwards.
//!
//! Disks that are full or read-only are real: such a test runs itself again in a child process
//! with a mount namespace and a small disk in memory of its own.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Command;

use super::*;

/// Runs a test of this file in a child process under some shell lines.
fn in_child(test: &str, lines: &str) {
    let program = std::env::current_exe().unwrap();
    let script = format!("{lines}\nexec \"$0\" --exact tests::trouble::{test} --nocapture");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", &script]).arg(program).env("CORDON_CHILD", "1");
    let Ok(output) = command.output() else {
        println!("skipped: {test} (there is no `unshare`)");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.starts_with("unshare:") || said.starts_with("mount:") {
        println!("skipped: {test} ({})", said.lines().next().unwrap_or_default());
        return;
    }
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && out.contains("1 passed"), "{out}{said}");
}

fn is_child() -> bool {
    std::env::var_os("CORDON_CHILD").is_some()
}

fn refusal(error: &LedgerError) -> Option<Refusal> {
    match error {
        LedgerError::NotWritable { refusal, .. } => Some(*refusal),
        _ => None,
    }
}

#[test]
fn a_disk_that_is_really_full() {
    if !is_child() {
        in_child("a_disk_that_is_really_full", "mount -t tmpfs -o size=5m cordon /mnt");
        return;
    }
    let disk = Path::new("/mnt");
    let mut ledger = Ledger::open(disk).unwrap();
    ledger.append(now(0), &[audit("before")]).unwrap();
    // Something else takes all the space there is.
    let other = disk.join("other");
    let mut taken = fs::File::create(&other).unwrap();
    let full = (0..).find_map(|_| taken.write_all(&[1; 4096]).err()).unwrap();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let mut refused = 0;
    for second in 1..40 {
        if let Err(error) = ledger.append(now(second), &[audit(&"x".repeat(2_000))]) {
            assert_eq!(refusal(&error), Some(Refusal::DiskFull), "{error}");
            assert!(error.to_string().contains("free some space"), "{error}");
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused}");
    let before = ledger.last_seq();
    for number in 0..50 {
        ledger.append(now(50), &[lift(&format!("w{number}"))]).unwrap();
    }
    assert_eq!(ledger.last_seq(), before + 50);
    // Still full after a restart: lifts go on, at the same places.
    drop(ledger);
    let mut ledger = Ledger::open(disk).unwrap();
    assert_eq!(ledger.last_seq(), before + 50);
    ledger.append(now(51), &[lift("last")]).unwrap();
    drop(taken);
    fs::remove_file(&other).unwrap();
    ledger.append(now(52), &[audit("after")]).unwrap();
    assert_eq!((ledger.waiting(), ledger.last_seq()), (0, before + 52));
    drop(ledger);
    assert_eq!(verified(disk, &[]).unwrap().entries, before + 52);
}

#[test]
fn files_that_may_not_grow() {
    if !is_child() {
        // In blocks of 512 bytes: just above what is kept free for lifts.
        in_child("files_that_may_not_grow", "trap '' XFSZ; ulimit -f 8400");
        return;
    }
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    let large = audit(&"x".repeat(400_000));
    let refused =
        (0..40).find_map(|second| ledger.append(now(second), std::slice::from_ref(&large)).err());
    let refused = refused.unwrap();
    assert_eq!(refusal(&refused), Some(Refusal::Disk), "{refused}");
    assert!(refused.to_string().contains("does not take it"), "{refused}");
    let before = ledger.last_seq();
    ledger.append(now(50), &[lift("w")]).unwrap();
    drop(ledger);
    let ledger = Ledger::open(folder.path()).unwrap();
    assert_eq!(ledger.last_seq(), before + 1);
    assert_eq!(ledger.read(before + 1).unwrap()[0].body, lift("w"));
}

#[test]
fn a_disk_that_becomes_read_only() {
    if !is_child() {
        in_child("a_disk_that_becomes_read_only", "mount -t tmpfs -o size=8m cordon /mnt");
        return;
    }
    let disk = Path::new("/mnt");
    let mut ledger = Ledger::open(disk).unwrap();
    ledger.append(now(0), &[audit("before")]).unwrap();
    drop(ledger);
    let remount = |how: &str| {
        let done = Command::new("mount").args(["-o", &format!("remount,{how}"), "/mnt"]).status();
        assert!(done.unwrap().success());
    };
    remount("ro");
    let refused = Ledger::open(disk).unwrap_err();
    assert!(matches!(refused, LedgerError::Io { .. } | LedgerError::NotWritable { .. }));
    // Reading and checking need no writing.
    assert_eq!(read_file(&paths(disk).ledger, 1).unwrap().len(), 1);
    assert_eq!(verified(disk, &[]).unwrap().entries, 1);
    remount("rw");
    let mut ledger = Ledger::open(disk).unwrap();
    ledger.append(now(1), &[audit("after")]).unwrap();
    drop(ledger);
    assert_eq!(verified(disk, &[]).unwrap().entries, 2);
}

#[test]
fn a_file_that_another_program_has_locked() {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.append(now(0), &[audit("before")]).unwrap();
    let other = Connection::open(&ledger.paths().ledger).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = ledger.append(now(1), &[audit("no")]).unwrap_err();
    assert_eq!(refusal(&refused), Some(Refusal::Locked), "{refused}");
    assert!(refused.to_string().contains("another process has it open"), "{refused}");
    let kept = ledger.append(now(1), &[lift("w")]).unwrap();
    assert_eq!((kept[0].seq, ledger.waiting()), (2, 1));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(ledger.append(now(2), &[audit("after")]).unwrap()[0].seq, 3);
    assert_eq!(ledger.waiting(), 0);
    drop(ledger);
    assert_eq!(verified(folder.path(), &[]).unwrap().entries, 3);
}

/// A folder whose newest batches lie in the write-ahead log alone, as after kill -9.
fn as_after_a_kill() -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.append(now(0), &[audit("first")]).unwrap();
    ledger.append(now(1), &[audit("second")]).unwrap();
    ledger.append(now(2), &[audit("third"), audit("fourth")]).unwrap();
    // Memory is quicker than a disk, and nothing here is about the disk itself.
    let memory = Path::new("/dev/shm");
    let copy = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
    for name in ["ledger.sqlite", "ledger.sqlite-wal", "ledger.key", "ledger.pub", "ledger.journal"]
    {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    copy
}

/// Lays down a torn log, and tells how many entries there are; with `goes_on`, also writes on.
fn reopened(folder: &Path, torn: &[u8], database: &[u8], goes_on: bool) -> u64 {
    drop(fs::remove_file(folder.join("ledger.sqlite-shm")));
    drop(fs::remove_file(folder.join("ledger.head")));
    fs::write(folder.join("ledger.sqlite"), database).unwrap();
    fs::write(folder.join("ledger.sqlite-wal"), torn).unwrap();
    if !goes_on {
        return verified(folder, &[]).unwrap().entries;
    }
    let mut ledger = Ledger::open(folder).unwrap();
    let entries = ledger.last_seq();
    ledger.append(now(9), &[audit("on")]).unwrap();
    drop(ledger);
    assert_eq!(verified(folder, &[]).unwrap().entries, entries + 1);
    entries
}

#[test]
fn a_write_ahead_log_that_is_cut_or_changed_at_any_byte_loses_whole_batches_only() {
    let folder = as_after_a_kill();
    let wal = fs::read(folder.path().join("ledger.sqlite-wal")).unwrap();
    let database = fs::read(folder.path().join("ledger.sqlite")).unwrap();
    // A header of 32 bytes, then frames of 24 bytes and a page; the last batch is two of them.
    let page = u32::from_be_bytes(wal[8..12].try_into().unwrap()) as usize;
    let frames = (wal.len() - 32) / (page + 24);
    let from = 32 + frames.saturating_sub(2) * (page + 24);
    assert_eq!(reopened(folder.path(), &wal, &database, true), 4);
    let (mut seen, mut tried) = (BTreeSet::new(), 0);
    let mut tear = |torn: &[u8], goes_on: bool| {
        tried += 1;
        seen.insert(reopened(folder.path(), torn, &database, goes_on));
    };
    for cut in from..=wal.len() {
        tear(&wal[..cut], cut % 509 == 0 || cut + 3 > wal.len());
    }
    for at in (from..wal.len()).step_by(23) {
        let mut torn = wal.clone();
        torn[at] ^= 0x55;
        tear(&torn, at % 509 < 23);
    }
    // The first two batches, or all three: never half of one.
    assert_eq!(seen, [2, 4].into());
    println!("write-ahead log: {tried} torn in the last {} bytes", wal.len() - from);
}

#[test]
fn a_journal_that_is_cut_or_changed_at_any_byte_keeps_the_frames_before() {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.append(now(0), &[audit("before")]).unwrap();
    ledger.connection().pragma_update(None, "query_only", true).unwrap();
    let path = folder.path().join("ledger.journal");
    let end = || fs::read(&path).unwrap().iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut ends = vec![8];
    for name in ["a", "b", "c"] {
        ledger.append(now(1), &[lift(name)]).unwrap();
        ends.push(end());
    }
    drop(ledger);
    let bytes = fs::read(&path).unwrap();
    // Frames stand behind each other, so those are whole that end before the damage.
    let whole = |at: usize| ends.iter().filter(|end| **end <= at).count() - 1;
    let read = |torn: &[u8]| {
        fs::write(&path, torn).unwrap();
        crate::journal::Journal::open(&path).unwrap().waiting.len()
    };
    for at in ends[1]..ends[3] {
        let mut zeroed = bytes.clone();
        zeroed[at..].fill(0);
        assert_eq!(read(&zeroed), whole(at), "zero from {at}");
        let mut changed = bytes.clone();
        changed[at] ^= 0x55;
        assert_eq!(read(&changed), whole(at), "changed at {at}");
        assert_eq!(read(&bytes[..at]), whole(at), "cut at {at}");
    }
    fs::write(&path, &bytes).unwrap();
    let ledger = Ledger::open(folder.path()).unwrap();
    assert_eq!((ledger.last_seq(), ledger.waiting()), (4, 0));
    drop(ledger);
    assert_eq!(verified(folder.path(), &[]).unwrap().entries, 4);
    println!("journal: each of the {} bytes of the last two frames", ends[3] - ends[1]);
}
