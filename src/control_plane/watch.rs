//! Notices that the files which a configuration was read from have changed.
//!
//! The *directories* are watched, not the files: editors and `kubectl` replace files by renaming, and a watch on the
//! old inode would go with it. A mounted ConfigMap swaps a symbolic link (`..data`), so the directories of the link and
//! of what it points to are watched. Events are let settle, then contents are compared: a touch without a change is no
//! news. Modification times are looked at besides, more often where the kernel gives no watches.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long it must be quiet: an editor's save is several events.
const SETTLE: Duration = Duration::from_millis(200);

/// How long at most a change waits for quiet.
const SETTLE_MAX: Duration = Duration::from_secs(2);

/// How often files are looked at without a watcher.
const POLL: Duration = Duration::from_secs(2);

/// How often beside a watcher: file systems over a network do not tell of what others write.
const POLL_BESIDE: Duration = Duration::from_secs(30);

/// A digest of each file's contents; `None` for one that cannot be read.
pub type Contents = BTreeMap<PathBuf, Option<u64>>;

pub struct Watch {
    enabled: bool,
    notices: mpsc::Receiver<()>,
    watcher: Option<RecommendedWatcher>,
    directories: BTreeSet<PathBuf>,
    files: Arc<Mutex<BTreeSet<PathBuf>>>,
    contents: Contents,
    /// When the first of the events that have not settled came, and when they will have.
    unsettled: Option<(Instant, Instant)>,
    stamps: Vec<Option<Stamp>>,
    /// When modification times are looked at next.
    poll_at: Instant,
}

/// What a change of a file changes: modification time, size, inode.
type Stamp = (i64, i64, u64, u64);

impl Watch {
    /// Watches nothing yet; without `enabled`, ever.
    pub fn new(enabled: bool) -> Watch {
        let (notice, notices) = mpsc::channel(1);
        let files: Arc<Mutex<BTreeSet<PathBuf>>> = Arc::default();
        let watcher = if enabled { watcher(notice, Arc::clone(&files)) } else { None };
        let (directories, contents) = (BTreeSet::new(), Contents::new());
        Watch {
            enabled,
            notices,
            watcher,
            directories,
            files,
            contents,
            unsettled: None,
            stamps: Vec::new(),
            poll_at: Instant::now(),
        }
    }

    /// Reads the files that are watched: to be called before a build reads them, so that a change in between is seen.
    pub async fn read(&self) -> Contents {
        digests(self.contents.keys().cloned().collect()).await
    }

    /// Watches these files from now on. `before` is what was in those that were watched when the build began.
    pub async fn follow(&mut self, files: &[PathBuf], before: Contents, began: SystemTime) {
        if !self.enabled {
            return;
        }
        let new = files.iter().filter(|file| !before.contains_key(*file)).cloned().collect();
        let mut contents = digests(new).await;
        // A new file that was written since may have been read half old: it counts as changed.
        for (file, digest) in &mut contents {
            if std::fs::metadata(file).and_then(|metadata| metadata.modified()).is_ok_and(|written| written > began) {
                *digest = None;
                self.stir();
            }
        }
        contents.extend(before.into_iter().filter(|(file, _)| files.contains(file)));
        self.contents = contents;
        let directories = files.iter().flat_map(|file| directories_of(file)).collect();
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = files.iter().map(|file| absolute(file)).collect();
        self.watch_directories(directories);
        self.stamps = self.look();
    }

    /// Notes what a build that failed has seen: the same contents are no reason to try again.
    pub fn note(&mut self, contents: Contents) {
        self.contents = contents;
    }

    /// Whether any file holds something else than what was noted.
    pub async fn differs(&self) -> bool {
        self.read().await != self.contents
    }

    /// Waits until something has happened near the files and has settled. Dropping the future loses nothing.
    pub async fn changed(&mut self) {
        if !self.enabled {
            return std::future::pending().await;
        }
        loop {
            let wake_at = self.unsettled.map_or(self.poll_at, |(_, settled)| settled);
            tokio::select! {
                Some(()) = self.notices.recv() => self.stir(),
                () = tokio::time::sleep_until(wake_at) => {
                    if self.unsettled.take().is_some() || self.poll() {
                        return;
                    }
                }
            }
        }
    }

    /// Something happened: it is told when nothing more does.
    fn stir(&mut self) {
        let now = Instant::now();
        let first = self.unsettled.map_or(now, |(first, _)| first);
        self.unsettled = Some((first, (now + SETTLE).min(first + SETTLE_MAX)));
    }

    /// Whether a file looks other than the last time.
    fn poll(&mut self) -> bool {
        self.poll_at = Instant::now() + if self.watcher.is_some() { POLL_BESIDE } else { POLL };
        let before = std::mem::take(&mut self.stamps);
        self.stamps = self.look();
        self.stamps != before
    }

    fn look(&self) -> Vec<Option<Stamp>> {
        let stamp = |file: &PathBuf| {
            let metadata = std::fs::metadata(file).ok()?;
            Some((metadata.mtime(), metadata.mtime_nsec(), metadata.size(), metadata.ino()))
        };
        self.contents.keys().map(stamp).collect()
    }

    fn watch_directories(&mut self, directories: BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for directory in self.directories.difference(&directories) {
            // It may be gone, and its watch with it.
            let _ = watcher.unwatch(directory);
        }
        // All anew: a directory that was removed and made again has lost its watch without a word.
        for directory in &directories {
            if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
                let directory = directory.display();
                tracing::warn!(%error, %directory, "cannot watch a directory; files are polled instead");
                self.watcher = None;
                break;
            }
        }
        self.directories = directories;
    }
}

