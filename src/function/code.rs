//! Code as it comes, a zip file or a folder, and as processes find it.
//!
//! An archive is judged as a whole before anything of it is written: what would lie outside of its folder, a link, or more
//! than the limits allow refuses all of it.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Cursor, Read, Seek};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zip::ZipArchive;

use super::remove::remove_folder;

/// The longest path in an archive.
const NAME_BYTES_MAX: usize = 1_024;

/// What an archive may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of the zip file.
    pub zip_bytes_max: u64,
    /// Of everything in it, unpacked.
    pub bytes_max: u64,
    pub entries_max: usize,
}

/// Code that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// `LAMBDA_TASK_ROOT`.
    pub root: PathBuf,
    /// Of the zip file, base64; empty for a folder.
    pub sha256: String,
    /// Of the zip file; 0 for a folder.
    pub bytes: u64,
}

/// Reads a zip file, up to the limit.
///
/// # Errors
/// It cannot be read, or is too large.
pub fn read_zip(path: &Path, limits: &Limits) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limits.zip_bytes_max + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    if bytes.len() as u64 > limits.zip_bytes_max {
        return Err(format!("{}: a zip file may have {} bytes at most", path.display(), limits.zip_bytes_max));
    }
    Ok(bytes)
}

/// Unpacks an archive below `folder`, in a folder named after what is in it.
///
/// # Errors
/// It is no zip file, or not one that may be unpacked; nothing is left of it then.
pub fn unpack(zip: &[u8], folder: &Path, limits: &Limits) -> Result<Code, String> {
    if zip.len() as u64 > limits.zip_bytes_max {
        return Err(format!("the zip file has {} bytes, above the limit of {}", zip.len(), limits.zip_bytes_max));
    }
    let hash = digest::digest(&digest::SHA256, zip);
    let name: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let code = Code { root: folder.join(&name), sha256: STANDARD.encode(hash.as_ref()), bytes: zip.len() as u64 };
    if code.root.is_dir() {
        return Ok(code);
    }
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(|error| format!("this is no zip file: {error}"))?;
    let names = judge(&mut archive, limits)?;
    // Complete, or not there: a process that starts meanwhile finds no half of it.
    let unfinished = folder.join(format!(".{name}.new"));
    let written = remove_folder(&unfinished)
        .and_then(|()| write(&mut archive, names, &unfinished, limits.bytes_max))
        .and_then(|()| fs::rename(&unfinished, &code.root));
    if let Err(error) = written {
        // What made it fail is what is told.
        let _ = remove_folder(&unfinished);
        return Err(format!("the zip file cannot be unpacked: {error}"));
    }
    Ok(code)
}

/// The path of each entry below the root.
fn judge<R: Read + Seek>(archive: &mut ZipArchive<R>, limits: &Limits) -> Result<Vec<PathBuf>, String> {
    if archive.len() > limits.entries_max {
        return Err(format!("the zip file has {} entries, above the limit of {}", archive.len(), limits.entries_max));
    }
    let (mut names, mut bytes) = (Vec::with_capacity(archive.len()), 0u64);
    let mut folders = BTreeSet::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| format!("entry {index} of the zip file: {error}"))?;
        let name = String::from_utf8(entry.name_raw().to_vec()).map_err(|_| "a name in the zip file is not UTF-8")?;
        if entry.is_symlink() {
            return Err(format!("{name:?} in the zip file is a link, which is not followed"));
        }
        if entry.encrypted() {
            return Err(format!("{name:?} in the zip file is encrypted"));
        }
        bytes = bytes.saturating_add(entry.size());
        if bytes > limits.bytes_max {
            return Err(format!("unpacked, the zip file has more than the limit of {} bytes", limits.bytes_max));
        }
        if name.len() > NAME_BYTES_MAX {
            let begin = &name[..name.floor_char_boundary(40)];
            return Err(format!("a name in the zip file, {begin:?}…, has more than {NAME_BYTES_MAX} bytes"));
        }
        let path = inside(&name).ok_or_else(|| format!("{name:?} in the zip file would lie outside of its folder"))?;
        // Those above one that is known are known.
        let _ = path.ancestors().skip(1).all(|folder| folders.insert(folder.to_owned()));
        if folders.len() > limits.entries_max {
            return Err(format!("the zip file has more folders than the limit of {} entries", limits.entries_max));
        }
        names.push(path);
    }
    Ok(names)
}

/// The path if it stays below where it starts.
fn inside(name: &str) -> Option<PathBuf> {
    let sound = !name.is_empty() && !name.contains(['\0', '\\']) && !name.starts_with('/');
    let normal = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    (sound && Path::new(name).components().all(normal)).then(|| Path::new(name).components().collect())
}

