//! All functions of a host, and the places for their processes.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use aws_lc_rs::rand;
use tokio::sync::watch;

use super::code::{self, Code};
use super::definition::{Configured, Definition};
use super::events::Events;
use super::log::{Log, LogFile};
use super::pool::{Function, Live};
use super::remove::remove_folder;
use super::runtime::{Interpreters, NODE_CLIENT, Surroundings};
use super::stats::Stats;
use super::store::Store;
use super::{FunctionSettings, api, name, time, user};

/// How often what is due once in a while is done.
const TICK: Duration = Duration::from_secs(1);

/// How long processes may take to end when the host does.
const END_GRACE: Duration = Duration::from_secs(6);

/// What is read of a log at a time.
const READ_BYTES: usize = 16_384;

/// What a host's folder is called, before the id of its process.
const FOLDER_PREFIX: &str = "tollgate-functions-";

/// What all functions of a host share.
pub struct Shared {
    pub settings: FunctionSettings,
    pub surroundings: Surroundings,
    pub stats: Stats,
    pub store: Store,
    pub events: Events,
    /// One change after the other.
    pub changes: tokio::sync::Mutex<()>,
    /// Where processes have their folders.
    pub work: PathBuf,
    /// Where code is unpacked.
    pub code: PathBuf,
    functions: RefCell<BTreeMap<String, Rc<Function>>>,
    /// Deleted, and perhaps still running.
    removed: RefCell<Vec<Rc<Function>>>,
    places: RefCell<BTreeSet<usize>>,
    /// Whether somebody's idle process is ending for the sake of others.
    is_giving_up: Cell<bool>,
    serial: Cell<u64>,
    /// Whether something may be unpacked that no function has any more.
    pub has_old_code: Cell<bool>,
    /// What logs are read into, of whichever process.
    pub read_buffer: RefCell<Box<[u8]>>,
    /// Of payloads.
    held_bytes: Rc<Cell<usize>>,
    generation: Cell<u64>,
}

/// What is counted of a payload, until it is dropped.
pub struct Held {
    bytes: usize,
    most: usize,
    all: Rc<Cell<usize>>,
}

impl Held {
    /// Counts more; `false`, and nothing more is counted, if there are too many bytes already.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let all = self.all.get().saturating_add(bytes);
        let fits = all <= self.most;
        if fits {
            self.all.set(all);
            self.bytes += bytes;
        }
        fits
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.set(self.all.get().saturating_sub(self.bytes));
    }
}

/// Runs a host until it is told to stop. `report` is told once whether it has started.
pub async fn run(
    settings: FunctionSettings,
    listener: TcpListener,
    stats: Stats,
    mut stopped: watch::Receiver<bool>,
    report: mpsc::Sender<Result<(), String>>,
) {
    let folder = match run_folder(&settings.run_folder) {
        Ok(folder) => folder,
        Err(error) => {
            let problem = format!("functions: no folder in {}: {error}", settings.run_folder.display());
            return drop(report.send(Err(problem)));
        }
    };
    let started = Shared::new(settings, stats, &folder.path).and_then(|shared| {
        shared.load()?;
        listener.set_nonblocking(true).map_err(|error| error.to_string())?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
        Ok((shared, listener))
    });
    match started {
        Ok((shared, listener)) => {
            // Whoever started this waits for it.
            let _ = report.send(Ok(()));
            let api = tokio::task::spawn_local(api::serve(Rc::clone(&shared), listener));
            let mut tick = tokio::time::interval(TICK);
            loop {
                tokio::select! {
                    _ = stopped.changed() => break,
                    _ = tick.tick() => shared.tick(),
                }
            }
            api.abort();
            shared.end().await;
        }
        Err(problem) => drop(report.send(Err(problem))),
    }
    if let Err(error) = remove_folder(&folder.path) {
        tracing::warn!("{} cannot be removed: {error}", folder.path.display());
    }
}

/// A folder of our own, which functions may enter and not list; those of hosts that are no more are removed.
fn run_folder(parent: &Path) -> io::Result<RunFolder> {
    fs::create_dir_all(parent)?;
    for entry in fs::read_dir(parent)?.flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(FOLDER_PREFIX)) else { continue };
        let is_alive = rest.split('-').next().is_some_and(|id| Path::new("/proc").join(id).exists());
        let is_ours = entry.metadata().is_ok_and(|folder| folder.is_dir() && folder.uid() == user::own_id());
        if !is_alive && is_ours {
            // Another host may be at it as well.
            let _ = remove_folder(&entry.path());
        }
    }
    let folder = parent.join(format!("{FOLDER_PREFIX}{}-{}", std::process::id(), &uuid()[..8]));
    let enter = Permissions::from_mode(0o711);
    for folder in [folder.clone(), folder.join("code"), folder.join("work")] {
        fs::create_dir(&folder)?;
        fs::set_permissions(&folder, enter.clone())?;
    }
    let client = folder.join("node.mjs");
    fs::write(&client, NODE_CLIENT)?;
    fs::set_permissions(&client, Permissions::from_mode(0o644))?;
    let lock = File::open(&folder)?;
    // Where it cannot be had, only the cleaner's word is missing.
    let _ = lock.try_lock_shared();
    Ok(RunFolder { path: folder, _lock: lock })
}

