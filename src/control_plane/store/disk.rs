//! The rows on disk: one file of the package `redb` in a folder that one process at a time has.
//!
//! A commit is one transaction, and on the disk before it returns: what was acknowledged survives the end of the process
//! and of the machine's power. A commit that fails leaves the disk as it was, or is taken back before anything else is
//! written; the next one tries again with the file opened anew, so that a full disk needs no restart.

#[cfg(test)]
mod tests;

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::ops::Bound;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{
    Builder, Database, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase, StorageBackend, Table,
    TableDefinition, TableError, WriteTransaction,
};

use super::packed::Packed;
use super::{Change, ChangeVisitor, FORMER_TABLES, Loading, Store};

/// The format of rows and keys: what a newer Tollgate writes under a higher number is not touched.
const FORMAT: u64 = 2;
/// It had rows of [`FORMER_TABLES`] too: they are removed when the store is opened.
const FORMAT_BEFORE: u64 = 1;

const FILE_NAME: &str = "tollgate.redb";
/// A file in the making, to be renamed when it is whole.
const NEW_FILE_NAME: &str = "tollgate.redb.new";
/// Locked by the process that has the store, whose number it holds.
const LOCK_NAME: &str = "tollgate.lock";

/// Pages that `redb` keeps: few, as every row is in memory anyway. (Its own default is a gigabyte.)
const CACHE_BYTES: usize = 4 << 20;

/// Threads that load what is not packed; a packed table has one of its own.
const LOADERS: usize = 2;

/// By the table's name and the row's key, with the separator between them: a table's name has none.
const ROWS: TableDefinition<&str, &[u8]> = TableDefinition::new("rows");
/// `format`: see [`FORMAT`].
const ABOUT: TableDefinition<&str, u64> = TableDefinition::new("about");

const SEPARATOR: char = '\0';

pub struct Disk {
    open: Box<dyn Fn() -> Result<Database, String> + Send + Sync>,
    state: Mutex<State>,
    /// Held for as long as the disk is.
    _lock: Option<File>,
}

struct State {
    /// None after an error, which `redb` has no way back from but to open the file again.
    database: Option<Database>,
    /// What was there before the commit that failed, to be written before anything else: it may have reached the disk.
    /// At most the rows of one commit.
    doubtful: Doubtful,
}

/// By key, a byte and the row that was there, or nothing where none was. An import changes a million.
#[derive(Default)]
struct Doubtful(Packed);

