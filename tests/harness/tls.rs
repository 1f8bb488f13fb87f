//! Certificates, TLS clients and TLS backends.