/// A host's folder. What cleans temporary folders of old files keeps away from those that are locked (`tmpfiles.d(5)`).
struct RunFolder {
    path: PathBuf,
    _lock: File,
}

impl Shared {
    fn new(settings: FunctionSettings, stats: Stats, folder: &Path) -> Result<Rc<Shared>, String> {
        let store = Store::open(settings.data.clone())?;
        if let Some(logs) = &settings.log_folder {
            fs::create_dir_all(logs).map_err(|error| format!("functions.log_folder: {}: {error}", logs.display()))?;
        }
        let interpreters = Interpreters {
            python: settings.python.clone(),
            node: settings.node.clone(),
            node_client: folder.join("node.mjs"),
        };
        let surroundings =
            Surroundings { region: settings.region.clone(), interpreters, path: std::env::var_os("PATH") };
        let events = Events::new(settings.bounds.events_max);
        Ok(Rc::new(Shared {
            settings,
            surroundings,
            stats,
            store,
            events,
            changes: tokio::sync::Mutex::new(()),
            work: folder.join("work"),
            code: folder.join("code"),
            functions: RefCell::default(),
            removed: RefCell::default(),
            places: RefCell::default(),
            is_giving_up: Cell::new(false),
            serial: Cell::new(0),
            has_old_code: Cell::new(false),
            read_buffer: RefCell::new(vec![0; READ_BYTES].into()),
            held_bytes: Rc::default(),
            generation: Cell::new(0),
        }))
    }

    /// The functions of the settings, and those that were made before. One that cannot be had stops the start, if it is of
    /// the settings; of the others it is named and left out.
    fn load(self: &Rc<Self>) -> Result<(), String> {
        for Configured { definition, code } in &self.settings.functions {
            let problem = |reason: String| format!("functions.list: {}: {reason}", definition.name);
            definition.check().map_err(|(field, allowed)| problem(format!("{field}: write {allowed}")))?;
            let code = self.configured_code(code).map_err(problem)?;
            let live = Live { is_configured: true, ..self.live(definition.clone(), code) };
            self.insert(live).map_err(problem)?;
        }
        for stored in self.store.load() {
            let (name, loaded) = match stored {
                Ok(stored) => {
                    let name = stored.definition.name.clone();
                    let code = code::unpack(&stored.zip, &self.code, &self.settings.bounds.code);
                    let live = code.map(|code| Live {
                        modified_ms: stored.modified_ms,
                        policy: stored.policy,
                        ..self.live(stored.definition, code)
                    });
                    (name.clone(), live.and_then(|live| self.insert(live)))
                }
                Err((file, reason)) => (file, Err(reason)),
            };
            if let Err(reason) = loaded {
                tracing::error!("the function {name} is not there: {reason}");
            }
        }
        Ok(())
    }

    fn configured_code(&self, path: &Path) -> Result<Code, String> {
        let path = fs::canonicalize(path).map_err(|error| format!("code: {}: {error}", path.display()))?;
        if path.is_dir() {
            return Ok(Code { root: path, sha256: String::new(), bytes: 0 });
        }
        let zip = code::read_zip(&path, &self.settings.bounds.code)?;
        code::unpack(&zip, &self.code, &self.settings.bounds.code)
    }

    /// A function of the next generation.
    pub fn live(&self, definition: Definition, code: Code) -> Live {
        self.generation.set(self.generation.get() + 1);
        Live {
            arn: name::arn(&self.settings.region, &self.settings.account_id, &definition.name),
            definition,
            code,
            generation: self.generation.get(),
            is_configured: false,
            modified_ms: time::unix_ms(),
            revision_id: uuid(),
            policy: Vec::new(),
        }
    }

    /// # Errors
    /// There is one of that name, or there are too many.
    pub fn insert(self: &Rc<Self>, live: Live) -> Result<Rc<Function>, String> {
        let name = live.definition.name.clone();
        let mut functions = self.functions.borrow_mut();
        if functions.contains_key(&name) {
            return Err("there is another function of that name".to_owned());
        }
        if functions.len() >= self.settings.bounds.functions_max {
            return Err(format!("there are {} functions already, the most that there may be", functions.len()));
        }
        let bounds = &self.settings.bounds;
        let file = match &self.settings.log_folder {
            None => None,
            Some(folder) => {
                let path = folder.join(format!("{name}.log"));
                let opened = LogFile::open(path.clone(), bounds.log_file_bytes_max);
                Some(opened.map_err(|error| format!("{}: {error}", path.display()))?)
            }
        };
        let function = Function::new(Rc::clone(self), live, Log::new(bounds.log_bytes_max, file));
        functions.insert(name, Rc::clone(&function));
        Ok(function)
    }

