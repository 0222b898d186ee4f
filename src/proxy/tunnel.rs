//! WebSockets: a handshake with the server, then bytes in both directions until somebody ends it.

use std::fmt;
use std::future::Future;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::HeaderMap;
use http::HeaderValue;
use http::StatusCode;
use http::header;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::panel_session::Placed;
use crate::panel_session::SignedRequest;
use crate::proxy::body::Pace;
use crate::proxy::forward;
use crate::proxy::forward::Answer;
use crate::proxy::forward::ProxyError;
use crate::proxy::frames::Farewell;
use crate::proxy::way::Way;

/// How often a silent tunnel is looked at.
const LOOKS: u32 = 8;

/// How long both sides may take to hear that we go away.
const FAREWELL: Duration = Duration::from_secs(2);

/// What came of a handshake with the server.
#[derive(Debug)]
pub enum Connected {
    /// The server has switched protocols.
    Open(Tunnel),
    /// It answered with something else.
    Answered(Answer),
}

/// A socket at the server, waiting for the browser's.
pub struct Tunnel {
    /// The header lines of the server's answer.
    pub headers: HeaderMap,
    socket: OnUpgrade,
    ended: CancellationToken,
    placed: Placed,
}

/// Sends a signed handshake and checks the answer against `accept`, the one that belongs to its key.
pub async fn connect(signed: SignedRequest, accept: &str, pace: Pace) -> Result<Connected, ProxyError> {
    let sent = forward::send(signed, pace).await?;
    if sent.response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Connected::Answered(sent.into_answer(pace.idle).await));
    }
    let forward::Sent { mut response, ended, placed, .. } = sent;
    let answered = response.headers().get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if answered != Some(accept.as_bytes()) {
        return Err(ProxyError::Handshake);
    }
    let socket = hyper::upgrade::on(&mut response);
    let (parts, _) = response.into_parts();
    Ok(Connected::Open(Tunnel { headers: parts.headers, socket, ended, placed }))
}

