//! Who names whom.
