//! What a connection is made of, as far as waiting for it goes.

use std::task::Context;
use std::task::Poll;

use proxy_header::io::ProxiedStream;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A stream that can be waited for without a buffer to read into.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Ready when a read may find something: bytes, the end, or a failure. To be asked after a read that found
    /// nothing, because only the socket is looked at. What was held back goes out.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Wire for TcpStream {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A failure is found by the read.
        self.poll_read_ready(cx).map(|_| ())
    }
}

impl<I: Wire> Wire for Box<I> {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_readable(cx)
    }
}

impl Wire for ProxiedStream<TcpStream> {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_readable(cx)
    }
}

impl<I: Wire> Wire for TlsStream<I> {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().0.poll_readable(cx)
    }
}
