//! Reads what proxies answer: just enough of HTTP/1.1 to know where an answer ends.

use anyhow::Context as _;
use anyhow::ensure;
use tokio::io::AsyncBufReadExt as _;

use super::target::Connection;

/// A head larger than this is a mistake, in bytes.
const HEAD: usize = 64 * 1024;

/// An answer that has been read to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Response {
    /// The status.
    pub status: u16,
    /// The size of the body, in bytes.
    pub size: u64,
    /// Whether the connection can be used again.
    pub stays_open: bool,
}

#[derive(Clone, Copy, Debug)]
enum Length {
    Exactly(u64),
    Chunked,
    UntilClose,
}

/// Reads one answer. Nothing means that the connection was closed before it began.
pub(crate) async fn read(connection: &mut Connection) -> anyhow::Result<Option<Response>> {
    let Some((status, length, stays_open)) = head(connection).await? else { return Ok(None) };
    let size = match length {
        Length::Exactly(size) => {
            skip(connection, size).await?;
            size
        }
        Length::Chunked => chunks(connection).await?,
        Length::UntilClose => rest(connection).await?,
    };
    Ok(Some(Response { status, size, stays_open: stays_open && !matches!(length, Length::UntilClose) }))
}

/// Reads a head alone and gives its status.
pub(crate) async fn status(connection: &mut Connection) -> anyhow::Result<u16> {
    Ok(head(connection).await?.context("closed before the answer")?.0)
}

async fn head(connection: &mut Connection) -> anyhow::Result<Option<(u16, Length, bool)>> {
    let mut first = line(connection).await?;
    if first.is_empty() {
        return Ok(None);
    }
    let status: u16 = first.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status line")?;
    let (mut length, mut stays_open, mut size) = (Length::UntilClose, true, 0);
    loop {
        first = line(connection).await?;
        size += first.len();
        ensure!(size < HEAD, "a head without end");
        let text = first.trim_end();
        let Some((name, value)) = text.split_once(':') else {
            ensure!(text.is_empty(), "a line that is no header");
            break;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = Length::Exactly(value.parse()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            length = Length::Chunked;
        } else if name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
            stays_open = false;
        }
    }
    Ok(Some((status, length, stays_open)))
}

async fn line(connection: &mut Connection) -> anyhow::Result<String> {
    let mut line = String::new();
    connection.read_line(&mut line).await?;
    Ok(line)
}

async fn skip(connection: &mut Connection, mut size: u64) -> anyhow::Result<()> {
    while size > 0 {
        let there = connection.fill_buf().await?.len() as u64;
        ensure!(there > 0, "closed within a body");
        let now = there.min(size);
        connection.consume(usize::try_from(now)?);
        size -= now;
    }
    Ok(())
}

async fn chunks(connection: &mut Connection) -> anyhow::Result<u64> {
    let mut total = 0;
    loop {
        let size = u64::from_str_radix(line(connection).await?.trim_end(), 16).context("no chunk")?;
        // The line break after the chunk, or after the last one.
        skip(connection, size + 2).await?;
        if size == 0 {
            return Ok(total);
        }
        total += size;
    }
}

async fn rest(connection: &mut Connection) -> anyhow::Result<u64> {
    let mut total = 0;
    loop {
        let there = connection.fill_buf().await?.len();
        if there == 0 {
            return Ok(total);
        }
        connection.consume(there);
        total += there as u64;
    }
}
