//! The thread that writes the meters through to the disk, so that a loss of power costs no more than what was counted
//! since. Neither shards nor the keeper wait for it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::meter::Meters;
use crate::stats::{Counter, Registry};

pub struct UsageSync {
    /// Tells it to end; what it is sent on is dropped at its end.
    stop: mpsc::Sender<mpsc::Sender<()>>,
}

impl UsageSync {
    /// # Errors
    /// There is no thread to be had.
    pub fn start(meters: Arc<Meters>, every: Duration, registry: Arc<Registry>) -> io::Result<UsageSync> {
        let (stop, stopped) = mpsc::channel::<mpsc::Sender<()>>();
        let mut complaint = Complaint::default();
        std::thread::Builder::new().name("usage-sync".to_owned()).spawn(move || {
            loop {
                let told = stopped.recv_timeout(every);
                complaint.note(meters.sync(), &registry);
                if !matches!(told, Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        })?;
        Ok(UsageSync { stop })
    }

    /// Writes once more, and ends. A disk that does not answer is waited for no longer than `patience`.
    pub fn finish(self, patience: Duration) {
        let (done, is_done) = mpsc::channel();
        let told = self.stop.send(done);
        if told.is_err() || is_done.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("the usage of API keys was not written through to the disk in time");
        }
    }
}

/// Whether the last attempt failed: that is complained of once, and counted each time.
#[derive(Default)]
struct Complaint {
    made: bool,
}

impl Complaint {
    fn note(&mut self, outcome: io::Result<()>, registry: &Registry) {
        match outcome {
            Ok(()) if !self.made => {}
            Ok(()) => {
                self.made = false;
                tracing::info!("the usage of API keys is written through to the disk again");
            }
            Err(error) => {
                registry.count(Counter::UsageSyncErrors);
                if !self.made {
                    self.made = true;
                    tracing::error!("the usage of API keys cannot be written through to the disk: {error}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted() {
        let registry = Registry::new(0);
        let mut complaint = Complaint::default();
        for outcome in [Ok(()), Err(io::ErrorKind::StorageFull), Err(io::ErrorKind::StorageFull), Ok(())] {
            complaint.note(outcome.map_err(io::Error::from), &registry);
        }
        assert_eq!((registry.total(Counter::UsageSyncErrors), complaint.made), (2, false));
    }

    #[test]
    fn the_end_is_written_and_comes() {
        let folder = tempfile::tempdir().expect("a folder");
        let meters = Arc::new(Meters::open(&folder.path().join("usage"), 10).expect("a new file"));
        meters.allocate(1).expect("room");
        let every = Duration::from_secs(3600);
        let sync = UsageSync::start(Arc::clone(&meters), every, Registry::new(0)).expect("a thread");
        sync.finish(Duration::from_secs(60));
    }
}
