//! The heads of HTTP/1.1 requests as bytes, before the engine has tidied them up.
//!
//! The engine repairs some heads that can be read in two ways: of a length beside chunks it drops the length
//! (RFC 9112 section 6.3), of two equal lengths one, a line that ends without CR is taken for one with it,
//! and what follows a `#` in the target is cut off. A server or balancer beside us may repair them
//! differently, so they are refused. This only looks: not a byte is changed, and what it says about a
//! request is asked for when the engine brings that request.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use memchr::memchr;
use memchr::memchr_iter;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::listener::activity::Activity;
use crate::listener::wire::Wire;

/// A stream whose heads are looked at as they are read.
pub(super) struct Watched<I> {
    inner: I,
    heads: Heads,
    activity: Activity,
}

/// What was seen so far.
#[derive(Clone, Debug)]
pub(super) struct Heads(Arc<Mutex<Seen>>);

/// What a head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// It can be read in one way, and the next one begins where its body ends.
    Plain,
    /// It can be read in one way. What follows is not looked at any more: chunks, or another protocol.
    Last,
    /// It can be read in more than one way, or none was seen.
    Doubtful,
}

#[derive(Debug)]
struct Seen {
    has_begun: bool,
    state: State,
    heads: VecDeque<Head>,
    most: usize,
}

#[derive(Debug)]
enum State {
    /// In a head, of which this has come.
    Head(Vec<u8>),
    /// In a body of which so many bytes are left.
    Body(u64),
    /// Nothing more is looked at.
    Blind,
}

impl Heads {
    /// Nothing seen yet; a head of more than `most` bytes is doubtful.
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Seen {
            has_begun: false,
            state: State::Head(Vec::new()),
            heads: VecDeque::new(),
            most,
        })))
    }

    /// What was seen of the request that the engine brings next.
    pub(super) fn next(&self) -> Head {
        self.lock().heads.pop_front().unwrap_or(Head::Doubtful)
    }

    /// Whether anything was said on the connection.
    pub(super) fn have_begun(&self) -> bool {
        self.lock().has_begun
    }

    /// Whether every request that has begun was seen to its end, and taken up.
    pub(super) fn are_between(&self) -> bool {
        let seen = self.lock();
        seen.heads.is_empty() && matches!(&seen.state, State::Head(head) if head.is_empty())
    }

    fn look_at(&self, bytes: &[u8]) {
        self.lock().look_at(bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn look_at(&mut self, mut bytes: &[u8]) {
        self.has_begun |= !bytes.is_empty();
        while !bytes.is_empty() {
            match &mut self.state {
                State::Blind => return,
                State::Body(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= u64::try_from(here).unwrap_or(u64::MAX);
                    if *left == 0 {
                        self.state = State::Head(Vec::new());
                    }
                    bytes = bytes.get(here..).unwrap_or_default();
                }
                State::Head(head) => {
                    // Empty lines before a request are nothing (RFC 9112 section 2.2).
                    let blank = bytes.iter().take_while(|byte| head.is_empty() && matches!(byte, b'\r' | b'\n'));
                    bytes = bytes.get(blank.count()..).unwrap_or_default();
                    // Most come in one piece, and need not be kept.
                    let whole = if head.is_empty() { judge(bytes) } else { None };
                    if let Some((end, verdict, next)) = whole.filter(|(end, ..)| *end <= self.most) {
                        bytes = bytes.get(end..).unwrap_or_default();
                        self.settle(verdict, next);
                        continue;
                    }
                    let end = end_of_head(head, bytes);
                    if head.len().saturating_add(end.unwrap_or(bytes.len())) > self.most {
                        return self.settle(Head::Doubtful, State::Blind);
                    }
                    let Some((rest_of_head, after)) = end.and_then(|end| bytes.split_at_checked(end)) else {
                        return head.extend_from_slice(bytes);
                    };
                    bytes = after;
                    head.extend_from_slice(rest_of_head);
                    let judged = judge(head).map(|(_, verdict, next)| (verdict, next));
                    let (verdict, next) = judged.unwrap_or((Head::Doubtful, State::Blind));
                    self.settle(verdict, next);
                }
            }
        }
    }

    fn settle(&mut self, verdict: Head, next: State) {
        self.heads.push_back(verdict);
        self.state = next;
    }
}

/// Where a head ends, of which `before` has come and `bytes` comes now: behind an empty line.
fn end_of_head(before: &[u8], bytes: &[u8]) -> Option<usize> {
    let byte = |place: usize, back: usize| match place.checked_sub(back) {
        Some(place) => bytes.get(place),
        None => before.len().checked_sub(back - place).and_then(|place| before.get(place)),
    };
    let is_end = |place: &usize| match byte(*place, 1) {
        Some(b'\n') => true,
        Some(b'\r') => byte(*place, 2) == Some(&b'\n'),
        _ => false,
    };
    memchr_iter(b'\n', bytes).find(is_end).map(|place| place + 1)
}

/// Where a head ends that begins here, what it is, and what follows it; nothing if its end has not come.
fn judge(bytes: &[u8]) -> Option<(usize, Head, State)> {
    let (mut length, mut chunks, mut switches, mut doubtful) = (None, false, false, false);
    let mut begin = 0;
    for end in memchr_iter(b'\n', bytes) {
        let line = bytes.get(begin..end).unwrap_or_default();
        let is_first = begin == 0;
        begin = end + 1;
        doubtful |= !line.ends_with(b"\r");
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if is_first {
            doubtful |= memchr(b'#', line).is_some();
            continue;
        }
        if line.is_empty() {
            let (verdict, next) = match (length, chunks || switches) {
                _ if doubtful => (Head::Doubtful, State::Blind),
                (Some(_), true) if chunks => (Head::Doubtful, State::Blind),
                (_, true) => (Head::Last, State::Blind),
                (None | Some(0), false) => (Head::Plain, State::Head(Vec::new())),
                (Some(length), false) => (Head::Plain, State::Body(length)),
            };
            return Some((begin, verdict, next));
        }
        // Most lines are none of the three.
        if !matches!(line.first(), Some(b'c' | b'C' | b't' | b'T' | b'u' | b'U')) {
            continue;
        }
        // Names are short: a search by vectors does not pay.
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => line.split_at_checked(colon).unwrap_or_default(),
            None => (line.trim_ascii_end(), &[][..]),
        };
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            match digits.and_then(|digits| digits.parse::<u64>().ok()) {
                Some(number) if length.is_none() => length = Some(number),
                _ => doubtful = true,
            }
        }
        chunks |= name.eq_ignore_ascii_case(b"transfer-encoding");
        switches |= name.eq_ignore_ascii_case(b"upgrade");
    }
    None
}

