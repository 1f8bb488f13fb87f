//! The function host as the settings want it, and who may use it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::StatusCode;

use super::access::access_settings;
use crate::config::{Config, Functions};
use crate::control_plane::access::{self, Access};
use crate::function::api::{Call, CallKind, Denied, Gate};
use crate::function::code::Limits;
use crate::function::{self, Bounds, FunctionSettings, Host, User};
use crate::sign::Timestamp;

/// Entries of a zip file; a folder of Node's modules has some ten thousand.
const ENTRIES_MAX: usize = 200_000;

/// Starts the host if there is anything for it to do, or if it is to wait for that.
///
/// # Errors
/// Why it cannot start.
pub fn start(config: &Config) -> Result<Option<Host>, String> {
    if address(config).is_none() {
        return Ok(None);
    }
    let data = config.data.as_ref().map(|data| data.join("functions"));
    let host = function::start(settings(config, data)?)?;
    tracing::info!("functions on http://{}", host.address);
    Ok(Some(host))
}

/// Where the host listens, if there is anything for it to do: where functions are invoked.
pub fn address(config: &Config) -> Option<SocketAddr> {
    let functions = &config.functions;
    let kept = config.data.as_ref().is_some_and(|data| has_functions(&data.join("functions")));
    (functions.enabled || !functions.list.is_empty() || kept).then_some(functions.listen)
}

/// The settings with the address that the host has got: port 0 has become a real one.
pub fn with_host(config: &Config, host: Option<&Host>) -> Config {
    let mut config = config.clone();
    if let Some(host) = host {
        (config.functions.enabled, config.functions.listen) = (true, host.address);
    }
    config
}

fn has_functions(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| path.extension().is_some_and(|extension| extension == "json"))
}

fn settings(config: &Config, data: Option<PathBuf>) -> Result<FunctionSettings, String> {
    let functions = &config.functions;
    let user = User::parse(&functions.user, functions.uid_first);
    Ok(FunctionSettings {
        listen: functions.listen,
        functions: functions.list.clone(),
        account_id: config.account_id.clone(),
        region: config.management.region.clone(),
        data,
        run_folder: functions.run_folder.clone().unwrap_or_else(std::env::temp_dir),
        log_folder: functions.log_folder.clone(),
        python: functions.python.clone().into(),
        node: functions.node.clone().into(),
        user: user.map_err(|reason| format!("functions.user: {reason}"))?,
        // This very program, even if another has taken its place on the disk.
        launcher: "/proc/self/exe".into(),
        bounds: bounds(functions),
        gate: gate(config)?,
    })
}

fn bounds(functions: &Functions) -> Bounds {
    let bytes = |setting: u64| usize::try_from(setting).unwrap_or(usize::MAX);
    Bounds {
        functions_max: functions.functions_max as usize,
        processes_max: functions.processes_max as usize,
        function_processes_max: functions.function_processes_max,
        idle: Duration::from_millis(functions.idle_ms),
        scale_after: Duration::from_millis(functions.scale_after_ms),
        queue_max: functions.waiting_max as usize,
        payload_bytes_max: bytes(functions.payload_bytes_max),
        init_timeout: Duration::from_millis(functions.init_timeout_ms),
        request_bytes_max: bytes(functions.request_bytes_max),
        event_bytes_max: bytes(functions.event_bytes_max),
        response_bytes_max: bytes(functions.response_bytes_max),
        stream_bytes_max: functions.stream_bytes_max,
        events_max: functions.events_max as usize,
        event_retry: Duration::from_millis(functions.event_retry_ms),
        log_bytes_max: bytes(functions.log_bytes_max),
        log_file_bytes_max: functions.log_file_bytes_max,
        code: Limits {
            zip_bytes_max: functions.zip_bytes_max,
            bytes_max: functions.code_bytes_max,
            entries_max: ENTRIES_MAX,
        },
    }
}

/// The admin listener's credentials, for the service `lambda`. The data plane invokes without any, as may everybody on this
/// machine; a page in a browser may not.
fn gate(config: &Config) -> Result<Gate, String> {
    let access = Access::of_service(access_settings(&config.management)?, "lambda");
    let own_user = std::fs::metadata("/proc/self").map_or(0, |process| std::os::unix::fs::MetadataExt::uid(&process));
    Ok(Box::new(move |call| {
        if call.kind == CallKind::Invoke && is_loopback(call.peer) {
            return access::from_here(call.headers).map_err(denied);
        }
        if access.is_open() && call.peer_user.is_none_or(|user| user != 0 && user != own_user) {
            let message = "without credentials in the settings, only root and the gateway's own user may look at functions \
                           and change them";
            return Err(denied(message.to_owned()));
        }
        let judged = access::Call {
            method: call.method,
            path: call.path,
            query: call.query,
            headers: call.headers,
            peer: call.peer.ip(),
            kind: access::CallKind::Operator,
            is_write: call.kind != CallKind::Read,
        };
        admit(&access, &judged, call)
    }))
}

fn admit(access: &Access, judged: &access::Call<'_>, call: &Call<'_>) -> Result<(), Denied> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let admitted = access.admit(judged, call.body, Timestamp::from_seconds(seconds));
    admitted.map(drop).map_err(|refusal| Denied {
        status: refusal.status,
        error_type: refusal.error_type,
        message: refusal.message,
    })
}

fn is_loopback(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

fn denied(message: String) -> Denied {
    Denied { status: StatusCode::FORBIDDEN, error_type: "AccessDeniedException", message }
}
