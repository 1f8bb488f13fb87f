//! Requests with variables.

/// A request of pieces, some fixed, some made anew for each request.
#[derive(Debug)]
pub struct Template {}

/// What variables take their values from: one a worker.
#[derive(Debug)]
pub struct Values {}

impl Values {
    /// For worker `worker` of `workers`: `{{seq}}` counts `worker`, `worker + workers`, …, so that no value comes twice;
    /// rows of files are dealt out likewise. `seed` makes random values repeatable.
    pub fn new(worker: usize, workers: usize, seed: u64) -> Values {
        let _ = (worker, workers, seed);
        Values {}
    }
}

impl Template {
    /// Appends the request's bytes, `Content-Length` made to fit. Allocates nothing once `into` has grown.
    pub fn render(&self, values: &mut Values, into: &mut Vec<u8>) {
        let _ = (values, into);
    }
}
