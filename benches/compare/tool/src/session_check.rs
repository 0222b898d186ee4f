//! What a session costs nginx with `auth_request` at its best: a local service that looks up one cookie.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::COOKIE;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;

use crate::upstream::listen;

/// Where, and which session there is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to listen.
    #[arg(long)]
    address: SocketAddr,
    /// The one `Cookie` header that is signed in.
    #[arg(long)]
    cookie: String,
}

/// Serves until it is killed.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let listener = listen(arguments.address)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let cookie = arguments.cookie.clone();
        spawn_local(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let known = request.headers().get(COOKIE).is_some_and(|sent| sent.as_bytes() == cookie.as_bytes());
                let mut answer = Response::new(Empty::<Bytes>::new());
                if known {
                    answer.headers_mut().insert("x-user", http::HeaderValue::from_static("alice"));
                } else {
                    *answer.status_mut() = StatusCode::UNAUTHORIZED;
                }
                async { Ok::<_, Infallible>(answer) }
            });
            // A proxy that closes its connection is no failure of the service.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}