impl Doubtful {
    /// Of a row that changes twice, the first is what was there.
    fn note(&mut self, key: &str, before: Option<&[u8]>) {
        if self.0.get(key.as_bytes()).is_none() {
            let row = before.map_or_else(Vec::new, |row| [&[1], row].concat());
            self.0.insert(key.as_bytes(), &row);
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn clear(&mut self) {
        self.0 = Packed::default();
    }

    fn put_back(&self, table: &mut Table<'_, &'static str, &'static [u8]>) -> Result<(), String> {
        self.0.range(Bound::Unbounded).try_for_each(|(key, row)| {
            let key = std::str::from_utf8(&key).map_err(text)?;
            put_row(table, key, row.split_first().map(|(_, row)| row)).map(|_| ())
        })
    }
}

impl Disk {
    /// Opens the store in the folder, or makes a new one.
    ///
    /// # Errors
    /// Another process has it, its format is not known, or the folder is not to be used.
    pub fn open(folder: &Path) -> Result<Disk, String> {
        let lock = lock(folder)?;
        let file = folder.join(FILE_NAME);
        if !file.exists() {
            create(folder, |_| Ok(()))?;
        }
        let open = move || open_file(&file).map_err(|error| format!("the store {}: {error}", file.display()));
        Disk::opened_by(open, Some(lock))
    }

    fn opened_by(
        open: impl Fn() -> Result<Database, String> + Send + Sync + 'static,
        lock: Option<File>,
    ) -> Result<Disk, String> {
        let state = State { database: Some(open()?), doubtful: Doubtful::default() };
        Ok(Disk { open: Box::new(open), state: Mutex::new(state), _lock: lock })
    }

    /// All rows of all tables.
    ///
    /// # Errors
    /// The file cannot be read, or a row: the text names it.
    pub fn load(&self) -> Result<Store, String> {
        let rows = &self.rows()?;
        let (packed, plain) = (&Span::packed(), &Span::plain());
        let parts: Result<Vec<Loading>, String> = std::thread::scope(|scope| {
            let each = packed.iter().map(|span| scope.spawn(move || load_part(rows, std::slice::from_ref(span), 0, 1)));
            let others = (0..LOADERS).map(|nth| scope.spawn(move || load_part(rows, plain, nth, LOADERS)));
            let loaders: Vec<_> = each.chain(others).collect();
            loaders.into_iter().map(|loader| loader.join().expect("a loader does not panic")).collect()
        });
        Ok(Loading::default().finish(parts?))
    }

    /// Writes the changes, all of them or none. `visit` gives them; what fails there is not written either.
    ///
    /// # Errors
    /// They are not on the disk.
    pub fn commit(&self, visit: impl FnOnce(&mut ChangeVisitor<'_>) -> Result<(), String>) -> Result<(), String> {
        let mut state = self.state();
        self.settle(&mut state)?;
        let State { database, doubtful } = &mut *state;
        let opened = database.take().map_or_else(|| (self.open)(), Ok)?;
        write(&opened, |table| visit(&mut |change| put(table, change, doubtful)))?;
        doubtful.clear();
        *database = Some(opened);
        Ok(())
    }

    /// Makes a store of these rows in the folder: all of it, or nothing.
    ///
    /// # Errors
    /// The folder has a store and it is not to be `replaced`; a process has it; or the disk does not take it.
    pub fn restore(folder: &Path, store: &Store, replaced: bool) -> Result<(), String> {
        let _lock = lock(folder)?;
        if !replaced && folder.join(FILE_NAME).exists() {
            return Err(format!("there is a store in {} already", folder.display()));
        }
        create(folder, |transaction| {
            let mut rows = transaction.open_table(ROWS).map_err(text)?;
            store.visit(&mut |table, key, row| put_row(&mut rows, &row_key(table, key), Some(row)).map(|_| ()))
        })
    }

    /// A view of all rows that later commits do not change.
    fn rows(&self) -> Result<ReadOnlyTable<&'static str, &'static [u8]>, String> {
        let mut state = self.state();
        self.settle(&mut state)?;
        let opened = state.database.take().map_or_else(|| (self.open)(), Ok)?;
        let rows = opened.begin_read().map_err(text)?.open_table(ROWS).map_err(text);
        state.database = Some(opened);
        rows
    }

    /// Takes back what a failed commit may have written.
    fn settle(&self, state: &mut State) -> Result<(), String> {
        if state.doubtful.is_empty() {
            return Ok(());
        }
        let opened = state.database.take().map_or_else(|| (self.open)(), Ok)?;
        write(&opened, |table| state.doubtful.put_back(table))?;
        state.doubtful.clear();
        state.database = Some(opened);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic leaves the state as it is after an error.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rows that stand together: from a key on, to before another.
struct Span {
    from: String,
    to: Option<String>,
}

impl Span {
    /// A span for each packed table.
    fn packed() -> Vec<Span> {
        let mut tables = Store::PACKED.to_vec();
        tables.sort_unstable();
        // The character after the separator.
        tables.into_iter().map(|table| Span { from: row_key(table, ""), to: Some(format!("{table}\u{1}")) }).collect()
    }

    /// What is before, between and behind those.
    fn plain() -> Vec<Span> {
        let mut spans = vec![Span { from: String::new(), to: None }];
        for packed in Span::packed() {
            if let Some(last) = spans.last_mut() {
                last.to = Some(packed.from);
            }
            spans.push(Span { from: packed.to.unwrap_or_default(), to: None });
        }
        spans
    }
}

/// Every so manyth row: most of the time goes into reading their JSON.
fn load_part(
    rows: &ReadOnlyTable<&'static str, &'static [u8]>,
    spans: &[Span],
    nth: usize,
    step: usize,
) -> Result<Loading, String> {
    let mut loading = Loading::default();
    for Span { from, to } in spans {
        let to = to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        for row in rows.range::<&str>((Bound::Included(from.as_str()), to)).map_err(text)?.skip(nth).step_by(step) {
            let (key, value) = row.map_err(text)?;
            let (table, key) = split(key.value())?;
            loading.load(table, key, value.value())?;
        }
    }
    Ok(loading)
}

/// One transaction, on the disk when this returns.
fn write(
    database: &Database,
    change: impl FnOnce(&mut Table<'_, &'static str, &'static [u8]>) -> Result<(), String>,
) -> Result<(), String> {
    let failed = |error: String| format!("the store cannot be written: {error}");
    let mut transaction = database.begin_write().map_err(text).map_err(failed)?;
    transaction.set_durability(Durability::Immediate).map_err(text).map_err(failed)?;
    change(&mut transaction.open_table(ROWS).map_err(text).map_err(failed)?).map_err(failed)?;
    transaction.commit().map_err(text).map_err(failed)
}

fn put(
    table: &mut Table<'_, &'static str, &'static [u8]>,
    change: Change<'_>,
    doubtful: &mut Doubtful,
) -> Result<(), String> {
    let key = row_key(change.table, change.key);
    let replaced = put_row(table, &key, change.row);
    doubtful.note(&key, replaced?.as_deref());
    Ok(())
}

/// The row that was there.
fn put_row(
    table: &mut Table<'_, &'static str, &'static [u8]>,
    key: &str,
    row: Option<&[u8]>,
) -> Result<Option<Vec<u8>>, String> {
    let replaced = match row {
        Some(row) => table.insert(key, row),
        None => table.remove(key),
    };
    Ok(replaced.map_err(text)?.map(|row| row.value().to_vec()))
}

fn row_key(table: &str, key: &str) -> String {
    format!("{table}{SEPARATOR}{key}")
}

fn split(key: &str) -> Result<(&str, &str), String> {
    key.split_once(SEPARATOR).ok_or_else(|| format!("a row without a table: {key}"))
}

/// Makes the folder ours.
fn lock(folder: &Path) -> Result<File, String> {
    let failed = |error: std::io::Error| format!("data: cannot use the folder {}: {error}", folder.display());
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let path = folder.join(LOCK_NAME);
    let mut lock = private().read(true).create(true).truncate(false).open(path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The number is for people; without it, the refusal stands.
            let _ = lock.read_to_string(&mut holder);
            return Err(format!("the store in {} is in use by process {}", folder.display(), holder.trim()));
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(failed)?;
    Ok(lock)
}

/// Makes a store: whole under another name first, so that there is none rather than half of one.
fn create(folder: &Path, fill: impl FnOnce(&WriteTransaction) -> Result<(), String>) -> Result<(), String> {
    let (new, file) = (folder.join(NEW_FILE_NAME), folder.join(FILE_NAME));
    let failed = |error: String| format!("cannot make the store {}: {error}", file.display());
    let made = private().read(true).create(true).truncate(true).open(&new);
    let made = made.map_err(text).and_then(|made| fill_new(FileBackend::new(made).map_err(text)?, fill));
    let made = made.and_then(|()| std::fs::rename(&new, &file).map_err(text));
    if let Err(error) = made {
        // What is left of it is overwritten by the next attempt.
        let _ = std::fs::remove_file(&new);
        return Err(failed(error));
    }
    // A rename is on the disk when the folder is, and the folder when the one around it is.
    let folders = [Some(folder), folder.parent().filter(|parent| !parent.as_os_str().is_empty())];
    let mut folders = folders.into_iter().flatten();
    folders.try_for_each(|folder| File::open(folder)?.sync_all()).map_err(text).map_err(failed)
}

fn fill_new(
    backend: impl StorageBackend,
    fill: impl FnOnce(&WriteTransaction) -> Result<(), String>,
) -> Result<(), String> {
    let database = builder().create_with_backend(backend).map_err(text)?;
    let transaction = database.begin_write().map_err(text)?;
    transaction.open_table(ABOUT).map_err(text)?.insert("format", FORMAT).map_err(text)?;
    transaction.open_table(ROWS).map_err(text)?;
    fill(&transaction)?;
    transaction.commit().map_err(text)?;
    database.close().map_err(text)
}

fn open_file(file: &PathBuf) -> Result<Database, String> {
    let opened = private().read(true).open(file).map_err(text)?;
    open_backend(FileBackend::new(opened).map_err(text)?)
}

fn open_backend(backend: impl StorageBackend) -> Result<Database, String> {
    let database = builder().create_with_backend(backend).map_err(text)?;
    match format_of(&database.begin_read().map_err(text)?)? {
        Some(FORMAT) => Ok(database),
        Some(FORMAT_BEFORE) => renew(&database).map(|()| database),
        Some(newer) => Err(format!("it has format {newer}, this Tollgate reads format {FORMAT}: use a newer one")),
        None => Err("it is not a store of Tollgate's".to_owned()),
    }
}

/// Makes what it was before what it is now.
fn renew(database: &Database) -> Result<(), String> {
    let is_kept = |key: &str| split(key).is_ok_and(|(table, _)| !FORMER_TABLES.contains(&table));
    let mut transaction = database.begin_write().map_err(text)?;
    transaction.set_durability(Durability::Immediate).map_err(text)?;
    transaction.open_table(ROWS).map_err(text)?.retain(|key, _| is_kept(key)).map_err(text)?;
    transaction.open_table(ABOUT).map_err(text)?.insert("format", FORMAT).map_err(text)?;
    transaction.commit().map_err(text)
}

fn format_of(transaction: &ReadTransaction) -> Result<Option<u64>, String> {
    match transaction.open_table(ABOUT) {
        Ok(about) => Ok(about.get("format").map_err(text)?.map(|format| format.value())),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(text(error)),
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    // A file that was altered from outside is an error rather than a panic.
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

/// Rows have secrets: files that nobody else reads.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
