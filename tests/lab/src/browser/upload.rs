//! A file on its way out of a page, made up as it is asked for.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use hyper::body::SizeHint;
use tokio::sync::mpsc;

use crate::browser::wire::Outgoing;

/// The type of an [`Upload`].
pub const MULTIPART: &str = "multipart/form-data; boundary=x";

const START: &[u8] = b"--x\r\nContent-Disposition: form-data; name=\"file-1\"; filename=\"f\"\r\n\r\n";
const END: &[u8] = b"\r\n--x--\r\n";
const PIECE: usize = 64 * 1024;

/// A form with one file, whose bytes are made up when the connection asks for them.
#[derive(Debug)]
pub struct Upload {
    left: u64,
    ended: bool,
    asked: Arc<AtomicU64>,
}

impl Upload {
    /// A file of this many bytes.
    pub fn of(bytes: u64) -> Self {
        Self { left: bytes, ended: false, asked: Arc::default() }
    }

    /// Counts the bytes that the connection has asked for.
    pub fn asked(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.asked)
    }

    pub(super) fn into_body(self) -> Outgoing {
        Whole(self, Some(START)).boxed_unsync()
    }
}

struct Whole(Upload, Option<&'static [u8]>);

impl hyper::body::Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self(file, start) = &mut *self;
        let piece = if let Some(start) = start.take() {
            Bytes::from_static(start)
        } else if file.left > 0 {
            let size = usize::try_from(file.left).unwrap_or(usize::MAX).min(PIECE);
            file.left -= size as u64;
            file.asked.fetch_add(size as u64, Ordering::Relaxed);
            Bytes::from(vec![b'f'; size])
        } else if file.ended {
            return Poll::Ready(None);
        } else {
            file.ended = true;
            Bytes::from_static(END)
        };
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.ended
    }

    fn size_hint(&self) -> SizeHint {
        let start = self.1.map_or(0, <[u8]>::len) as u64;
        let end = if self.0.ended { 0 } else { END.len() as u64 };
        SizeHint::with_exact(start + self.0.left + end)
    }
}

/// A body without a length, each piece of which is sent when the test has it.
#[derive(Debug)]
pub struct Piecewise(mpsc::Receiver<Bytes>);

impl Piecewise {
    /// The body, and what its pieces are put into. It ends when that is dropped.
    pub fn new() -> (mpsc::Sender<Bytes>, Self) {
        let (sender, receiver) = mpsc::channel(1);
        (sender, Self(receiver))
    }

    pub(super) fn into_body(self) -> Outgoing {
        self.boxed_unsync()
    }
}

impl hyper::body::Body for Piecewise {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(ready!(self.0.poll_recv(cx)).map(|piece| Ok(Frame::data(piece))))
    }
}

/// What a request carries that is sent as it comes.
#[derive(Debug)]
pub enum Sending {
    /// A file.
    File(Upload),
    /// Pieces.
    Pieces(Piecewise),
}

impl Sending {
    pub(super) fn into_body(self) -> Outgoing {
        match self {
            Self::File(file) => file.into_body(),
            Self::Pieces(pieces) => pieces.into_body(),
        }
    }
}
