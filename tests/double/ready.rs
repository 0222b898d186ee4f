//! Waiting until a program listens.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time;

/// Longest that a program may take to start.
const DEADLINE: Duration = Duration::from_secs(30);

/// Returns once connections are accepted.
pub(crate) async fn listening(address: SocketAddr) {
    let accepted = async {
        let mut tick = time::interval(Duration::from_millis(20));
        while TcpStream::connect(address).await.is_err() {
            tick.tick().await;
        }
    };
    time::timeout(DEADLINE, accepted).await.unwrap_or_else(|_| panic!("nothing listens on {address}"));
}
