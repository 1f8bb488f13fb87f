//! The admin listener, deploys, logs, the end.
