//! Answers become bytes: header spelling, order and framing.

use std::io::Error;
use std::time::Duration;

use http::StatusCode;
use tokio::io::AsyncWriteExt as _;

use super::connection::Connection;
use super::head::Request;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::answer::Body;
use crate::cpsrvd::answer::Delivery;
use crate::cpsrvd::switches::Framing;
use crate::cpsrvd::switches::Switches;

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// Bytes of the body, without its framing.
    pub(super) size: u64,
    pub(super) keep: Keep,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Open,
    Close,
    Reset,
}

/// Sends an answer. `close` says that the connection cannot go on whatever the answer is.
pub(super) async fn send(
    connection: &mut Connection,
    request: Option<&Request>,
    answer: &Answer,
    switches: &Switches,
    close: bool,
) -> Result<Sent, Error> {
    if let Delivery::Late(delay) = answer.delivery {
        tokio::time::sleep(delay).await;
    }
    let framing = framing(request, answer, switches);
    let open = switches.keep_alive
        && !close
        && !answer.close
        && !matches!(answer.status, 300..=399 | 401 | 403)
        && framing != Framing::UntilClose
        && request.is_some_and(Request::keeps_alive);
    connection.write(head(answer, switches, framing, open, is_old(request)).as_bytes()).await?;
    let keep = if open { Keep::Open } else { Keep::Close };
    if request.is_some_and(|request| request.method == "HEAD") {
        return Ok(Sent { size: 0, keep });
    }
    let mut out = Out { connection, chunked: framing == Framing::Chunked, size: 0 };
    match (&answer.body, answer.delivery) {
        (Body::Full(bytes), Delivery::Half) => {
            out.write(bytes.get(..bytes.len() / 2).unwrap_or_default()).await?;
            return Ok(Sent { size: out.size, keep: Keep::Reset });
        }
        (Body::Full(bytes), Delivery::Slow(pace)) => out.trickle(bytes, pace).await?,
        (Body::Full(bytes), Delivery::Whole | Delivery::Late(_)) => out.write(bytes).await?,
        (Body::Lines { line, count, every, cue, end }, _) => {
            for n in 1..*count {
                out.write(line(n - 1).as_bytes()).await?;
                match cue {
                    Some(cue) => cue.taken().await,
                    None => tokio::time::sleep(*every).await,
                }
            }
            out.write((line(count.saturating_sub(1)) + end).as_bytes()).await?;
        }
        (Body::Generated(length), delivery) => {
            let cut = matches!(delivery, Delivery::Half);
            out.pattern(if cut { length / 2 } else { *length }).await?;
            if cut {
                return Ok(Sent { size: out.size, keep: Keep::Reset });
            }
        }
        (Body::Takeover(_), _) => {}
    }
    out.end().await?;
    Ok(Sent { size: out.size, keep })
}

/// How the end of this body is marked: HTTP/1.0 knows no chunks, and what is made line by line has no
/// length beforehand.
fn framing(request: Option<&Request>, answer: &Answer, switches: &Switches) -> Framing {
    let wanted = answer.framing.unwrap_or(switches.framing);
    let wanted = if wanted == Framing::ByPath { by_path(request) } else { wanted };
    let by_line = matches!(answer.body, Body::Lines { .. });
    if wanted == Framing::Chunked || (wanted == Framing::ContentLength && by_line) {
        if is_old(request) { Framing::UntilClose } else { Framing::Chunked }
    } else {
        wanted
    }
}

fn is_old(request: Option<&Request>) -> bool {
    request.is_some_and(|request| request.minor == 0)
}

fn head(answer: &Answer, switches: &Switches, framing: Framing, open: bool, old_client: bool) -> String {
    let reason = match StatusCode::from_u16(answer.status) {
        Ok(status) if !switches.captured_spelling => status.canonical_reason().unwrap_or("Unknown"),
        _ => answer.reason,
    };
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", answer.status);
    let mut field = |name: &str, value: &str| {
        let name = if switches.captured_spelling { name.to_owned() } else { by_the_book(name) };
        for part in [&name, ": ", value, "\r\n"] {
            head.push_str(part);
        }
    };
    if !open {
        field("Connection", "close");
    } else if old_client {
        field("Connection", "keep-alive");
    }
    // Redirects were captured with `Content-length`, pages with `Content-Length`.
    let name = if answer.reason == "Moved" { "Content-length" } else { "Content-Length" };
    match (framing, &answer.body) {
        (Framing::ContentLength, Body::Full(bytes)) => field(name, &bytes.len().to_string()),
        (Framing::ContentLength, Body::Generated(length)) => field(name, &length.to_string()),
        (Framing::Chunked, _) => field("Transfer-Encoding", "chunked"),
        (Framing::ContentLength | Framing::UntilClose | Framing::ByPath, _) => {}
    }
    for (name, value) in &answer.headers {
        field(name, value);
    }
    if switches.x_frame {
        field("X-Frame-Options", "SAMEORIGIN");
        field("X-Content-Type-Options", "nosniff");
    }
    if let Some(server) = &switches.server_header {
        field("Server", server);
    }
    head.push_str("\r\n");
    head
}

/// Every path has its framing, so that a test can rely on it.
fn by_path(request: Option<&Request>) -> Framing {
    let path = request.map_or("", |request| request.target.split('?').next().unwrap_or_default());
    // The security token is random; without it a page keeps its framing from session to session.
    let path = path.trim_start_matches("/cpsess").trim_start_matches(|c: char| c.is_ascii_digit());
    match path.bytes().fold(0_u32, |sum, byte| sum.wrapping_add(byte.into())) % 3 {
        0 => Framing::ContentLength,
        1 => Framing::Chunked,
        _ => Framing::UntilClose,
    }
}

/// `Content-length` becomes `Content-Length`.
fn by_the_book(name: &str) -> String {
    let mut start = true;
    name.chars()
        .map(|letter| {
            let letter = if start { letter.to_ascii_uppercase() } else { letter };
            start = letter == '-';
            letter
        })
        .collect()
}

struct Out<'a> {
    connection: &'a mut Connection,
    chunked: bool,
    size: u64,
}

impl Out<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.size += bytes.len() as u64;
        if self.chunked {
            self.connection.io.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
            self.connection.io.write_all(bytes).await?;
            return self.connection.write(b"\r\n").await;
        }
        self.connection.write(bytes).await
    }

    async fn trickle(&mut self, bytes: &[u8], pace: Duration) -> Result<(), Error> {
        for byte in bytes.chunks(1) {
            self.write(byte).await?;
            tokio::time::sleep(pace).await;
        }
        Ok(())
    }

    /// Bytes that a client can check: each is its offset modulo 251.
    async fn pattern(&mut self, length: u64) -> Result<(), Error> {
        let block: Vec<u8> = (0..251_u8).cycle().take(251 * 256).collect();
        let mut left = length;
        while left > 0 {
            let n = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            self.write(block.get(..n).unwrap_or_default()).await?;
            left -= n as u64;
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Error> {
        if self.chunked { self.connection.write(b"0\r\n\r\n").await } else { Ok(()) }
    }
}
