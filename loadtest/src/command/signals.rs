//! Ctrl-C: the first signal ends the run, a later one the process.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Ended by a second Ctrl-C, as a shell has it.
const INTERRUPTED: i32 = 130;

/// Signals so close to each other are one: `timeout` sends its own twice, to the process and to its group.
const SECOND_AFTER: Duration = Duration::from_millis(300);

/// Sets `stop` at the first SIGINT or SIGTERM.
///
/// # Errors
/// The system gives no pipe or no thread for it.
pub fn stop_on_signals(stop: &Arc<AtomicBool>) -> Result<(), String> {
    let cannot = |error| format!("signals cannot be handled: {error}");
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(cannot)?;
    let stop = Arc::clone(stop);
    let wait = move || {
        let mut first = None;
        for _ in signals.forever() {
            if first.get_or_insert_with(Instant::now).elapsed() > SECOND_AFTER {
                process::exit(INTERRUPTED);
            }
            stop.store(true, Ordering::Relaxed);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(cannot)?;
    Ok(())
}
