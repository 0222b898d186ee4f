//! Listening on the six ports, and refusing to.

use std::io::Error;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::io::Io;
use super::serve;
use super::serve::Peer;
use crate::cpsrvd::faults::ConnectFault;
use crate::cpsrvd::service::Endpoint;
use crate::cpsrvd::shared::Shared;

/// The listening sockets of one double. Closed when dropped.
#[derive(Debug)]
pub(crate) struct Listeners {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Listeners {
    /// Binds all six ports and serves them.
    pub(crate) async fn open(shared: &Arc<Shared>) -> Result<Self, Error> {
        let mut sockets = Vec::new();
        for endpoint in Endpoint::all() {
            sockets.push((endpoint, TcpListener::bind((shared.ip, endpoint.port())).await?));
        }
        let listeners = Self { stop: CancellationToken::new(), tasks: TaskTracker::new() };
        for (endpoint, socket) in sockets {
            listeners.tasks.spawn(listen(shared.clone(), endpoint, socket, listeners.stop.clone()));
        }
        listeners.tasks.close();
        Ok(listeners)
    }

    /// Closes the ports. Connections that are being served go on.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn listen(shared: Arc<Shared>, endpoint: Endpoint, socket: TcpListener, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((tcp, address)) => {
                let shared = shared.clone();
                tokio::spawn(async move {
                    let stop = shared.stop.clone();
                    tokio::select! {
                        () = stop.cancelled() => {}
                        outcome = meet(shared, endpoint, tcp, address) => {
                            if let Err(error) = outcome {
                                tracing::debug!(%address, %error, "connection ended early");
                            }
                        }
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                // Out of file descriptors, most likely: trying again at once would only burn time.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

async fn meet(shared: Arc<Shared>, endpoint: Endpoint, tcp: TcpStream, address: SocketAddr) -> anyhow::Result<()> {
    tcp.set_nodelay(true)?;
    let switches = shared.switches();
    let Some(_handler) = Handler::take(&shared.handlers, switches.handler_cap) else {
        shared.log.error(&format!("{} handlers are busy", switches.handler_cap));
        tokio::time::sleep(switches.overload_stall).await;
        return Ok(());
    };
    match shared.faults.at_connect() {
        Some(ConnectFault::Reset) => {
            tcp.set_zero_linger()?;
            return Ok(());
        }
        Some(ConnectFault::SlowHandshake(delay)) => tokio::time::sleep(delay).await,
        None => {}
    }
    let number = shared.connections.fetch_add(1, Ordering::Relaxed);
    let peer =
        |ip: IpAddr, sni| Peer { address: SocketAddr::new(ip, address.port()), endpoint, connection: number, sni };
    if endpoint.tls {
        let handshake = shared.tls.acceptor(&switches)?.accept(tcp);
        let tls = tokio::time::timeout(switches.keep_alive_idle, handshake).await??;
        let sni = tls.get_ref().1.server_name().map(str::to_owned);
        serve::serve(shared, Io::Tls(Box::new(tls)), peer(address.ip(), sni)).await?;
    } else {
        serve::serve(shared, Io::Plain(tcp), peer(address.ip(), None)).await?;
    }
    Ok(())
}

/// One of the counted handlers.
struct Handler(Arc<AtomicUsize>);

impl Handler {
    fn take(busy: &Arc<AtomicUsize>, cap: usize) -> Option<Self> {
        busy.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| (n < cap).then_some(n + 1)).ok()?;
        Some(Self(busy.clone()))
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