impl<I> Watched<I> {
    /// Looks at what is read from `inner`, and says what goes on there.
    pub(super) fn new(inner: I, heads: Heads, activity: Activity) -> Self {
        Self { inner, heads, activity }
    }
}

impl<I: Wire> Wire for Watched<I> {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.inner.poll_readable(cx)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.activity.read(read.is_ready());
        ready!(read)?;
        self.heads.look_at(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.activity.wrote();
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.activity.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.activity.closed();
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.activity.wrote();
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(bytes: &[u8], at_once: usize) -> Vec<Head> {
        let heads = Heads::new(1000);
        for piece in bytes.chunks(at_once.max(1)) {
            heads.look_at(piece);
        }
        let state = std::mem::take(&mut heads.lock().heads);
        state.into_iter().collect()
    }

    #[test]
    fn a_head_means_one_thing_or_is_doubtful() {
        use Head as H;
        for (text, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", vec![H::Plain]),
            ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\n\r\n", vec![H::Plain, H::Plain]),
            ("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET /GET / HTTP/1.1\r\n\r\n", vec![H::Plain, H::Plain]),
            ("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n", vec![H::Plain, H::Plain]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", vec![H::Last]),
            ("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\n\n\n", vec![H::Last]),
            ("POST / HTTP/1.1\r\ncontent-length:5\r\nTRANSFER-ENCODING: x\r\n\r\n", vec![H::Doubtful]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", vec![H::Doubtful]),
            ("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", vec![H::Doubtful]),
            ("POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", vec![H::Doubtful]),
            ("GET /a#/../b HTTP/1.1\r\n\r\n", vec![H::Doubtful]),
            ("GET / HTTP/1.1\nHost: a\n\n", vec![H::Doubtful]),
            ("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", vec![H::Doubtful]),
            ("GET / HTTP/1.1\r\n", vec![]),
        ] {
            for at_once in [1, 2, 7, 1000] {
                assert_eq!(seen(text.as_bytes(), at_once), expected, "{text:?}");
            }
        }
        assert_eq!(seen(&[b'x'; 1001], 100), [H::Doubtful]);
        assert_eq!(Heads::new(10).next(), H::Doubtful);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_alike_in_any_pieces(bytes in prop::collection::vec(any::<u8>(), 0..300), at_once in 1_usize..20) {
            prop_assert_eq!(seen(&bytes, at_once), seen(&bytes, 1000));
        }
    }
}
