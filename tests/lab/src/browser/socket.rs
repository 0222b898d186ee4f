//! WebSockets as pages have them: over HTTP/1.1 (RFC 6455) or as a stream of HTTP/2 (RFC 8441).

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;

use anyhow::Context as _;
use anyhow::bail;
use bytes::Bytes;
use futures_util::SinkExt as _;
use futures_util::StreamExt as _;
use http::Method;
use http::StatusCode;
use http::Version;
use http::header;
use hyper::ext::Protocol;
use hyper::rt::Write as _;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::Data;
use tokio_tungstenite::tungstenite::protocol::frame::coding::OpCode;
use url::Url;

pub use tokio_tungstenite::tungstenite::Message;
pub use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::browser::Ask;
use crate::browser::Browser;
use crate::browser::Errand;
use crate::browser::Http;
use crate::browser::Page;

/// What came of a handshake.
#[derive(Debug)]
pub enum Shake {
    /// A socket.
    Open(Box<Socket>),
    /// Another answer, with this status.
    Refused(u16),
}

/// An open WebSocket.
pub struct Socket(WebSocketStream<TokioIo<Upgraded>>);

impl Browser {
    /// Opens a WebSocket in a page, over the protocol of choice, which the connection must have. `headers`
    /// replace what a browser would say.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn shake(
        &self,
        http: Http,
        page: &Page,
        address: &str,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Shake> {
        let mut ask =
            Ask::get(Errand::WebSocket, page.resolve(address)?.as_str()).by(page).header("sec-websocket-version", "13");
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        if http == Http::One {
            ask = ask
                .header("connection", "Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        }
        let url: Url = ask.url.parse()?;
        let (mut request, relation) = self.request(&ask, std::slice::from_ref(&url))?;
        let (wire, open) = match http {
            Http::One => (self.wire.http_1(), StatusCode::SWITCHING_PROTOCOLS),
            Http::Two => {
                *request.method_mut() = Method::CONNECT;
                *request.version_mut() = Version::HTTP_2;
                request.extensions_mut().insert(Protocol::from_static("websocket"));
                (self.wire.clone(), StatusCode::OK)
            }
        };
        let response = wire.send(request).await?;
        self.take_cookies(&url, response.headers(), relation);
        if response.status() != open {
            return Ok(Shake::Refused(response.status().as_u16()));
        }
        // RFC 6455 section 1.3 has the answer to this key.
        let accepted = response.headers().get(header::SEC_WEBSOCKET_ACCEPT).map(header::HeaderValue::as_bytes);
        let expected = (http == Http::One).then_some(&b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="[..]);
        anyhow::ensure!(accepted == expected, "accepted with {accepted:?}");
        let io = TokioIo::new(hyper::upgrade::on(response).await?);
        Ok(Shake::Open(Box::new(Socket(WebSocketStream::from_raw_socket(io, Role::Client, None).await))))
    }
}

impl Shake {
    /// The socket.
    ///
    /// # Errors
    /// When there is none.
    pub fn opened(self) -> anyhow::Result<Socket> {
        match self {
            Self::Open(socket) => Ok(*socket),
            Self::Refused(status) => bail!("no WebSocket: {status}"),
        }
    }
}

impl Socket {
    /// Sends a message.
    ///
    /// # Errors
    /// When the socket has ended.
    pub async fn send(&mut self, message: Message) -> anyhow::Result<()> {
        Ok(self.0.send(message).await?)
    }

    /// Sends a text in pieces, one frame each.
    ///
    /// # Errors
    /// When the socket has ended.
    pub async fn send_pieces(&mut self, pieces: &[&'static str]) -> anyhow::Result<()> {
        for (n, piece) in pieces.iter().enumerate() {
            let kind = if n == 0 { Data::Text } else { Data::Continue };
            let frame = Frame::message(Bytes::from_static(piece.as_bytes()), OpCode::Data(kind), n + 1 == pieces.len());
            self.0.send(Message::Frame(frame)).await?;
        }
        Ok(())
    }

    /// The next message, of whatever kind. Nothing after an end in good order.
    ///
    /// # Errors
    /// When the socket breaks off.
    pub async fn next(&mut self) -> anyhow::Result<Option<Message>> {
        match self.0.next().await {
            None | Some(Err(Error::ConnectionClosed)) => Ok(None),
            Some(Err(error)) => Err(error).context("the socket breaks off"),
            Some(Ok(message)) => Ok(Some(message)),
        }
    }

    /// The bytes of a socket that nothing was read from yet: both ends say themselves what its frames are.
    pub fn into_bytes(self) -> TokioIo<Upgraded> {
        self.0.into_inner()
    }

    /// Ends the direction to the server, without a word of WebSocket.
    ///
    /// # Errors
    /// When the socket has ended.
    pub async fn end_sending(&mut self) -> anyhow::Result<()> {
        let io = self.0.get_mut().inner_mut();
        Ok(poll_fn(|cx| Pin::new(&mut *io).poll_shutdown(cx)).await?)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}
