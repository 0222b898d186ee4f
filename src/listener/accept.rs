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
use rustls::ProtocolVersion;
use tokio::io::AsyncWriteExt as _;
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
use crate::listener::gathered::Gathered;
use crate::listener::http1::http1;
use crate::listener::limits::ListenerLimits;
use crate::listener::serve::Accepted;
use crate::listener::serve::http2;
use crate::listener::wire::Wire;
use crate::model::ClientAddr;
use crate::upstream::Body;

/// Everything that accepting needs beside the socket. One for all sockets, so that limits are common.
#[derive(Clone)]
pub struct Listener(Arc<Shared>);

struct Shared {
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
        Self(Arc::new(Shared {
            tls: tls.map(|config| TlsAcceptor::from(Arc::new(config))),
            front,
            strangers: Strangers::default(),
            limits,
            places: Arc::new(Semaphore::new(limits.connections)),
            crowd: Crowd::new(limits.connections_per_address),
            draining: CancellationToken::new(),
            connections: TaskTracker::new(),
        }))
    }

    /// Accepts on one socket until draining begins, and then whoever the kernel has let in already.
    pub async fn accept<S, F>(&self, socket: TcpListener, service: S)
    where
        S: Fn(Request<Incoming>, Accepted) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        loop {
            let accepted = tokio::select! {
                () = self.0.draining.cancelled() => break,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    // Taken afterwards: a socket to which nobody comes must not keep a place from the others.
                    // Who was let in at the very end gets it, if there is one.
                    let place = tokio::select! {
                        biased;
                        place = Arc::clone(&self.0.places).acquire_owned() => place,
                        () = self.0.draining.cancelled() => return,
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
            && let Ok(place) = Arc::clone(&self.0.places).try_acquire_owned()
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
        if !self.0.front.admits(address) {
            return self.0.strangers.refused(address);
        }
        let connection = self.clone().connection(stream, ClientAddr(address), service.clone(), place);
        self.0.connections.spawn(connection);
    }

    /// The connections that are open.
    pub fn open(&self) -> usize {
        self.0.connections.len()
    }

    /// Stops accepting: those who accept end. Connections end after the request that is under way.
    pub fn stop(&self) {
        self.0.draining.cancel();
    }

    /// Stops accepting, lets open requests end within `deadline`, then drops what is left.
    pub async fn drain(&self, deadline: Duration) {
        self.stop();
        self.0.connections.close();
        if tokio::time::timeout(deadline, self.0.connections.wait()).await.is_err() {
            tracing::warn!(open = self.0.connections.len(), "connections were still open at the end of draining");
        }
    }

    /// A connection from its first byte to its last. What takes its turn and is large is boxed, so that an idle
    /// connection has none of it.
    async fn connection<S, F>(self, stream: TcpStream, far: ClientAddr, service: S, _place: OwnedSemaphorePermit)
    where
        S: Fn(Request<Incoming>, Accepted) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let (_counted, accepted) = match &self.0.front {
            Front::Nobody => match self.place(far) {
                Some(counted) => (Some(counted), Accepted::new(far)),
                None => return,
            },
            // The balancer's connections are of many people: each of their requests takes a place.
            Front::Forwarding(_) => (None, Accepted { crowd: Some(self.0.crowd.clone()), ..Accepted::new(far) }),
            Front::Proxying(_) => {
                let proxied = Box::pin(tokio::time::timeout(self.0.limits.tls_handshake, front::proxied(stream)));
                let (stream, client) = match proxied.await {
                    Ok(Ok((stream, client))) => (Box::new(stream), client),
                    Ok(Err(error)) => return tracing::debug!(%error, balancer = %far, "no usable PROXY header"),
                    Err(_) => return tracing::debug!(balancer = %far, "the PROXY header took too long"),
                };
                let Some(_counted) = self.place(client) else { return };
                return self.secured(stream, Accepted::new(client), service).await;
            }
        };
        self.secured(stream, accepted, service).await;
    }

    fn place(&self, client: ClientAddr) -> Option<Counted> {
        let counted = self.0.crowd.enter(client);
        if counted.is_none() {
            tracing::debug!(%client, "the address has too many connections");
        }
        counted
    }

    async fn secured<I, S, F>(&self, stream: I, accepted: Accepted, service: S)
    where
        I: Wire,
        S: Fn(Request<Incoming>, Accepted) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let Shared { limits, draining, .. } = &*self.0;
        let Some(acceptor) = &self.0.tls else {
            return http1(stream, accepted, service, limits, draining.clone()).await;
        };
        let client = accepted.client;
        let accepting = acceptor.accept(Gathered::new(stream)).into_fallible();
        let handshake = Box::pin(tokio::time::timeout(limits.tls_handshake, accepting));
        let mut tls = match handshake.await {
            Ok(Ok(tls)) => Box::new(tls),
            Ok(Err((error, mut stream))) => {
                // The alert that says why may still be held.
                drop(stream.shutdown().now_or_never());
                return tracing::debug!(%error, %client, "TLS handshake failed");
            }
            Err(_) => return tracing::debug!(%client, "TLS handshake took too long"),
        };
        let (stream, session) = tls.get_mut();
        // In earlier versions the last word is the server's.
        stream.shaken(session.protocol_version() == Some(ProtocolVersion::TLSv1_3));
        let is_http2 = session.alpn_protocol() == Some(b"h2");
        // What a balancer brings over one connection may be for many of our names.
        let server_name = session.server_name().filter(|_| accepted.crowd.is_none()).map(Into::into);
        let accepted = Accepted { server_name, ..accepted };
        if is_http2 {
            Box::pin(http2(tls, accepted, service, limits, draining.clone())).await;
        } else {
            http1(tls, accepted, service, limits, draining.clone()).await;
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use hyper::body::Incoming;

    use super::*;

    fn size<A, F: Future>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_a_connection_is_small() {
        let service = |_: Request<Incoming>, _: Accepted| std::future::pending::<Response<Body>>();
        let size = size(|(listener, stream, far, place): (Listener, _, _, _)| {
            listener.connection(stream, far, service, place)
        });
        assert!(size <= 1536, "{size} bytes");
    }
}