/// `None`, with a line in the log, where there are no watches to be had (`fs.inotify.max_user_instances`).
fn watcher(notice: mpsc::Sender<()>, files: Arc<Mutex<BTreeSet<PathBuf>>>) -> Option<RecommendedWatcher> {
    let on_event = move |event: notify::Result<notify::Event>| {
        let files = files.lock().unwrap_or_else(PoisonError::into_inner);
        // An error (a queue that ran over) may have hidden a change.
        if event.map_or(true, |event| matters(&event, &files)) {
            // A full channel has a notice in it already.
            let _ = notice.try_send(());
        }
    };
    notify::recommended_watcher(on_event)
        .inspect_err(|error| tracing::warn!(%error, "cannot watch files for changes; they are polled instead"))
        .ok()
}

/// Reads are no changes, nor are writes to other files: the directory may hold a log that grows all day. Other things
/// may be a link on the way to a file.
fn matters(event: &notify::Event, files: &BTreeSet<PathBuf>) -> bool {
    match event.kind {
        EventKind::Access(_) => false,
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_)) => {
            event.paths.iter().any(|path| files.contains(path))
        }
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => true,
    }
}

/// Where the file's name is, and where the file is.
fn directories_of(file: &Path) -> Vec<PathBuf> {
    let named = absolute(file).parent().map(Path::to_path_buf);
    let real = std::fs::canonicalize(file).ok().and_then(|path| path.parent().map(Path::to_path_buf));
    named.into_iter().chain(real).collect()
}

fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf())
}

/// Off the control loop: files may be long, or on a slow mount.
async fn digests(files: Vec<PathBuf>) -> Contents {
    let digest_all =
        || files.into_iter().map(|file| (digest(&file), file)).map(|(digest, file)| (file, digest)).collect();
    tokio::task::spawn_blocking(digest_all).await.unwrap_or_default()
}

fn digest(file: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    hasher.write(&std::fs::read(file).ok()?);
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{AccessKind, CreateKind, DataChange, RenameMode};

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("tollgate-watch-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a temporary directory can be made");
        path
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime without I/O needs no resources").block_on(test);
    }

    async fn following(file: &Path) -> Watch {
        let mut watch = Watch::new(true);
        watch.follow(&[file.to_path_buf()], Contents::new(), SystemTime::now()).await;
        watch
    }

    #[test]
    fn a_file_that_is_replaced_by_renaming_is_noticed_each_time() {
        run(async {
            let file = directory("rename").join("api.yaml");
            std::fs::write(&file, "one").expect("writable");
            let mut watch = following(&file).await;
            for text in ["two", "three"] {
                let next = file.with_extension("new");
                std::fs::write(&next, text).expect("writable");
                std::fs::rename(&next, &file).expect("same directory");
                watch.changed().await;
                assert!(watch.differs().await);
                let before = watch.read().await;
                watch.follow(std::slice::from_ref(&file), before, SystemTime::now()).await;
                assert!(!watch.differs().await);
            }
        });
    }

    #[test]
    fn a_link_that_is_swapped_two_steps_away_is_noticed() {
        run(async {
            let root = directory("configmap");
            for (version, text) in [("v1", "one"), ("v2", "two")] {
                std::fs::create_dir(root.join(version)).expect("a directory can be made");
                std::fs::write(root.join(version).join("api.yaml"), text).expect("writable");
            }
            let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, root.join(at)).expect("a link can be made");
            link("v1", "..data");
            link("..data/api.yaml", "api.yaml");
            let mut watch = following(&root.join("api.yaml")).await;
            link("v2", "..data_tmp");
            std::fs::rename(root.join("..data_tmp"), root.join("..data")).expect("same directory");
            watch.changed().await;
            assert!(watch.differs().await);
        });
    }

    #[test]
    fn the_same_contents_are_no_change() {
        run(async {
            let file = directory("touch").join("api.yaml");
            std::fs::write(&file, "one").expect("writable");
            let mut watch = following(&file).await;
            std::fs::write(&file, "one").expect("writable");
            watch.changed().await;
            assert!(!watch.differs().await);
            std::fs::remove_file(&file).expect("it is there");
            assert!(watch.differs().await, "a file that is gone differs");
        });
    }

    #[test]
    fn without_a_watcher_files_are_polled() {
        run(async {
            tokio::time::pause();
            let file = directory("poll").join("api.yaml");
            std::fs::write(&file, "one").expect("writable");
            let mut watch = following(&file).await;
            watch.watcher = None;
            std::fs::write(&file, "another").expect("writable");
            watch.changed().await;
            assert!(watch.differs().await);
        });
    }

    #[test]
    fn a_file_that_was_written_during_the_build_is_built_again() {
        run(async {
            let file = directory("during").join("api.yaml");
            std::fs::write(&file, "one").expect("writable");
            let mut watch = Watch::new(true);
            watch.follow(std::slice::from_ref(&file), Contents::new(), SystemTime::UNIX_EPOCH).await;
            watch.changed().await;
            assert!(watch.differs().await);
        });
    }

    #[track_caller]
    fn check(kind: EventKind, path: &str, expected: bool) {
        let files = BTreeSet::from([PathBuf::from("/etc/x/api.yaml")]);
        assert_eq!(matters(&notify::Event::new(kind).add_path(path.into()), &files), expected, "{kind:?} {path}");
    }

    #[test]
    fn a_neighbour_that_grows_does_not_matter() {
        let write = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        check(write, "/etc/x/api.yaml", true);
        check(write, "/etc/x/access.log", false);
        check(EventKind::Access(AccessKind::Any), "/etc/x/api.yaml", false);
        check(EventKind::Create(CreateKind::Any), "/etc/x/..data", true);
        check(EventKind::Modify(ModifyKind::Name(RenameMode::To)), "/etc/x/..data", true);
    }
}
