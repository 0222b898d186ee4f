//! A way round: a TCP relay that can be slow, hold everything back, lead elsewhere or lead nowhere.
//!
//! It stands where in life a network, or the address that moves from one database to the next, stands.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::loopback::Loopback;

/// How it is on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Road {
    to: SocketAddr,
    delay: Duration,
    is_held: bool,
    /// Connections of an earlier count are cut.
    count: u64,
}

/// A running relay. It ends when dropped.
#[derive(Debug)]
pub struct Detour {
    place: Loopback,
    port: u16,
    road: Arc<watch::Sender<Road>>,
    accepting: JoinHandle<()>,
}

impl Detour {
    /// Listens on an address of its own, and leads to `to`, on the same port.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn to(to: SocketAddr) -> anyhow::Result<Self> {
        let place = Loopback::claim()?;
        let listener = TcpListener::bind(place.at(to.port())).await?;
        let road = Arc::new(watch::Sender::new(Road { to, delay: Duration::ZERO, is_held: false, count: 0 }));
        let leading = Arc::clone(&road);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(lead(stream, leading.subscribe()));
            }
        });
        Ok(Self { place, port: to.port(), road, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.place.at(self.port)
    }

    /// From now on, each piece takes so much longer, in both directions.
    pub fn delay(&self, delay: Duration) {
        self.road.send_modify(|road| road.delay = delay);
    }

    /// Holds everything back that is on its way, or lets it go on.
    pub fn hold(&self, is_held: bool) {
        self.road.send_modify(|road| road.is_held = is_held);
    }

    /// Cuts what is open; new connections lead there.
    pub fn lead_to(&self, to: SocketAddr) {
        self.road.send_modify(|road| *road = Road { to, count: road.count + 1, ..*road });
    }
}

impl Drop for Detour {
    fn drop(&mut self) {
        self.accepting.abort();
        // Connections end with the sender.
        self.road.send_modify(|road| road.count += 1);
    }
}

async fn lead(from: TcpStream, mut road: watch::Receiver<Road>) {
    let Road { to, count, .. } = *road.borrow();
    let Ok(there) = TcpStream::connect(to).await else { return };
    let ((from_read, from_write), (there_read, there_write)) = (from.into_split(), there.into_split());
    let (out, back) = (road.clone(), road.clone());
    let cut = async {
        // An error says that the relay is gone.
        drop(road.wait_for(|road| road.count != count).await);
    };
    tokio::select! {
        () = carry(from_read, there_write, out) => {}
        () = carry(there_read, from_write, back) => {}
        () = cut => {}
    }
}

/// Carries pieces on, each as the road is when it comes.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut road: watch::Receiver<Road>) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        let delay = road.borrow().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if road.wait_for(|road| !road.is_held).await.is_err() {
            return;
        }
        if to.write_all(piece.get(..read).unwrap_or_default()).await.is_err() {
            return;
        }
    }
}
