//! Sends WebSocket messages back: whole ones below 64 KiB (RFC 6455 section 5.2), which is all that the load sends.

use std::io;

use bytes::Buf as _;
use bytes::BufMut as _;
use bytes::BytesMut;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;

/// The opcode of a close frame.
const CLOSE: u8 = 8;

/// Echoes until a close frame or the end of the stream.
pub(crate) async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut read = BytesMut::new();
    let mut written = BytesMut::new();
    loop {
        while let Some((first, message)) = take(&mut read) {
            if first & 15 == CLOSE {
                return Ok(());
            }
            put(&mut written, first, &message);
        }
        if !written.is_empty() {
            stream.write_all_buf(&mut written).await?;
            stream.flush().await?;
        }
        if read.is_empty() {
            // An idle socket holds no buffer.
            read = BytesMut::new();
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    }
}

/// The next whole frame: its first byte, and its payload unmasked.
fn take(read: &mut BytesMut) -> Option<(u8, BytesMut)> {
    let (first, second) = (*read.first()?, *read.get(1)?);
    let (length, head) = match usize::from(second & 127) {
        126 => (usize::from(u16::from_be_bytes([*read.get(2)?, *read.get(3)?])), 4),
        short => (short, 2),
    };
    if read.len() < head + 4 + length {
        return None;
    }
    read.advance(head);
    let mask = read.split_to(4);
    let mut message = read.split_to(length);
    for (byte, mask) in message.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Some((first, message))
}

fn put(written: &mut BytesMut, first: u8, message: &[u8]) {
    written.put_u8(first);
    match u8::try_from(message.len()) {
        Ok(short) if short < 126 => written.put_u8(short),
        _ => {
            written.put_u8(126);
            written.put_u16(u16::try_from(message.len()).unwrap_or(u16::MAX));
        }
    }
    written.put_slice(message);
}
