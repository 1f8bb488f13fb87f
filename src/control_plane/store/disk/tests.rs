use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::model::RestApi;

/// A change of an API: its key, and its name if it is not to go.
type Renamed = (&'static str, Option<&'static str>);

fn commit(disk: &Disk, changes: &[Renamed]) -> Result<(), String> {
    let row = |name: &str| serde_json::to_vec(&RestApi { name: name.into(), ..RestApi::default() }).expect("JSON");
    disk.commit(|take| {
        changes.iter().try_for_each(|(key, name)| {
            let row = name.map(row);
            take(Change { table: "rest_apis", key, row: row.as_deref() })
        })
    })
}

/// `r/a=one r/b=two`.
fn shown(disk: &Disk) -> String {
    let store = disk.load().expect("it is readable");
    let rows = store.rest_apis.below(&[]).map(|(key, api)| format!("{}={}", key.replace('\0', "/"), api.name));
    rows.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_was_committed_is_there_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("new/store");
    let disk = Disk::open(&place).expect("a new store");
    commit(&disk, &[("r\0a", Some("one")), ("r\0b", Some("two"))]).expect("written");
    commit(&disk, &[("r\0a", None), ("r\0c", Some("three"))]).expect("written");
    assert_eq!(shown(&disk), "r/b=two r/c=three");
    let error = Disk::open(&place).err().expect("it is in use");
    assert!(error.ends_with(&format!("is in use by process {}", std::process::id())), "{error}");
    drop(disk);
    assert_eq!(shown(&Disk::open(&place).expect("it is there")), "r/b=two r/c=three");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(place.join(FILE_NAME)).expect("it is there").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_no_store_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(FILE_NAME);
    let refusal = || Disk::open(folder.path()).err().expect("it is refused");
    std::fs::write(&file, "no store").expect("writable");
    assert!(refusal().contains("tollgate.redb: "), "{}", refusal());
    std::fs::remove_file(&file).expect("it is there");
    drop(Disk::open(folder.path()).expect("a new store"));
    let database = Database::open(&file).expect("a database");
    let transaction = database.begin_write().expect("writable");
    transaction.open_table(ABOUT).expect("a table").insert("format", FORMAT + 1).expect("writable");
    transaction.commit().expect("writable");
    drop(database);
    assert!(refusal().ends_with("it has format 3, this Tollgate reads format 2: use a newer one"), "{}", refusal());
}

#[test]
fn a_store_of_the_format_before_is_renewed() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::open(folder.path()).expect("a new store");
    disk.commit(|take| {
        take(Change { table: "api_key_values", key: "r\0secret", row: Some(b"\"k\"") })?;
        take(Change { table: "api_keys", key: "r\0k", row: Some(b"{\"id\":\"k\",\"value\":\"secret\"}") })?;
        take(Change { table: "usage_plan_keys", key: "r\0p\0k", row: Some(b"{\"id\":\"k\",\"type\":\"API_KEY\"}") })
    })
    .expect("written");
    drop(disk);
    let file = folder.path().join(FILE_NAME);
    let database = Database::open(&file).expect("a database");
    let transaction = database.begin_write().expect("writable");
    transaction.open_table(ABOUT).expect("a table").insert("format", FORMAT_BEFORE).expect("writable");
    transaction.commit().expect("writable");
    drop(database);
    for _ in 0..2 {
        let disk = Disk::open(folder.path()).expect("a store");
        let store = disk.load().expect("it is readable");
        assert_eq!(store.api_keys.with_value("r", "secret").map(|key| key.id.0), Some("k".to_owned()));
        assert_eq!(store.usage_plan_keys.plans_of("r", "k", None).collect::<Vec<_>>(), ["p".into()]);
        let rows = disk.rows().expect("a table");
        assert!(rows.get("api_key_values\0r\0secret").expect("readable").is_none());
    }
}

#[test]
fn a_row_that_cannot_be_read_names_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::open(folder.path()).expect("a new store");
    let wrong = Change { table: "rest_apis", key: "r\0a", row: Some(b"[") };
    disk.commit(|take| take(wrong)).expect("written");
    let error = disk.load().expect_err("it is no JSON");
    assert!(error.starts_with("the row r/a of `rest_apis` cannot be read"), "{error}");
}

