//! Changes that touch the disk, off the host's thread: invocations go on meanwhile.

use std::rc::Rc;

use super::code::{self, Code};
use super::host::Shared;
use super::pool::Live;

/// Unpacks a zip file, and gives it back with its code.
///
/// # Errors
/// What is wrong with it.
pub async fn unpack(host: &Rc<Shared>, zip: Vec<u8>) -> Result<(Vec<u8>, Code), String> {
    host.has_old_code.set(true);
    let (folder, limits) = (host.code.clone(), host.settings.bounds.code);
    apart(move || {
        let code = code::unpack(&zip, &folder, &limits)?;
        Ok((zip, code))
    })
    .await
}

/// Keeps a function, with new code if there is any.
///
/// # Errors
/// The disk does not take it.
pub async fn keep(host: &Rc<Shared>, live: &Live, zip: Option<Vec<u8>>) -> Result<(), String> {
    let (store, live) = (host.store.clone(), live.clone());
    apart(move || store.keep(&live, zip.as_deref()).map_err(|error| format!("the function is not kept: {error}"))).await
}

/// # Errors
/// The disk does not let it go.
pub async fn forget(host: &Rc<Shared>, name: &str) -> Result<(), String> {
    let (store, name) = (host.store.clone(), name.to_owned());
    apart(move || store.forget(&name).map_err(|error| format!("the function is not forgotten: {error}"))).await
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
}
