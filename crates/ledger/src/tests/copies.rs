//! Keys that follow one another, backup while in use, restore, upgrade.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::{Upgraded, backup, restore, upgrade};

fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    names.sort();
    names
}

/// Writes a key's file as the program does.
fn put_key(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_changed_key_is_followed_from_the_first_one_and_old_heads_still_count() {
    let folder = TempDir::new().unwrap();
    ten(folder.path());
    let mut ledger = Ledger::open(folder.path()).unwrap();
    let (first_key, first_head) = (ledger.public_key(), ledger.head().unwrap());
    let second_key = ledger.rotate_key(now(20), By::Cordon, "yearly").unwrap();
    let at_rotation = ledger.head().unwrap();
    assert_ne!(first_key, second_key);
    assert_eq!(ledger.public_key(), second_key);
    // After a restart, with nothing written since.
    drop(ledger);
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.append(now(21), &[audit("after")]).unwrap();
    ledger.rotate_key(now(22), By::Person("ann".to_owned()), "lost laptop").unwrap();
    ledger.append(now(23), &[audit("last")]).unwrap();
    let kept = [first_head, at_rotation, ledger.head().unwrap()];
    let report = verified(folder.path(), &kept).unwrap();
    assert_eq!((report.entries, report.heads), (14, 9));
    let file = paths(folder.path()).ledger;
    for later in [second_key, ledger.public_key()] {
        assert!(verify(&file, &later, &[]).is_err(), "a later key says nothing of the beginning");
    }
    assert_eq!(read_public_key(&paths(folder.path()).public_key).unwrap(), first_key);
    assert!(!folder.path().join("ledger.key.next").exists());
    let mut lines = Vec::new();
    export(&file, &mut lines).unwrap();
    assert!(verify_export(Path::new("e"), lines.as_slice(), &first_key, &kept).is_ok());
}

#[test]
fn a_crash_at_any_step_of_a_change_of_keys_is_settled_at_the_next_start() {
    let folder = TempDir::new().unwrap();
    ten(folder.path());
    let (key, next) = (folder.path().join("ledger.key"), folder.path().join("ledger.key.next"));
    let old = fs::read(&key).unwrap();
    drop(Ledger::open(folder.path()).unwrap().rotate_key(now(20), By::Cordon, "x").unwrap());
    let new = fs::read(&key).unwrap();
    // The entry is written, the files are not exchanged.
    put_key(&key, &old);
    put_key(&next, &new);
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.append(now(21), &[audit("on")]).unwrap();
    drop(ledger);
    assert_eq!(fs::read(&key).unwrap(), new);
    assert!(!next.exists());
    assert_eq!(verified(folder.path(), &[]).unwrap().entries, 12);
    // The next key is made, the entry is not written.
    put_key(&next, &old);
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.append(now(22), &[audit("on")]).unwrap();
    ledger.rotate_key(now(23), By::Cordon, "again").unwrap();
    drop(ledger);
    assert_eq!(verified(folder.path(), &[]).unwrap().entries, 14);
    // Another key than the ledger's is refused before anything is signed with it.
    put_key(&key, &old);
    let refused = Ledger::open(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("not the key that signs"), "{refused}");
}

#[test]
fn a_change_of_keys_that_cannot_be_written_leaves_the_old_key() {
    let folder = TempDir::new().unwrap();
    ten(folder.path());
    let mut ledger = Ledger::open(folder.path()).unwrap();
    let key = ledger.public_key();
    ledger.connection().pragma_update(None, "query_only", true).unwrap();
    assert!(ledger.rotate_key(now(20), By::Cordon, "x").is_err());
    ledger.connection().pragma_update(None, "query_only", false).unwrap();
    assert_eq!(ledger.public_key(), key);
    assert!(!folder.path().join("ledger.key.next").exists());
    ledger.append(now(21), &[audit("on")]).unwrap();
    assert_eq!(verified(folder.path(), &[]).unwrap().entries, 11);
}

#[test]
fn a_backup_is_made_while_another_writes_and_is_restored_as_it_was() {
    let folder = TempDir::new().unwrap();
    ten(folder.path());
    let into = folder.path().join("backup");
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.rotate_key(now(20), By::Cordon, "x").unwrap();
    let (stop, writing) = (AtomicBool::new(false), &mut ledger);
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut second = 30;
            while !stop.load(Ordering::Relaxed) {
                writing.append(now(second), &[audit("meanwhile")]).unwrap();
                second += 1;
            }
        });
        let report = backup(folder.path(), &into);
        stop.store(true, Ordering::Relaxed);
        report
    });
    let report = report.unwrap();
    assert!(report.entries >= 11);
    let all = ["ledger.head", "ledger.journal", "ledger.key", "ledger.pub", "ledger.sqlite"];
    assert_eq!(files(&into), all);
    let rights = fs::metadata(into.join("ledger.key")).unwrap().permissions().mode();
    assert_eq!(rights & 0o777, 0o600);

    // Nothing is overwritten, by either of the two.
    let again = backup(folder.path(), &into).unwrap_err().to_string();
    assert!(again.contains("nothing is overwritten"), "{again}");
    let onto = restore(&into, folder.path()).unwrap_err().to_string();
    assert!(onto.contains("nothing is overwritten"), "{onto}");

    let elsewhere = folder.path().join("elsewhere");
    assert_eq!(restore(&into, &elsewhere).unwrap(), report);
    let entries = |folder: &Path| read_file(&folder.join("ledger.sqlite"), 1).unwrap();
    assert_eq!(entries(&elsewhere), entries(&into));
    let mut restored = Ledger::open(&elsewhere).unwrap();
    restored.append(now(99), &[audit("on")]).unwrap();
    drop(restored);
    assert_eq!(verified(&elsewhere, &[]).unwrap().entries, report.entries + 1);
}

