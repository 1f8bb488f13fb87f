//! Bodies of both APIs: collected up to a bound, and sent whole or as they come.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::HeaderMap;
use hyper::body::{Body as _, Bytes, Frame, Incoming, SizeHint};
use tokio::sync::mpsc;

/// What is sent.
pub enum Body {
    Whole(Bytes),
    /// Chunked, until the sender is gone.
    Parts(mpsc::Receiver<Bytes>),
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Body::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Body::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Body::Parts(parts) => parts.poll_recv(context).map(|part| part.map(|part| Ok(Frame::data(part)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Body::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Body::Parts(_) => SizeHint::default(),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body::Whole(bytes)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        Body::Whole(text.into())
    }
}

/// A body that has come to its end.
pub struct Collected {
    /// `None`: it was longer than allowed.
    pub bytes: Option<Bytes>,
    pub trailers: Option<HeaderMap>,
}

/// Why a body did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCollected {
    BrokenOff,
    /// There are too many bytes of others.
    NoRoom,
}

/// Reads a body to its end, keeping `most` bytes. What is longer is read on up to `read_max`, so that who sends it lives to
/// see the answer, and then left. `has_room` says of bytes whether they may be kept.
///
/// # Errors
/// [`NotCollected`]
pub async fn collect(
    mut body: Incoming,
    most: usize,
    read_max: usize,
    mut has_room: impl FnMut(usize) -> bool,
) -> Result<Collected, NotCollected> {
    let (mut first, mut rest, mut total) = (Bytes::new(), Vec::new(), 0);
    let mut trailers = None;
    while let Some(frame) = next_frame(&mut body).await.map_err(|_| NotCollected::BrokenOff)? {
        match frame.into_data() {
            Ok(data) => {
                total += data.len();
                if total > read_max {
                    break;
                }
                if total > most {
                    rest = Vec::new();
                } else if !has_room(data.len()) {
                    return Err(NotCollected::NoRoom);
                } else if total == data.len() {
                    // Most bodies are one frame, which is then not copied.
                    first = data;
                } else {
                    if rest.is_empty() {
                        rest.reserve(
                            usize::try_from(body.size_hint().lower()).map_or(0, |left| left.min(most)) + total,
                        );
                        rest.extend_from_slice(&first);
                    }
                    rest.extend_from_slice(&data);
                }
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    let bytes = (total <= most).then(|| if rest.is_empty() { first } else { rest.into() });
    Ok(Collected { bytes, trailers })
}

/// The next part of a body, or `None` at its end.
///
/// # Errors
/// It breaks off.
pub async fn next_frame(body: &mut Incoming) -> Result<Option<Frame<Bytes>>, hyper::Error> {
    poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await.transpose()
}
