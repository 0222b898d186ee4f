//! WebSockets: a handshake with the server, then bytes in both directions until somebody ends it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::HeaderMap;
use http::HeaderValue;
use http::StatusCode;
use http::header;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::panel_session::Placed;
use crate::panel_session::SignedRequest;
use crate::proxy::body::Pace;
use crate::proxy::forward;
use crate::proxy::forward::Answer;
use crate::proxy::forward::ProxyError;

/// Bytes on their way in one direction. Terminals send little; what is idle should cost little.
const BUFFER: usize = 8 * 1024;

/// How often a silent tunnel is looked at.
const LOOKS: u32 = 8;

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
    /// `draining` begins, or nothing has come from either side for `idle`.
    pub async fn run(self, browser: OnUpgrade, idle: Duration, draining: CancellationToken) {
        let Self { socket, ended, placed, .. } = self;
        let carried = async {
            let (browser, server) = tokio::try_join!(browser, socket).map_err(io::Error::other)?;
            carry(TokioIo::new(browser), TokioIo::new(server), idle).await
        };
        tokio::select! {
            done = carried => match done {
                Ok(()) => tracing::debug!("WebSocket ended"),
                Err(error) => tracing::debug!(%error, "WebSocket broke off"),
            },
            () = ended.cancelled() => tracing::debug!("WebSocket cut: the session ended"),
            () = draining.cancelled() => tracing::debug!("WebSocket cut: the gateway stops"),
        }
        drop(placed);
    }
}

async fn carry<A, B>(browser: A, server: B, idle: Duration) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (from_browser, to_browser) = tokio::io::split(browser);
    let (from_server, to_server) = tokio::io::split(server);
    let began = Instant::now();
    let last = Arc::new(AtomicU64::new(0));
    let watch = async {
        let mut looks = tokio::time::interval(idle / LOOKS);
        loop {
            looks.tick().await;
            let silent = began.elapsed().saturating_sub(Duration::from_millis(last.load(Ordering::Relaxed)));
            if silent >= idle {
                return io::Error::new(io::ErrorKind::TimedOut, "nothing came from either side");
            }
        }
    };
    tokio::select! {
        done = async { tokio::try_join!(one_way(from_browser, to_server, began, &last), one_way(from_server, to_browser, began, &last)) } => done.map(|_| ()),
        error = watch => Err(error),
    }
}

/// Copies until the end, which is passed on, so that each side can close on its own.
async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    began: Instant,
    last: &AtomicU64,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return to.shutdown().await;
        };
        last.store(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        to.write_all(bytes).await?;
        to.flush().await?;
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("headers", &self.headers.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_tunnel_ends_and_a_busy_one_does_not() {
        let idle = Duration::from_mins(15);
        let (browser, mut page) = tokio::io::duplex(64);
        let (server, mut shell) = tokio::io::duplex(64);
        let carrying = tokio::spawn(carry(browser, server, idle));
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
        let carrying = tokio::spawn(carry(browser, server, Duration::from_mins(15)));
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
}
