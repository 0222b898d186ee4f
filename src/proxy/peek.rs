//! Looking at the beginning of a body without keeping the rest from streaming.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body::Body as _;
use http_body::Frame;
use http_body::SizeHint;
use http_body_util::BodyExt as _;

use crate::panel::BodySign;
use crate::panel::Lost;
use crate::upstream::AnswerBody;
use crate::upstream::Body;
use crate::upstream::BoxError;
use crate::upstream::streamed;

/// A page that pauses is being made while we read it. The pages that are looked for are sent in one go.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks for a sign at the beginning of a body; gives the body with nothing taken away.
///
/// Never waits for a second piece that does not come.
pub(super) async fn look_into(mut body: Body, sign: BodySign) -> (Body, Option<Lost>) {
    let (mut beginning, mut read, mut whole) = (Vec::new(), 0, false);
    let mut broken = None;
    while read < sign.reach() {
        let frame = if beginning.is_empty() {
            body.frame().await
        } else {
            match tokio::time::timeout(PAUSE, body.frame()).await {
                Ok(frame) => frame,
                Err(_) => break,
            }
        };
        match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(piece))) => {
                read += piece.len();
                beginning.push(piece);
            }
            // Trailers end a body, as its end does.
            None | Some(Ok(Err(_))) => {
                whole = true;
                break;
            }
            Some(Err(error)) => {
                broken = Some(error);
                break;
            }
        }
    }
    let lost = sign.found_in(&beginning, whole);
    let rest = (!whole).then_some(body);
    (streamed(Peeked { read: beginning.into_iter(), broken, rest }), lost)
}

/// Answers of up to so many bytes are taken whole when they came together with their heads: then the connection
/// is free for the next request, and nothing has to be watched on its way to the browser. In bytes.
const SMALL: u64 = 16 * 1024;

/// A body as far as it has come.
pub(super) enum Arrived {
    /// It is small, and all there.
    Whole(Bytes),
    /// The rest is still to come, or it did not end well.
    Part(Body),
}

/// Takes what has come of a small body, without waiting.
pub(super) fn arrived(mut body: AnswerBody) -> Arrived {
    if body.size_hint().exact().is_none_or(|size| size > SMALL) {
        return Arrived::Part(streamed(body));
    }
    let Some(frame) = body.frame().now_or_never() else { return Arrived::Part(streamed(body)) };
    let (read, broken) = match frame.map(|frame| frame.map(Frame::into_data)) {
        Some(Ok(Ok(piece))) if body.is_end_stream() => return Arrived::Whole(piece),
        Some(Ok(Ok(piece))) => (vec![piece], None),
        None | Some(Ok(Err(_))) => return Arrived::Whole(Bytes::new()),
        Some(Err(error)) => (Vec::new(), Some(error)),
    };
    Arrived::Part(streamed(Peeked { read: read.into_iter(), broken, rest: Some(streamed(body)) }))
}

/// What was read, then how that ended, or what is still to come.
struct Peeked {
    read: std::vec::IntoIter<Bytes>,
    broken: Option<BoxError>,
    rest: Option<Body>,
}

impl http_body::Body for Peeked {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(piece) = self.read.next() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if let Some(error) = self.broken.take() {
            self.rest = None;
            return Poll::Ready(Some(Err(error)));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.len() == 0 && self.broken.is_none() && self.rest.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.read.as_slice().iter().map(Bytes::len).sum::<usize>();
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        match &self.rest {
            None => SizeHint::with_exact(read),
            Some(rest) => rest
                .size_hint()
                .exact()
                .map_or_else(SizeHint::default, |rest| SizeHint::with_exact(rest.saturating_add(read))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::full;

    /// A piece, and then nothing more for a long time.
    struct Trickle(Option<&'static str>);

    impl http_body::Body for Trickle {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            self.0.take().map_or(Poll::Pending, |piece| Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece))))))
        }
    }

    const SIGN: BodySign = BodySign::SignInForm(Lost::SignInForm);

    #[tokio::test]
    async fn a_body_is_looked_into_and_left_whole() {
        for (page, expected) in [("<form id=\"login_form\">", Some(Lost::SignInForm)), ("<p>a page", None), ("", None)]
        {
            let (body, lost) = look_into(full(page), SIGN).await;
            assert_eq!(lost, expected);
            assert_eq!(body.size_hint().exact(), Some(page.len() as u64));
            assert_eq!(body.collect().await.unwrap().to_bytes(), page);
        }
        let long = "x".repeat(SIGN.reach() * 3);
        let (body, lost) = look_into(full(long.clone()), SIGN).await;
        assert_eq!((lost, body.collect().await.unwrap().to_bytes()), (None, Bytes::from(long)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_trickles_is_not_waited_for() {
        let (mut body, lost) = look_into(streamed(Trickle(Some("<p>Step 1"))), SIGN).await;
        assert_eq!(lost, None);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "<p>Step 1");
        assert!(tokio::time::timeout(Duration::from_secs(1), body.frame()).await.is_err(), "the rest is still to come");
    }
}