/// Sizes are counted again: those of an archive's directory need not be true.
fn write<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    names: Vec<PathBuf>,
    root: &Path,
    mut left: u64,
) -> io::Result<()> {
    make_folder(root)?;
    for (index, name) in names.into_iter().enumerate() {
        let mut entry = archive.by_index(index).map_err(io::Error::other)?;
        let path = root.join(name);
        if entry.is_dir() {
            make_folders(root, &path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            make_folders(root, parent)?;
        }
        let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        let mode = if executable { 0o755 } else { 0o644 };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
        // Whatever the process's umask.
        file.set_permissions(Permissions::from_mode(mode))?;
        let written = io::copy(&mut entry.by_ref().take(left + 1), &mut file)?;
        left = left.checked_sub(written).ok_or_else(|| io::Error::other("it has more bytes than it says"))?;
    }
    Ok(())
}

fn make_folders(root: &Path, path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| *folder != root && !folder.is_dir()).collect();
    missing.into_iter().rev().try_for_each(make_folder)
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    const LIMITS: Limits = Limits { zip_bytes_max: 10_000, bytes_max: 100_000, entries_max: 5 };

    fn archive(entries: &[(&str, &[u8], u32)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content, mode) in entries {
            let options = SimpleFileOptions::default().unix_permissions(*mode);
            writer.start_file(*name, options).expect("a file");
            writer.write_all(content).expect("its content");
        }
        writer.finish().expect("an archive").into_inner()
    }

    #[track_caller]
    fn check(zip: &[u8], expected: Result<&[&str], &str>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        match (unpack(zip, folder.path(), &LIMITS), expected) {
            (Ok(code), Ok(files)) => files.iter().for_each(|file| assert!(code.root.join(file).is_file(), "{file}")),
            (Err(message), Err(part)) => {
                assert!(message.contains(part), "{message}");
                assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left");
                assert!(!folder.path().parent().expect("a parent").join("evil").exists());
            }
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn archives() {
        check(&archive(&[("app.py", b"x", 0o644), ("lib/a/b.py", b"y", 0o644)]), Ok(&["app.py", "lib/a/b.py"]));
        check(&archive(&[("./app.py", b"x", 0o644)]), Ok(&["app.py"]));
        check(b"no zip", Err("no zip file"));
        check(&archive(&[("../evil", b"x", 0o644)]), Err("outside of its folder"));
        check(&archive(&[("a/../../evil", b"x", 0o644)]), Err("outside of its folder"));
        check(&archive(&[("/tmp/evil", b"x", 0o644)]), Err("outside of its folder"));
        check(&archive(&[("..\\evil", b"x", 0o644)]), Err("outside of its folder"));
        check(
            &archive(&[
                ("a", b"", 0o644),
                ("b", b"", 0o644),
                ("c", b"", 0o644),
                ("d", b"", 0o644),
                ("e", b"", 0o644),
                ("f", b"", 0o644),
            ]),
            Err("entries"),
        );
        check(&archive(&[("bomb", &vec![0; 200_000], 0o644)]), Err("unpacked"));
        check(&vec![0; 10_001], Err("above the limit"));
        check(&archive(&[(&"a/".repeat(2_000), b"x", 0o644)]), Err("has more than 1024 bytes"));
        check(&archive(&[("a/b/c/d/e/f/g", b"x", 0o644)]), Err("more folders than the limit"));
    }

    #[test]
    fn links_are_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).expect("a link");
        check(&writer.finish().expect("an archive").into_inner(), Err("is a link"));
    }

    #[test]
    fn sizes_that_lie_are_found() {
        let mut zip = archive(&[("bomb", &vec![0; 200_000], 0o644)]);
        // The size, unpacked, stands in the entry and in the directory.
        for at in 0..zip.len() - 4 {
            if zip[at..at + 4] == 200_000u32.to_le_bytes() {
                zip[at..at + 4].copy_from_slice(&10u32.to_le_bytes());
            }
        }
        check(&zip, Err("cannot be unpacked"));
    }

    #[test]
    fn programs_stay_programs() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let zip = archive(&[("bootstrap", b"#!/bin/sh\n", 0o755), ("data", b"", 0o600)]);
        let code = unpack(&zip, folder.path(), &LIMITS).expect("unpacks");
        let mode = |name: &str| fs::metadata(code.root.join(name)).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode("bootstrap"), mode("data")), (0o755, 0o644));
        assert_eq!(unpack(&zip, folder.path(), &LIMITS), Ok(code));
    }
}
