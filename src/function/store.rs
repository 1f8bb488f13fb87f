//! The functions that the control API made, on the disk: for each a description, `NAME.json`, and the zip file that it names,
//! `NAME.HASH.zip`. The description is written last and replaced in one step, so that there is never half a function.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::definition::Definition;
use super::pool::Live;
use super::runtime::Runtime;

/// `None`: nothing is kept.
#[derive(Clone, Debug)]
pub struct Store(Option<PathBuf>);

/// A function as it was kept.
pub struct Stored {
    pub definition: Definition,
    pub modified_ms: u64,
    pub policy: Vec<(String, serde_json::Value)>,
    pub zip: Vec<u8>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Record {
    name: String,
    runtime: String,
    handler: String,
    environment: BTreeMap<String, String>,
    memory_mb: u32,
    timeout_s: u32,
    reserved_concurrency: Option<u32>,
    description: String,
    role: String,
    tags: BTreeMap<String, String>,
    modified_ms: u64,
    policy: Vec<(String, serde_json::Value)>,
    /// The file's name.
    zip: String,
}

impl Store {
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: Option<PathBuf>) -> Result<Store, String> {
        if let Some(folder) = &folder {
            let made = fs::create_dir_all(folder)
                // The code of functions, and their variables, which may be secrets.
                .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o700)));
            made.map_err(|error| format!("functions: {}: {error}", folder.display()))?;
        }
        Ok(Store(folder))
    }

    /// All functions; of one that cannot be read the file's name, and why.
    pub fn load(&self) -> Vec<Result<Stored, (String, String)>> {
        let Some(folder) = &self.0 else { return Vec::new() };
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut files: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
        files.sort();
        let read = |path: PathBuf| read(folder, &path).map_err(|reason| (path.display().to_string(), reason));
        files.into_iter().map(read).collect()
    }

    /// Keeps a function, with new code if there is any.
    ///
    /// # Errors
    /// The disk does not take it; what was kept before is still there.
    pub fn keep(&self, live: &Live, zip: Option<&[u8]>) -> io::Result<()> {
        let Some(folder) = &self.0 else { return Ok(()) };
        let definition = &live.definition;
        let hash = live.code.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let file = format!("{}.{hash}.zip", definition.name);
        if let Some(zip) = zip {
            replace(&folder.join(&file), zip)?;
        }
        let record = Record {
            name: definition.name.clone(),
            runtime: definition.runtime.identifier().unwrap_or_default().to_owned(),
            handler: definition.handler.clone(),
            environment: definition.environment.clone(),
            memory_mb: definition.memory_mb,
            timeout_s: definition.timeout_s,
            reserved_concurrency: definition.reserved_concurrency,
            description: definition.description.clone(),
            role: definition.role.clone(),
            tags: definition.tags.clone(),
            modified_ms: live.modified_ms,
            policy: live.policy.clone(),
            zip: file.clone(),
        };
        let text = serde_json::to_vec_pretty(&record).map_err(io::Error::other)?;
        replace(&folder.join(format!("{}.json", definition.name)), &text)?;
        self.remove_zips(folder, &definition.name, Some(&file));
        Ok(())
    }

    /// # Errors
    /// The description cannot be removed.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        let Some(folder) = &self.0 else { return Ok(()) };
        match fs::remove_file(folder.join(format!("{name}.json"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.remove_zips(folder, name, None);
        File::open(folder)?.sync_all()
    }

    /// Zip files of a function that its description does not name any more; one that stays is only in the way.
    fn remove_zips(&self, folder: &Path, name: &str, but: Option<&str>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let file = entry.file_name();
            let Some(file) = file.to_str() else { continue };
            let is_of_function =
                file.strip_prefix(name).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(".zip"));
            if is_of_function && Some(file) != but {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn read(folder: &Path, path: &Path) -> Result<Stored, String> {
    let text = fs::read(path).map_err(|error| error.to_string())?;
    let record: Record = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if record.zip.contains('/') {
        return Err(format!("{:?} is no file's name", record.zip));
    }
    let zip = fs::read(folder.join(&record.zip)).map_err(|error| format!("{}: {error}", record.zip))?;
    let runtime = Runtime::parse(&record.runtime).map_err(|reason| format!("{:?} {reason}", record.runtime))?;
    let definition = Definition {
        handler: record.handler,
        environment: record.environment,
        memory_mb: record.memory_mb,
        timeout_s: record.timeout_s,
        reserved_concurrency: record.reserved_concurrency,
        description: record.description,
        role: record.role,
        tags: record.tags,
        ..Definition::new(&record.name, runtime)
    };
    definition.check().map_err(|(field, allowed)| format!("{field}: write {allowed}"))?;
    Ok(Stored { definition, modified_ms: record.modified_ms, policy: record.policy, zip })
}

/// Writes a file so that it is there as a whole, or as it was.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::code::Code;

    fn live(name: &str, hash: &str) -> Live {
        let definition = Definition::new(name, Runtime::Provided("provided.al2023".to_owned()));
        Live {
            definition: Definition { environment: [("A".to_owned(), "b".to_owned())].into(), ..definition },
            code: Code { root: Path::new("/run").join(hash), sha256: String::new(), bytes: 1 },
            arn: String::new(),
            generation: 1,
            is_configured: false,
            modified_ms: 7,
            revision_id: String::new(),
            policy: vec![("1".to_owned(), serde_json::json!({ "Effect": "Allow" }))],
        }
    }

    #[test]
    fn what_is_kept_comes_back() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = || Store::open(Some(folder.path().join("functions"))).expect("opens");
        let loaded =
            || open().load().into_iter().map(|stored| stored.map_err(|(_, reason)| reason)).collect::<Vec<_>>();
        open().keep(&live("pets", "1"), Some(b"old")).expect("keeps");
        open().keep(&live("pets", "2"), Some(b"new")).expect("keeps");
        open().keep(&live("pets-2", "1"), Some(b"other")).expect("keeps");
        let stored = loaded();
        let [Ok(other), Ok(pets)] = &stored[..] else { panic!("two functions") };
        assert_eq!((other.definition.name.as_str(), &other.zip[..]), ("pets-2", &b"other"[..]));
        assert_eq!((pets.zip.as_slice(), pets.modified_ms), (&b"new"[..], 7));
        assert_eq!(pets.definition, live("pets", "2").definition);
        assert_eq!(pets.policy, live("pets", "2").policy);
        assert_eq!(fs::read_dir(folder.path().join("functions")).expect("a folder").count(), 4, "no zip too many");
        open().forget("pets").expect("forgets");
        assert_eq!(loaded().len(), 1);
        fs::write(folder.path().join("functions/bad.json"), "{").expect("writes");
        assert!(loaded().iter().any(Result::is_err));
        Store::open(None).expect("opens").keep(&live("pets", "1"), None).expect("keeps nothing");
    }
}
