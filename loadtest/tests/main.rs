//! Whole runs over real sockets.