#[test]
fn what_waits_in_the_journal_is_backed_up_and_moves_in_once() {
    let folder = TempDir::new().unwrap();
    ten(folder.path());
    let mut ledger = Ledger::open(folder.path()).unwrap();
    ledger.connection().pragma_update(None, "query_only", true).unwrap();
    ledger.append(now(20), &[lift("a"), lift("b")]).unwrap();
    let into = folder.path().join("backup");
    assert_eq!(backup(folder.path(), &into).unwrap().entries, 10);
    let elsewhere = folder.path().join("elsewhere");
    assert_eq!(restore(&into, &elsewhere).unwrap().entries, 10);
    let restored = Ledger::open(&elsewhere).unwrap();
    assert_eq!((restored.last_seq(), restored.waiting()), (12, 0));
}

#[test]
fn a_backup_that_is_not_whole_is_neither_made_nor_restored() {
    let folder = TempDir::new().unwrap();
    ten(folder.path());
    let into = folder.path().join("backup");
    assert_eq!(backup(folder.path(), &into).unwrap().entries, 10);
    meddle(&into, "UPDATE entry SET body = replace(body, 'ann', 'bob') WHERE seq = 4");
    let elsewhere = folder.path().join("elsewhere");
    assert!(matches!(restore(&into, &elsewhere), Err(VerifyError::Tampered(_))));
    assert!(!elsewhere.exists());
    meddle(folder.path(), "DELETE FROM entry WHERE seq > 8; DELETE FROM head WHERE seq > 8");
    let third = folder.path().join("third");
    let cut = backup(folder.path(), &third).unwrap_err();
    assert!(matches!(cut, VerifyError::Tampered(_)), "{cut}");
    assert!(!third.join("ledger.sqlite").exists());
}

#[test]
fn an_older_format_is_upgraded_in_one_step_and_kept_and_a_later_one_refused() {
    let folder = TempDir::new().unwrap();
    ten(folder.path());
    let older = "DROP TRIGGER entry_follows; DROP TRIGGER head_follows; PRAGMA user_version = 1;";
    let direct = |sql: &str| {
        let connection = Connection::open(folder.path().join("ledger.sqlite")).unwrap();
        connection.execute_batch(sql).unwrap();
    };
    direct(older);
    // An older ledger goes on as it is; nobody has to stop for an upgrade at night.
    Ledger::open(folder.path()).unwrap().append(now(20), &[audit("as ever")]).unwrap();
    let open = Ledger::open(folder.path()).unwrap();
    assert!(upgrade(folder.path()).is_err(), "while it is in use");
    drop(open);
    let kept = folder.path().join("ledger.format-1.sqlite");
    assert_eq!(upgrade(folder.path()).unwrap(), Upgraded::Done { from: 1, kept: kept.clone() });
    assert_eq!(upgrade(folder.path()).unwrap(), Upgraded::AlreadySo);
    assert_eq!(read_file(&kept, 1).unwrap().len(), 11);
    let ledger = Ledger::open(folder.path()).unwrap();
    assert_eq!(ledger.read(1).unwrap().len(), 11);
    let all = "SELECT seq, time, version, 'x', prev, hash FROM entry";
    let replaced = ledger.connection().execute(&format!("INSERT OR REPLACE INTO entry {all}"), []);
    assert!(replaced.is_err());
    drop(ledger);
    assert_eq!(verified(folder.path(), &[]).unwrap().entries, 11);
    // The copy of an earlier upgrade is not overwritten: a second one does not begin.
    direct(older);
    let again = upgrade(folder.path()).unwrap_err().to_string();
    assert!(again.contains("nothing is overwritten"), "{again}");
    direct("PRAGMA user_version = 3");
    for refused in [
        Ledger::open(folder.path()).unwrap_err().to_string(),
        upgrade(folder.path()).unwrap_err().to_string(),
    ] {
        assert!(refused.contains("use a newer program"), "{refused}");
    }
}
