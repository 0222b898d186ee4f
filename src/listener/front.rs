//! Who may connect, and whose connection it is.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use proxy_header::ParseConfig;
use proxy_header::io::ProxiedStream;
use tokio::net::TcpStream;

use crate::model::Balancers;
use crate::model::ClientAddr;

/// What stands between people and a listener.
#[derive(Clone, Debug)]
pub enum Front {
    /// Nothing: whoever connects is the person.
    Nobody,
    /// Balancers that say by the PROXY protocol whose connection they bring.
    Proxying(Balancers),
    /// Balancers that say in each request whose it is; the edge reads that.
    Forwarding(Balancers),
}

impl Front {
    /// Whether this address may connect.
    pub(super) fn admits(&self, address: SocketAddr) -> bool {
        match self {
            Self::Nobody => true,
            Self::Proxying(balancers) | Self::Forwarding(balancers) => balancers.has(address.ip()),
        }
    }
}

/// Says once and loudly that a stranger was refused, which may mean that a balancer's address is missing in
/// the configuration, and after that quietly.
#[derive(Clone, Debug, Default)]
pub(super) struct Strangers(Arc<AtomicBool>);

impl Strangers {
    pub(super) fn refused(&self, address: SocketAddr) {
        if self.0.swap(true, Ordering::Relaxed) {
            tracing::debug!(client = %address, "refused a connection that comes from no balancer");
        } else {
            tracing::warn!(
                client = %address,
                "refused a connection that comes from no balancer; further ones are logged at the level debug"
            );
        }
    }
}

/// Reads the header of the PROXY protocol, version 1 or 2 (its specification by `HAProxy`, section 2): the
/// stream after it, and whose connection it is. A header has 107 bytes at most in version 1 and 65551 in
/// version 2.
///
/// # Errors
/// When there is no such header, or one that names nobody: a balancer's own look whether we are there
/// (`LOCAL`, `UNKNOWN`) speaks for no person.
pub(super) async fn proxied(stream: TcpStream) -> io::Result<(ProxiedStream<TcpStream>, ClientAddr)> {
    let config = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };
    let stream = ProxiedStream::create_from_tokio(stream, config).await?;
    let client = stream.proxy_header().proxied_address().map(|address| ClientAddr(address.source));
    let nobody = || io::Error::new(io::ErrorKind::InvalidData, "the header names no client");
    Ok((stream, client.ok_or_else(nobody)?))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// What comes of these bytes: whose connection it is and what follows, or nothing.
    async fn read(bytes: &[u8]) -> Option<(String, String)> {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut far = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
        let (near, _) = socket.accept().await.unwrap();
        // Byte by byte, as a network may deliver it.
        far.set_nodelay(true).unwrap();
        let bytes = bytes.to_vec();
        let writing = tokio::spawn(async move {
            for byte in bytes {
                // The other side may have refused it already.
                if far.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
        });
        let (mut stream, client) = proxied(near).await.ok()?;
        writing.await.unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        Some((client.0.to_string(), rest))
    }

    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

    #[tokio::test]
    async fn a_header_names_the_client_and_what_follows_is_left() {
        let both = |client: &str| Some((client.to_owned(), "after".to_owned()));
        let v1 = read(b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\nafter").await;
        assert_eq!(v1, both("192.0.2.7:40000"));
        let v1 = read(b"PROXY TCP6 2001:db8::7 ::1 40000 443\r\nafter").await;
        assert_eq!(v1, both("[2001:db8::7]:40000"));
        // With three bytes of something more (PP2_TYPE_NOOP).
        let v2 = [V2, b"\x21\x11\0\x0f\xc0\0\x02\x07\x0a\0\0\x01\x9c\x40\x01\xbb\x04\0\0after"].concat();
        assert_eq!(read(&v2).await, both("192.0.2.7:40000"));
    }

    #[tokio::test]
    async fn what_names_nobody_is_refused() {
        let local = [V2, b"\x20\x00\0\0after"].concat();
        let unix = [V2, b"\x21\x31\0\xd8", &[0; 216][..], b"after"].concat();
        let short = [V2, b"\x21\x11\0\x04\xc0\0\x02\x07after after"].concat();
        let cases: [&[u8]; 9] = [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and the rest of a TLS handshake",
            b"PROXY UNKNOWN\r\nafter",
            b"PROXY UNKNOWN 192.0.2.7 10.0.0.1 40000 443\r\nafter",
            b"PROXY TCP4 192.0.2.777 10.0.0.1 40000 443\r\nafter",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 443                                                                \r\n",
            &local,
            &unix,
            &short,
        ];
        for case in cases {
            assert_eq!(read(case).await, None, "{}", String::from_utf8_lossy(case));
        }
    }
}