    pub fn remove(&self, name: &str) {
        let removed = self.functions.borrow_mut().remove(name);
        if let Some(function) = removed {
            function.close();
            self.stats.forget(name);
            self.has_old_code.set(true);
            self.removed.borrow_mut().push(function);
        }
    }

    pub fn function(&self, name: &str) -> Option<Rc<Function>> {
        self.functions.borrow().get(name).cloned()
    }

    /// All functions, by name.
    pub fn functions(&self) -> Vec<Rc<Function>> {
        self.functions.borrow().values().cloned().collect()
    }

    /// A place for a process. If all are taken, somebody's idle process is ended, for the place to become free.
    pub fn take_place(&self) -> Option<usize> {
        let mut places = self.places.borrow_mut();
        let free = (0..self.settings.bounds.processes_max).find(|place| !places.contains(place));
        if let Some(place) = free {
            places.insert(place);
            return Some(place);
        }
        drop(places);
        if !self.is_giving_up.get() {
            let mut spare = self.functions().into_iter().filter(|function| !function.has_waiting());
            self.is_giving_up.set(spare.any(|function| function.give_up_one()));
        }
        None
    }

    /// Gives a place back, for whoever waits for one: a moment later, as whoever waits may be the one that gives it back.
    pub fn free(self: &Rc<Self>, place: usize) {
        self.places.borrow_mut().remove(&place);
        self.is_giving_up.set(false);
        let host = Rc::clone(self);
        tokio::task::spawn_local(async move {
            host.functions().iter().filter(|function| function.has_waiting()).for_each(Function::scale);
        });
    }

    /// A payload that is about to come, and is counted as it does.
    pub fn hold(&self) -> Held {
        Held { bytes: 0, most: self.settings.bounds.payload_bytes_max, all: Rc::clone(&self.held_bytes) }
    }

    pub fn next_serial(&self) -> u64 {
        self.serial.set(self.serial.get() + 1);
        self.serial.get()
    }

    fn tick(self: &Rc<Self>) {
        for function in self.functions() {
            function.forget_the_gone();
            function.keep_up();
            function.log.borrow_mut().flush();
        }
        self.removed.borrow_mut().retain(|function| function.load().0 > 0);
        if self.is_current() && self.has_old_code.replace(false) {
            let host = Rc::clone(self);
            tokio::task::spawn_local(async move { host.remove_old_code().await });
        }
    }

    fn is_current(&self) -> bool {
        self.removed.borrow().is_empty() && self.functions().iter().all(|function| function.is_current())
    }

    /// Removes what was unpacked and belongs to no function any more.
    async fn remove_old_code(&self) {
        let _turn = self.changes.lock().await;
        if !self.is_current() {
            // Changed meanwhile: processes of before still need it.
            return self.has_old_code.set(true);
        }
        let used: BTreeSet<PathBuf> =
            self.functions().iter().map(|function| function.live().code.root.clone()).collect();
        let folder = self.code.clone();
        let removed = tokio::task::spawn_blocking(move || {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
            entries.filter(|path| !used.contains(path)).try_for_each(|path| remove_folder(&path))
        });
        if let Ok(Err(error)) = removed.await {
            tracing::warn!("old code of functions cannot be removed: {error}");
        }
    }

    async fn end(&self) {
        let mut functions = self.functions();
        functions.extend(self.removed.borrow().iter().cloned());
        functions.iter().for_each(|function| {
            function.close();
            function.end();
        });
        let end = tokio::time::Instant::now() + END_GRACE;
        while functions.iter().any(|function| function.load().0 > 0) && tokio::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        functions.iter().for_each(|function| function.log.borrow_mut().flush());
    }
}

/// A random one, version 4.
pub fn uuid() -> String {
    let mut bytes = [0u8; 16];
    // It fails only where the system has no randomness; ids need to be unique more than secret.
    if rand::fill(&mut bytes).is_err() {
        bytes = u128::from(time::unix_ms()).to_be_bytes();
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_hosts_that_are_no_more_are_removed() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        // No system has so many processes.
        let dead = parent.path().join(format!("{FOLDER_PREFIX}4194305-x"));
        let alive = parent.path().join(format!("{FOLDER_PREFIX}{}-x", std::process::id()));
        let other = parent.path().join("other");
        for folder in [&dead, &alive, &other] {
            fs::create_dir_all(folder.join("code/pets")).expect("the folder is ours");
        }
        let made = run_folder(parent.path()).expect("makes one").path;
        assert!(!dead.exists() && alive.exists() && other.exists());
        assert!(made.join("work").is_dir() && made.join("node.mjs").is_file());
        assert_eq!(fs::metadata(&made).expect("it is there").permissions().mode() & 0o777, 0o711);
    }

    #[test]
    fn ids() {
        let id = uuid();
        assert_eq!(id.len(), 36);
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'));
        assert_eq!((&id[14..15], &id[8..9]), ("4", "-"));
        assert_ne!(id, uuid());
    }
}
