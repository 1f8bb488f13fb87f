//! One small request over HTTP, and its whole answer: how the control plane asks for credentials.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// What is asked. `Host` and the body's length are whoever sends it's to write.
#[derive(Clone, PartialEq, Eq)]
pub struct FetchRequest {
    pub method: &'static str,
    /// `http://` or `https://`.
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct FetchAnswer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Sends requests; the answer, or why there is none. Whoever calls bounds the time; an answer has a bound of its own.
pub trait Fetcher: Send + Sync {
    fn fetch<'f>(
        &'f self,
        request: &'f FetchRequest,
    ) -> Pin<Box<dyn Future<Output = Result<FetchAnswer, String>> + Send + 'f>>;
}

impl FetchRequest {
    pub fn get(url: String) -> FetchRequest {
        FetchRequest { method: "GET", url, headers: Vec::new(), body: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> FetchRequest {
        self.headers.push((name, value));
        self
    }
}

/// Without what may be secret.
impl fmt::Debug for FetchRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchRequest").field("method", &self.method).field("url", &self.url).finish_non_exhaustive()
    }
}

/// Without what may be secret.
impl fmt::Debug for FetchAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}