#[test]
fn a_store_is_made_of_rows_where_there_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let disk = Disk::open(&first).expect("a new store");
    commit(&disk, &[("r\0a", Some("one\n")), ("r\0b", Some("two"))]).expect("written");
    let rows = disk.load().expect("it is readable");
    let refusal = |folder, replaced| Disk::restore(folder, &rows, replaced).expect_err("it is refused");
    assert_eq!(Disk::restore(&second, &rows, false), Ok(()));
    assert!(refusal(&second, false).ends_with("already"));
    assert_eq!(Disk::restore(&second, &rows, true), Ok(()));
    assert!(refusal(&first, true).contains("in use"));
    assert!(!second.join(NEW_FILE_NAME).exists());
    let restored = Disk::open(&second).expect("a store");
    assert_eq!(shown(&restored), shown(&disk));
}

/// A file that fails from some write on, and that knows what would be left of it without power.
#[derive(Clone, Debug)]
struct Faulty {
    now: Arc<Mutex<Vec<u8>>>,
    synced: Arc<Mutex<Vec<u8>>>,
    /// Writes until the disk is full; below zero, it is.
    left: Arc<AtomicI64>,
}

impl Faulty {
    fn of(bytes: &[u8]) -> Faulty {
        let bytes = Arc::new(Mutex::new(bytes.to_vec()));
        Faulty { now: Arc::clone(&bytes), synced: Arc::default(), left: Arc::new(AtomicI64::new(i64::MAX)) }
    }

    fn disk(&self) -> Result<Disk, String> {
        let backend = self.clone();
        Disk::opened_by(move || open_backend(backend.clone()), None)
    }

    /// What is there when the power fails now.
    fn without_power(&self) -> Faulty {
        Faulty::of(&self.synced.lock().expect("no panic"))
    }

    fn write(&self) -> std::io::Result<MutexGuard<'_, Vec<u8>>> {
        let full = self.left.fetch_sub(1, Ordering::Relaxed) <= 0;
        if full { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(self.now.lock().expect("no panic")) }
    }
}

impl StorageBackend for Faulty {
    fn len(&self) -> std::io::Result<u64> {
        Ok(self.now.lock().expect("no panic").len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        let start = offset as usize;
        out.copy_from_slice(&self.now.lock().expect("no panic")[start..start + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.write()?.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> std::io::Result<()> {
        let now = self.write()?.clone();
        *self.synced.lock().expect("no panic") = now;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        let start = offset as usize;
        Faulty::write(self)?[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}

/// A store with `r/a=one r/b=two` on a file of this kind.
fn prepared() -> Faulty {
    let file = Faulty::of(&[]);
    fill_new(file.clone(), |_| Ok(())).expect("a new store");
    let disk = file.disk().expect("a store");
    commit(&disk, &[("r\0a", Some("one")), ("r\0b", Some("two"))]).expect("written");
    drop(disk);
    file
}

#[test]
fn a_commit_that_fails_leaves_the_old_rows_and_a_store_that_works() {
    let prepared = prepared();
    let image = prepared.now.lock().expect("no panic").clone();
    let (old, new) = ("r/a=one r/b=two", "r/b=2 r/c=three");
    let changes = [("r\0a", None), ("r\0b", Some("2")), ("r\0c", Some("three"))];
    let mut failures = 0;
    for writes in 0.. {
        let file = Faulty::of(&image);
        let disk = file.disk().expect("a store");
        file.left.store(writes, Ordering::Relaxed);
        let outcome = commit(&disk, &changes);
        file.left.store(i64::MAX, Ordering::Relaxed);
        if outcome.is_ok() {
            assert_eq!(shown(&file.without_power().disk().expect("a store")), new, "{writes} writes");
            break;
        }
        failures += 1;
        // Killed right then, a process finds either, whole.
        let found = shown(&Faulty::of(&file.now.lock().expect("no panic")).disk().expect("a store"));
        assert!(found == old || found == new, "{writes} writes: {found}");
        // One that goes on has the old, and goes on.
        assert_eq!(shown(&disk), old, "{writes} writes");
        commit(&disk, &[("r\0d", Some("four"))]).expect("there is room again");
        assert_eq!(shown(&file.without_power().disk().expect("a store")), format!("{old} r/d=four"), "{writes} writes");
    }
    assert!(failures > 3, "only {failures} writes could fail");
}

#[test]
fn a_disk_that_stays_full_refuses_and_recovers() {
    let file = prepared();
    let disk = file.disk().expect("a store");
    file.left.store(2, Ordering::Relaxed);
    for key in ["r\0x", "r\0y", "r\0z"] {
        let error = commit(&disk, &[(key, Some("more"))]).expect_err("there is no room");
        assert!(!error.is_empty());
    }
    file.left.store(i64::MAX, Ordering::Relaxed);
    commit(&disk, &[("r\0c", Some("three"))]).expect("there is room again");
    assert_eq!(shown(&disk), "r/a=one r/b=two r/c=three");
}
