//! HTTP/2 as frames, byte for byte (RFC 9113), with headers as literals (RFC 7541 section 6.2.2).

use std::sync::Arc;

use lab::browser::Http;
use lab::browser::trusting;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::stage::PATIENCE;
use crate::stage::Stage;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// A connection on which any frame can be sent.
pub(crate) struct Frames {
    stream: TlsStream<TcpStream>,
    read: Vec<u8>,
}

/// What a stream came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// An answer with this status.
    Answered(u16),
    /// A reset with this error code.
    Reset(u32),
    /// The end of the connection with this error code.
    GoneAway(u32),
    /// The end of the connection without a word.
    Closed,
}

impl Frames {
    /// Connects and says hello.
    pub(crate) async fn connect(stage: &Stage, name: &str, port: u16) -> Self {
        let tls = TlsConnector::from(Arc::new(trusting(&stage.world, Http::Two).unwrap()));
        let tcp = TcpStream::connect((stage.world.gateway(), port)).await.unwrap();
        let stream = tls.connect(ServerName::try_from(name.to_owned()).unwrap(), tcp).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let mut frames = Self { stream, read: Vec::new() };
        frames.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        frames.frame(SETTINGS, 0, 0, &[]).await;
        frames
    }

    /// Sends a frame. The gateway may have closed already.
    pub(crate) async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        bytes.extend_from_slice(&[kind, flags]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        self.stream.write_all(&bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// Sends a whole head.
    pub(crate) async fn head(&mut self, stream: u32, fields: &[(&str, &[u8])], last: bool) -> bool {
        let flags = END_HEADERS | if last { END_STREAM } else { 0 };
        self.frame(HEADERS, flags, stream, &block(fields)).await
    }

    /// Waits for what a stream comes to.
    pub(crate) async fn outcome(&mut self, stream: u32) -> Outcome {
        tokio::time::timeout(PATIENCE, async {
            loop {
                let Some((kind, flags, of, payload)) = self.next().await else { return Outcome::Closed };
                let word = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
                match kind {
                    HEADERS if of == stream => return Outcome::Answered(status(&payload)),
                    RST_STREAM if of == stream => return Outcome::Reset(word(0)),
                    // A connection that ends in good order still answers what it has taken.
                    GOAWAY if word(4) != 0 => return Outcome::GoneAway(word(4)),
                    PING if flags & ACK == 0 => {
                        self.frame(PING, ACK, 0, &payload).await;
                    }
                    _ => {}
                }
            }
        })
        .await
        .unwrap()
    }

    async fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        while self.read.len() < 9 {
            self.more().await?;
        }
        let length = u32::from_be_bytes([0, self.read[0], self.read[1], self.read[2]]) as usize;
        while self.read.len() < 9 + length {
            self.more().await?;
        }
        let frame: Vec<u8> = self.read.drain(..9 + length).collect();
        let stream = u32::from_be_bytes(frame[5..9].try_into().unwrap());
        Some((frame[3], frame[4], stream, frame[9..].to_vec()))
    }

    async fn more(&mut self) -> Option<()> {
        matches!(self.stream.read_buf(&mut self.read).await, Ok(1..)).then_some(())
    }
}

/// Fields as literals that are not indexed.
pub(crate) fn block(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        string(&mut block, name.as_bytes());
        string(&mut block, value);
    }
    block
}

fn string(block: &mut Vec<u8>, text: &[u8]) {
    let mut left = text.len();
    if left < 127 {
        block.push(u8::try_from(left).unwrap());
    } else {
        block.push(127);
        left -= 127;
        while left >= 128 {
            block.push(u8::try_from(left % 128).unwrap() | 128);
            left /= 128;
        }
        block.push(u8::try_from(left).unwrap());
    }
    block.extend_from_slice(text);
}

/// `:status`, which comes first: from the static table, or as a literal of digits.
fn status(block: &[u8]) -> u16 {
    match block {
        [known @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(known - 0x88)],
        [0x48 | 0x08, length, rest @ ..] if length & 0x80 == 0 => {
            std::str::from_utf8(&rest[..usize::from(*length)]).unwrap().parse().unwrap()
        }
        [0x48 | 0x08, length, rest @ ..] => digits(&rest[..usize::from(length & 0x7f)]),
        other => panic!("no status first: {other:02x?}"),
    }
}

/// Three digits in the Huffman code of RFC 7541, appendix B: 0 to 2 have five bits, the others six.
fn digits(bytes: &[u8]) -> u16 {
    let bits: Vec<u16> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| u16::from(byte >> bit & 1))).collect();
    let mut number = 0;
    let mut at = 0;
    for _ in 0..3 {
        let value = |count: usize| bits[at..at + count].iter().fold(0, |sum, bit| sum * 2 + bit);
        let (digit, count) = if value(5) <= 2 { (value(5), 5) } else { (value(6) - 0x19 + 3, 6) };
        number = number * 10 + digit;
        at += count;
    }
    number
}
