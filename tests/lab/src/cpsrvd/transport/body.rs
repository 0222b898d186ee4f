//! A request's body, read piece by piece.

use std::io::Error;
use std::io::ErrorKind;

use bytes::Bytes;
use bytes::BytesMut;

use super::connection::Connection;
use super::head::Length;
use super::head::Request;

/// The longest line of a chunked body: a size with extensions, or a trailer field.
const MAX_LINE: usize = 4096;

/// The body of the request being served.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    connection: &'a mut Connection,
    state: State,
    /// Whether `100 Continue` is still owed.
    promise: bool,
    read: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// This many bytes until the end.
    Known(u64),
    /// At the start of a chunk.
    ChunkSize,
    /// This many bytes until the end of the chunk.
    Chunk(u64),
    /// Everything was read.
    End,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(connection: &'a mut Connection, request: &Request) -> Self {
        let state = match request.length {
            Length::Known(0) => State::End,
            Length::Known(length) => State::Known(length),
            Length::Chunked => State::ChunkSize,
        };
        Self { connection, state, promise: request.expects_continue(), read: 0 }
    }

    /// Whether nothing of the body is left on the connection.
    pub(crate) fn is_finished(&self) -> bool {
        self.state == State::End
    }

    /// Bytes of the body that were read so far, without their framing.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }

    /// The next piece, or nothing at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.promise && !self.is_finished() {
            self.promise = false;
            self.connection.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        loop {
            match self.state {
                State::End => return Ok(None),
                State::Known(left) => {
                    let piece = self.piece(left).await?;
                    let left = left - piece.len() as u64;
                    self.state = if left == 0 { State::End } else { State::Known(left) };
                    return Ok(Some(piece));
                }
                State::ChunkSize => self.state = self.chunk_size().await?,
                State::Chunk(left) => {
                    let piece = self.piece(left).await?;
                    let left = left - piece.len() as u64;
                    self.state = State::Chunk(left);
                    if left == 0 {
                        self.state = self.chunk_end().await?;
                    }
                    return Ok(Some(piece));
                }
            }
        }
    }

    /// The whole body, if it has at most `limit` bytes.
    pub(crate) async fn collect(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        let mut body = Vec::new();
        while let Some(piece) = self.next().await? {
            body.extend_from_slice(&piece);
            if body.len() > limit {
                return Ok(None);
            }
        }
        Ok(Some(body))
    }

    async fn piece(&mut self, most: u64) -> Result<Bytes, Error> {
        if self.connection.ahead.is_empty() {
            self.connection.more().await?;
        }
        let ahead = &mut self.connection.ahead;
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(ahead.len());
        self.read += length as u64;
        Ok(ahead.split_to(length).freeze())
    }

    async fn chunk_size(&mut self) -> Result<State, Error> {
        let line = self.line().await?;
        let text = std::str::from_utf8(&line).unwrap_or_default();
        let text = text.split(';').next().unwrap_or_default();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(malformed("a chunk size that is no number"));
        }
        match u64::from_str_radix(text, 16) {
            Ok(0) => {
                while !self.line().await?.is_empty() {}
                Ok(State::End)
            }
            Ok(size) => Ok(State::Chunk(size)),
            Err(_) => Err(malformed("a chunk size that is too large")),
        }
    }

    async fn chunk_end(&mut self) -> Result<State, Error> {
        if self.line().await?.is_empty() {
            Ok(State::ChunkSize)
        } else {
            Err(malformed("a chunk is longer than its size"))
        }
    }

    async fn line(&mut self) -> Result<BytesMut, Error> {
        loop {
            let ahead = &mut self.connection.ahead;
            if let Some(at) = ahead.windows(2).position(|two| two == b"\r\n") {
                let mut line = ahead.split_to(at + 2);
                line.truncate(at);
                return Ok(line);
            }
            if ahead.len() > MAX_LINE {
                return Err(malformed("a chunk line that does not end"));
            }
            self.connection.more().await?;
        }
    }
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}
