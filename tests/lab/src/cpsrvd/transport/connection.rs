//! A connection: its byte stream and what was read ahead of it.

use std::io::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

use super::head;
use super::io::Io;

/// The longest head that is read. Longer ones are cut off with 400.
const MAX_HEAD: usize = 64 * 1024;

/// How long a client may be silent within a body: what proxies on the same machine are told to wait.
const MAX_SILENCE: Duration = Duration::from_mins(5);

/// Bytes that have gone over all connections of a double.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// Of bodies, out of the sockets.
    pub(crate) read: AtomicU64,
    /// Into the sockets.
    pub(crate) written: AtomicU64,
}

/// What came instead of, or as, the next head.
pub(super) enum Next {
    /// The bytes of a head, its empty line included.
    Head(Bytes),
    /// More bytes than a head may have.
    TooLong,
    /// The client closed, or stayed silent for too long.
    End,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) io: Io,
    pub(super) ahead: BytesMut,
    moved: Arc<Moved>,
}

impl Connection {
    pub(super) fn new(io: Io, moved: Arc<Moved>) -> Self {
        Self { io, ahead: BytesMut::new(), moved }
    }

    /// Reads up to the end of the next head.
    pub(super) async fn next_head(&mut self, idle: Duration) -> Result<Next, Error> {
        loop {
            if let Some(end) = head::end(&self.ahead) {
                return Ok(Next::Head(self.ahead.split_to(end).freeze()));
            }
            if self.ahead.len() > MAX_HEAD {
                return Ok(Next::TooLong);
            }
            match tokio::time::timeout(idle, self.io.read_buf(&mut self.ahead)).await {
                Ok(Ok(0)) | Err(_) => return Ok(Next::End),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
            }
        }
    }

    /// Reads some bytes, at least one.
    pub(super) async fn more(&mut self) -> Result<(), Error> {
        match tokio::time::timeout(MAX_SILENCE, self.io.read_buf(&mut self.ahead)).await?? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.moved.read.fetch_add(read as u64, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.io.write_all(bytes).await?;
        self.moved.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.io.flush().await
    }

    /// Ends the answer side, then gives the client time to read before the socket goes away: closing
    /// with unread bytes would reset the connection and take the answer with it.
    pub(super) async fn close(mut self) -> Result<(), Error> {
        self.io.shutdown().await?;
        let mut budget: usize = 64 << 20;
        let mut waste = vec![0; 16 * 1024];
        while let Ok(Ok(n @ 1..)) = tokio::time::timeout(Duration::from_secs(1), self.io.read(&mut waste)).await {
            budget = budget.saturating_sub(n);
            if budget == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The byte stream and what was read ahead of it, for a protocol that takes over.
    pub(crate) fn into_parts(self) -> (Io, Vec<u8>) {
        (self.io, self.ahead.to_vec())
    }
}
