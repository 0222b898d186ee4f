//! `/acctxferrsync`: after a GET, the socket carries bytes that are not HTTP.

use std::io::Error;

use tokio::io::AsyncReadExt as _;

use crate::cpsrvd::transport::Connection;

/// The first bytes that come instead of a status line: the greeting of the rsync protocol.
pub(crate) const GREETING: &[u8] = b"@RSYNCD: 31.0\n";

/// Greets, then echoes until the client ends.
pub(super) async fn serve(mut connection: Connection) -> Result<(), Error> {
    connection.write(GREETING).await?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match connection.io.read(&mut buffer).await? {
            0 => return Ok(()),
            n => connection.write(buffer.get(..n).unwrap_or_default()).await?,
        }
    }
}