impl Tunnel {
    /// Carries bytes between the browser's socket and the server's until one of them ends, the session ends,
    /// or nothing has come from either side for `idle`, which is noticed within a quarter more. When `draining`
    /// begins, both sides are told between two frames that we go away (close code 1001). `mask` is random. `used`
    /// is notified of what the browser sends, pings and pongs aside.
    pub async fn run(
        self,
        browser: OnUpgrade,
        idle: Duration,
        draining: CancellationToken,
        mask: [u8; 4],
        used: &Notify,
    ) {
        let Self { headers, socket, ended, placed } = self;
        // They lie in the buffer that they were read into, which lives for as long as they do.
        drop(headers);
        let carried = async {
            let (browser, server) = tokio::try_join!(browser, socket).map_err(io::Error::other)?;
            carry(TokioIo::new(browser), TokioIo::new(server), idle, &draining, mask, used).await
        };
        let told_in_vain = async {
            draining.cancelled().await;
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::select! {
            done = carried => match done {
                Ok(()) => tracing::debug!("WebSocket ended"),
                Err(error) => tracing::debug!(%error, "WebSocket broke off"),
            },
            () = ended.cancelled() => tracing::debug!("WebSocket cut: the session ended"),
            () = told_in_vain => tracing::debug!("WebSocket cut: the gateway stops"),
        }
        drop(placed);
    }
}

async fn carry<A, B>(
    mut browser: A,
    mut server: B,
    idle: Duration,
    draining: &CancellationToken,
    mask: [u8; 4],
    used: &Notify,
) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let mut out = Way::new(Farewell::Masked(mask), Some(used));
    let mut back = Way::new(Farewell::Plain, None);
    let (mut stop, mut look) = (pin!(draining.cancelled()), pin!(tokio::time::sleep(idle / LOOKS)));
    let (mut stopping, mut last) = (false, Instant::now());
    poll_fn(|cx| {
        stopping = stopping || stop.as_mut().poll(cx).is_ready();
        let there = out.poll(cx, Pin::new(&mut browser), Pin::new(&mut server), stopping)?;
        let here = back.poll(cx, Pin::new(&mut server), Pin::new(&mut browser), stopping)?;
        if there.is_ready() && here.is_ready() {
            return Poll::Ready(Ok(()));
        }
        while look.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if out.take_moved() | back.take_moved() {
                last = now;
            } else if now.duration_since(last) >= idle {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nothing came from either side")));
            }
            look.as_mut().reset(now + idle / LOOKS);
        }
        Poll::Pending
    })
    .await
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("headers", &self.headers.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;
    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;
    use tokio::io::DuplexStream;

    use super::*;

    async fn carry_on(browser: DuplexStream, server: DuplexStream, idle: Duration) -> io::Result<()> {
        carry(browser, server, idle, &CancellationToken::new(), [0; 4], &Notify::new()).await
    }

    #[tokio::test]
    async fn both_sides_are_told_between_two_frames_that_the_gateway_stops() {
        let (browser, mut page) = tokio::io::duplex(64);
        let (server, mut shell) = tokio::io::duplex(64);
        let draining = CancellationToken::new();
        let stop = draining.clone();
        let carrying =
            tokio::spawn(
                async move { carry(browser, server, FAREWELL, &draining, [1, 2, 3, 4], &Notify::new()).await },
            );
        // Five bytes, of which two come before the end begins.
        page.write_all(&[0x82, 0x85, 0, 0, 0, 0, b'h', b'e']).await.unwrap();
        let mut heard = [0; 8];
        shell.read_exact(&mut heard).await.unwrap();
        stop.cancel();
        let mut word = Vec::new();
        page.read_to_end(&mut word).await.unwrap();
        assert_eq!(word, Farewell::Plain.frame());
        // What comes after the frame goes no further.
        page.write_all(&[b'l', b'l', b'o', 0x82, 0x80, 0, 0, 0, 0]).await.unwrap();
        let mut rest = Vec::new();
        shell.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, [&b"llo"[..], &Farewell::Masked([1, 2, 3, 4]).frame()].concat());
        carrying.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_the_browser_sends_is_use_and_what_machines_say_is_not() {
        let (browser, mut page) = tokio::io::duplex(64);
        let (server, mut shell) = tokio::io::duplex(64);
        let used = Arc::new(Notify::new());
        let heard = Arc::clone(&used);
        let draining = CancellationToken::new();
        tokio::spawn(async move { carry(browser, server, FAREWELL, &draining, [0; 4], &used).await });
        let mut passed = [0; 9];
        shell.write_all(&[0x81, 1, b'x']).await.unwrap();
        page.read_exact(&mut passed[..3]).await.unwrap();
        page.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await.unwrap();
        shell.read_exact(&mut passed[..6]).await.unwrap();
        assert!(heard.notified().now_or_never().is_none());
        page.write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x']).await.unwrap();
        shell.read_exact(&mut passed[..7]).await.unwrap();
        assert!(heard.notified().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_tunnel_ends_and_a_busy_one_does_not() {
        let idle = Duration::from_mins(15);
        let (browser, mut page) = tokio::io::duplex(64);
        let (server, mut shell) = tokio::io::duplex(64);
        let carrying = tokio::spawn(carry_on(browser, server, idle));
        for _ in 0..3 {
            tokio::time::advance(idle / 2).await;
            page.write_all(b"x").await.unwrap();
            assert_eq!(shell.read_u8().await.unwrap(), b'x');
        }
        let began = Instant::now();
        let error = carrying.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= idle);
    }

    #[tokio::test]
    async fn each_side_can_end_on_its_own() {
        let (browser, mut page) = tokio::io::duplex(64);
        let (server, mut shell) = tokio::io::duplex(64);
        let carrying = tokio::spawn(carry_on(browser, server, Duration::from_mins(15)));
        page.write_all(b"last words").await.unwrap();
        page.shutdown().await.unwrap();
        let mut heard = String::new();
        shell.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "last words");
        shell.write_all(b"answer").await.unwrap();
        shell.shutdown().await.unwrap();
        let mut answer = String::new();
        page.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        carrying.await.unwrap().unwrap();
    }

    fn size<A, F: Future>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_a_tunnel_is_small() {
        let size = size(|(tunnel, browser, used): (Tunnel, OnUpgrade, &'static Notify)| {
            tunnel.run(browser, Duration::ZERO, CancellationToken::new(), [0; 4], used)
        });
        assert!(size <= 1536, "{size} bytes");
    }
}
