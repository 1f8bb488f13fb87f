//! Removes a folder of a function's, whatever the function has made in it.
//!
//! The standard library goes down into folders with a frame of the stack and a descriptor for each level, and a function can
//! make as many levels as its disk has room for. Here a folder's folders are moved up beside it before it is removed: two
//! levels and two descriptors, however deep it was. Everything is named below an open descriptor and links are not followed:
//! what still runs and exchanges a folder for a link leads nowhere else.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{self, AtFlags, CWD, Dir, Mode, OFlags};
use rustix::io::Errno;

/// Removes it with all that is in it; one that is not there is removed already.
///
/// # Errors
/// Something in it cannot be removed.
pub fn remove_folder(folder: &Path) -> io::Result<()> {
    let top = match open(CWD, folder) {
        Err(Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    let mut moved = Moved { top: top.as_fd(), number: 0, until: Instant::now() + PATIENCE };
    // What is moved up is seen by another reading.
    while moved.empty(top.as_fd(), |moved, name| moved.remove_below(name))? > 0 {}
    Ok(fs::unlinkat(CWD, folder, AtFlags::REMOVEDIR)?)
}

fn open<P: rustix::path::Arg + Copy>(parent: impl AsFd, name: P) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match fs::openat(&parent, name, flags, Mode::empty()) {
        // Whoever is not root may have to allow itself first.
        Err(Errno::ACCESS) => {
            fs::chmodat(&parent, name, Mode::RWXU, AtFlags::empty())?;
            fs::openat(&parent, name, flags, Mode::empty())
        }
        opened => opened,
    }
}

/// Whoever still runs may make more than is removed.
const PATIENCE: Duration = Duration::from_secs(120);

struct Moved<'t> {
    top: BorrowedFd<'t>,
    until: Instant,
    /// Of names that nothing had yet.
    number: u64,
}

impl Moved<'_> {
    /// Removes the files of a folder, and does with its folders what is said; how many entries it had.
    fn empty(
        &mut self,
        folder: BorrowedFd<'_>,
        mut with_folder: impl FnMut(&mut Self, &CString) -> io::Result<()>,
    ) -> io::Result<usize> {
        let mut entries = 0;
        if Instant::now() >= self.until {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "somebody makes more than is removed"));
        }
        let reader = match Dir::read_from(folder) {
            // One that may be read and not entered.
            Err(Errno::ACCESS) => {
                fs::fchmod(folder, Mode::RWXU)?;
                Dir::read_from(folder)?
            }
            reader => reader?,
        };
        for entry in reader {
            let name = entry?.file_name().to_owned();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            entries += 1;
            match fs::unlinkat(folder, &*name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(Errno::ISDIR) => with_folder(self, &name)?,
                Err(Errno::ACCESS) => {
                    fs::fchmod(folder, Mode::RWXU)?;
                    if fs::unlinkat(folder, &*name, AtFlags::empty()).is_err() {
                        with_folder(self, &name)?;
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(entries)
    }

    /// A folder of the top one: its own are moved up, and it goes.
    fn remove_below(&mut self, name: &CString) -> io::Result<()> {
        let folder = open(self.top, &**name)?;
        self.empty(folder.as_fd(), |moved, inner| moved.move_up(folder.as_fd(), inner))?;
        match fs::unlinkat(self.top, &**name, AtFlags::REMOVEDIR) {
            // Whoever still runs has made something: the next reading sees it.
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => Ok(()),
            removed => Ok(removed?),
        }
    }

    fn move_up(&mut self, parent: BorrowedFd<'_>, name: &CString) -> io::Result<()> {
        loop {
            self.number += 1;
            match fs::renameat(parent, &**name, self.top, format!(".removed-{}", self.number)) {
                // Somebody has such a name.
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR | Errno::ISDIR) => {}
                // On a full disk there may be room when files have gone: the next reading sees it.
                Err(Errno::NOENT | Errno::NOSPC | Errno::DQUOT) => return Ok(()),
                // A folder that may not be written to cannot be told its new parent.
                Err(Errno::ACCESS) => {
                    fs::chmodat(parent, &**name, Mode::RWXU, AtFlags::empty())?;
                    fs::renameat(parent, &**name, self.top, format!(".removed-{}", self.number))?;
                    return Ok(());
                }
                renamed => return Ok(renamed?),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn whatever_is_in_it() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let (folder, other) = (parent.path().join("of-a-function"), parent.path().join("other"));
        std::fs::create_dir_all(folder.join("a/b/c")).expect("folders");
        std::fs::create_dir_all(folder.join(".removed-1/x")).expect("folders");
        std::fs::create_dir(&other).expect("a folder");
        std::fs::write(other.join("kept"), "").expect("a file");
        symlink(&other, folder.join("link")).expect("a link");
        symlink(&other, folder.join("a/b/link")).expect("a link");
        std::fs::write(folder.join("a/b/c/file"), "").expect("a file");
        std::fs::create_dir(folder.join("readable")).expect("a folder");
        std::fs::write(folder.join("readable/file"), "").expect("a file");
        for (name, mode) in [("a/b", 0o000), ("readable", 0o400)] {
            std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(mode)).expect("ours");
        }
        remove_folder(&folder).expect("it is removed");
        assert!(!folder.exists() && other.join("kept").exists());
        remove_folder(&folder).expect("it is removed already");
        assert!(remove_folder(&other.join("kept")).is_err(), "a file is no folder");
    }

    /// Deeper than a path may be long, and than a thread has stack for a frame each.
    #[test]
    fn however_deep() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let folder = parent.path().join("deep");
        std::fs::create_dir(&folder).expect("a folder");
        let mut at = open(CWD, &*folder).expect("it is there");
        for _ in 0..20_000 {
            fs::mkdirat(&at, "d", Mode::RWXU).expect("a folder");
            at = open(&at, "d").expect("it is there");
        }
        drop(at);
        remove_folder(&folder).expect("it is removed");
        assert!(!folder.exists());
    }
}
