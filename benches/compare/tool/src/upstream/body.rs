//! Bodies that cost their sender next to nothing.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::Body;
use hyper::body::Frame;
use hyper::body::SizeHint;
use tokio::sync::mpsc;

/// Sent at a time, in bytes.
const CHUNK: usize = 256 * 1024;
static LETTERS: [u8; CHUNK] = [b'x'; CHUNK];

/// What the server answers with.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The rest of a body of one letter, in bytes.
    Letters(u64),
    /// A text, once.
    Text(Option<Bytes>),
    /// What arrives.
    Events(mpsc::Receiver<Bytes>),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut *self {
            Self::Letters(left) => {
                let size = usize::try_from(*left).unwrap_or(CHUNK).min(CHUNK);
                *left -= size as u64;
                LETTERS.get(..size).filter(|letters| !letters.is_empty()).map(Bytes::from_static)
            }
            Self::Text(text) => text.take(),
            Self::Events(events) => match events.poll_recv(cx) {
                Poll::Ready(event) => event,
                Poll::Pending => return Poll::Pending,
            },
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Letters(left) => SizeHint::with_exact(*left),
            Self::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
            Self::Events(_) => SizeHint::default(),
        }
    }
}
