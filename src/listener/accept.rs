//! Accepting connections, a bounded number of them.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::Request;
use http::Response;
use hyper::body::Incoming;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::listener::crowd::Counted;
use crate::listener::crowd::Crowd;
use crate::listener::front;
use crate::listener::front::Front;
use crate::listener::front::Strangers;
use crate::listener::limits::ListenerLimits;
use crate::listener::serve;
use crate::listener::serve::Accepted;
use crate::model::ClientAddr;
use crate::upstream::Body;

/// Everything that accepting needs beside the socket. One for all sockets, so that limits are common.
#[derive(Clone)]
pub struct Listener {
    tls: Option<TlsAcceptor>,
    front: Front,
    strangers: Strangers,
    limits: ListenerLimits,
    places: Arc<Semaphore>,
    crowd: Crowd,
    draining: CancellationToken,
    connections: TaskTracker,
}

impl Listener {
    /// With TLS, or (on localhost, and from a balancer that ends it) without.
    pub fn new(tls: Option<rustls::ServerConfig>, front: Front, limits: ListenerLimits) -> Self {
        Self {
            tls: tls.map(|config| TlsAcceptor::from(Arc::new(config))),
            front,
            strangers: Strangers::default(),
            limits,
            places: Arc::new(Semaphore::new(limits.connections)),
            crowd: Crowd::new(limits.connections_per_address),
            draining: CancellationToken::new(),
            connections: TaskTracker::new(),
        }
    }

    /// Accepts on one socket until draining begins, and then whoever the kernel has let in already.
    pub async fn accept<S, F>(&self, socket: TcpListener, service: S)
    where
        S: Fn(Request<Incoming>, Accepted) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        loop {
            let accepted = tokio::select! {
                () = self.draining.cancelled() => break,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    // Taken afterwards: a socket to which nobody comes must not keep a place from the others.
                    let place = tokio::select! {
                        () = self.draining.cancelled() => return,
                        place = Arc::clone(&self.places).acquire_owned() => place,
                    };
                    let Ok(place) = place else { return };
                    self.begin(stream, address, place, &service);
                }
                Err(error) => {
                    // Out of file descriptors, most likely: give others time to close theirs.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        // For these the handshake is done: to close the socket over them would be to refuse them.
        while let Some(Ok((stream, address))) = socket.accept().now_or_never()
            && let Ok(place) = Arc::clone(&self.places).try_acquire_owned()
        {
            self.begin(stream, address, place, &service);
        }
    }

    /// Serves a connection in a task of its own.
    fn begin<S, F>(&self, stream: TcpStream, address: SocketAddr, place: OwnedSemaphorePermit, service: &S)
    where
        S: Fn(Request<Incoming>, Accepted) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        if !self.front.admits(address) {
            return self.strangers.refused(address);
        }
        let connection = self.clone().connection(stream, ClientAddr(address), service.clone());
        self.connections.spawn(async move {
            connection.await;
            drop(place);
        });
    }

    /// The connections that are open.
    pub fn open(&self) -> usize {
        self.connections.len()
    }

    /// Stops accepting: those who accept end. Connections end after the request that is under way.
    pub fn stop(&self) {
        self.draining.cancel();
    }

    /// Stops accepting, lets open requests end within `deadline`, then drops what is left.
    pub async fn drain(&self, deadline: Duration) {
        self.stop();
        self.connections.close();
        if tokio::time::timeout(deadline, self.connections.wait()).await.is_err() {
            tracing::warn!(open = self.connections.len(), "connections were still open at the end of draining");
        }
    }

    async fn connection<S, F>(self, stream: TcpStream, far: ClientAddr, service: S)
    where
        S: Fn(Request<Incoming>, Accepted) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        match &self.front {
            Front::Nobody => {
                let Some(counted) = self.place(far) else { return };
                self.secured(stream, Accepted::new(far), service).await;
                drop(counted);
            }
            // The balancer's connections are of many people: each of their requests takes a place.
            Front::Forwarding(_) => {
                let accepted = Accepted { crowd: Some(self.crowd.clone()), ..Accepted::new(far) };
                self.secured(stream, accepted, service).await;
            }
            Front::Proxying(_) => {
                let (stream, client) =
                    match tokio::time::timeout(self.limits.tls_handshake, front::proxied(stream)).await {
                        Ok(Ok(proxied)) => proxied,
                        Ok(Err(error)) => return tracing::debug!(%error, balancer = %far, "no usable PROXY header"),
                        Err(_) => return tracing::debug!(balancer = %far, "the PROXY header took too long"),
                    };
                let Some(counted) = self.place(client) else { return };
                self.secured(stream, Accepted::new(client), service).await;
                drop(counted);
            }
        }
    }

    fn place(&self, client: ClientAddr) -> Option<Counted> {
        let counted = self.crowd.enter(client);
        if counted.is_none() {
            tracing::debug!(%client, "the address has too many connections");
        }
        counted
    }

    async fn secured<I, S, F>(self, stream: I, accepted: Accepted, service: S)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Fn(Request<Incoming>, Accepted) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let Some(acceptor) = &self.tls else {
            return serve::http1(stream, accepted, service, self.limits, self.draining).await;
        };
        let client = accepted.client;
        let tls = match tokio::time::timeout(self.limits.tls_handshake, acceptor.accept(stream)).await {
            Ok(Ok(tls)) => tls,
            Ok(Err(error)) => return tracing::debug!(%error, %client, "TLS handshake failed"),
            Err(_) => return tracing::debug!(%client, "TLS handshake took too long"),
        };
        let (_, session) = tls.get_ref();
        let http2 = session.alpn_protocol() == Some(b"h2");
        // What a balancer brings over one connection may be for many of our names.
        let server_name = session.server_name().filter(|_| accepted.crowd.is_none()).map(Into::into);
        let accepted = Accepted { server_name, ..accepted };
        if http2 {
            serve::http2(tls, accepted, service, self.limits, self.draining).await;
        } else {
            serve::http1(tls, accepted, service, self.limits, self.draining).await;
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("limits", &self.limits).finish_non_exhaustive()
    }
}
