//! A connection of HTTP/1.1 over a real socket, at work and at rest.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use http::Request;
use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::io::ReadBuf;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::listener::accept::Listener;
use crate::listener::front::Front;
use crate::listener::http1::http1;
use crate::listener::limits::ListenerLimits;
use crate::listener::serve::Accepted;
use crate::listener::watch::PATIENCE;
use crate::listener::wire::Wire;
use crate::model::ClientAddr;
use crate::upstream::full;

/// A socket that says when it is waited for without an engine.
struct Told {
    stream: TcpStream,
    rests: Arc<Notify>,
}

impl Wire for Told {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.rests.notify_one();
        self.stream.poll_readable(cx)
    }
}

impl AsyncRead for Told {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Told {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        // A byte at a time, as a network may take it.
        Pin::new(&mut self.stream).poll_write(cx, buf.get(..1).unwrap_or_default())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn limits(patience: Duration) -> ListenerLimits {
    ListenerLimits {
        connections: 1,
        connections_per_address: 1,
        tls_handshake: patience,
        request_head: patience,
        request_head_bytes: 8192,
        request_headers: 20,
        http2_streams: 1,
        http2_resets: 1,
        keep_alive: patience,
    }
}

struct Stage {
    far: TcpStream,
    rests: Arc<Notify>,
    draining: CancellationToken,
    cut: CancellationToken,
}

impl Stage {
    /// A connection whose service says the path and the body, both twice.
    async fn new(request_head: Duration) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let far = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
        let (stream, address) = socket.accept().await.unwrap();
        let limits = limits(request_head);
        let service = |request: Request<Incoming>, _: Accepted| async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let said = [parts.uri.path().as_bytes(), b" ", &body].concat().repeat(2);
            Response::new(full(said))
        };
        let (rests, draining) = (Arc::new(Notify::new()), CancellationToken::new());
        let accepted = Accepted::new(ClientAddr(address));
        let cut = accepted.cut.clone();
        let told = Told { stream, rests: Arc::clone(&rests) };
        let leaving = draining.clone();
        tokio::spawn(async move { http1(told, accepted, service, &limits, leaving).await });
        Self { far, rests, draining, cut }
    }

    async fn say(&mut self, text: &str) {
        self.far.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until what has come ends like this.
    async fn hear(&mut self, end: &str) -> String {
        let mut heard = String::new();
        while !heard.ends_with(end) {
            heard.push(char::from(self.far.read_u8().await.unwrap()));
        }
        heard
    }

    /// What comes until the connection ends.
    async fn rest(mut self) -> String {
        let mut heard = String::new();
        self.far.read_to_string(&mut heard).await.unwrap();
        heard
    }
}

const LONG: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_connection_that_has_rested_goes_on_where_it_was() {
    let mut stage = Stage::new(LONG).await;
    for _ in 0..2 {
        stage.rests.notified().await;
        stage.say("GET /one HTTP/1.1\r\nHost: a\r\n\r\n").await;
        stage.hear("/one /one ").await;
        stage.rests.notified().await;
        // In two pieces of which the first wakes it, and two at once.
        stage.say("PO").await;
        stage
            .say("ST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /three HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let heard = stage.hear("/three /three ").await;
        assert!(heard.contains("/two abc/two abc"), "{heard}");
    }
    stage.say("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(stage.rest().await.ends_with("/last /last "));
}

#[tokio::test]
async fn a_request_that_has_begun_is_no_rest() {
    let mut stage = Stage::new(PATIENCE * 5).await;
    stage.say("GET /one HTT").await;
    let rests = Arc::clone(&stage.rests);
    tokio::select! {
        heard = stage.rest() => assert_eq!(heard, "", "it was cut, because it did not come in its time"),
        () = rests.notified() => panic!("it rests in the middle of a request's head"),
    }
}

#[tokio::test]
async fn a_body_that_is_waited_for_is_no_rest() {
    let mut stage = Stage::new(LONG).await;
    stage.say("POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab").await;
    let rests = Arc::clone(&stage.rests);
    let some_time = tokio::time::timeout(PATIENCE * 5, rests.notified());
    assert!(some_time.await.is_err(), "it rests in the middle of a request");
    stage.say("c").await;
    stage.hear("/one abc/one abc").await;
    stage.rests.notified().await;
}

#[tokio::test]
async fn a_rest_ends_with_its_time_with_the_gateway_and_with_the_far_end() {
    let stage = Stage::new(PATIENCE * 5).await;
    stage.rests.notified().await;
    assert_eq!(stage.rest().await, "");
    let mut stage = Stage::new(LONG).await;
    stage.say("GET /one HTTP/1.1\r\nHost: a\r\n\r\n").await;
    stage.hear("/one /one ").await;
    stage.rests.notified().await;
    stage.draining.cancel();
    assert_eq!(stage.rest().await, "");
    let mut stage = Stage::new(LONG).await;
    stage.rests.notified().await;
    stage.far.shutdown().await.unwrap();
    assert_eq!(stage.rest().await, "");
    let stage = Stage::new(LONG).await;
    stage.rests.notified().await;
    stage.cut.cancel();
    assert_eq!(stage.rest().await, "");
}

#[tokio::test]
async fn who_has_not_said_anything_yet_may_when_the_gateway_stops() {
    let mut stage = Stage::new(LONG).await;
    stage.rests.notified().await;
    stage.draining.cancel();
    stage.say("GET /one HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let heard = stage.rest().await;
    assert!(heard.contains("connection: close") && heard.ends_with("/one /one "), "{heard}");
}

#[tokio::test]
async fn who_was_let_in_at_the_very_end_is_served() {
    // Which of the two is seen first is up to chance, so there are some of them.
    for _ in 0..24 {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _far = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
        let listener = Listener::new(None, Front::Nobody, limits(Duration::from_mins(1)));
        listener.stop();
        listener.accept(socket, |_, _| async { Response::new(full("")) }).await;
        assert_eq!(listener.open(), 1);
    }
}
