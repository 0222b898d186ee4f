//! What all connections of one double share.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;

use tokio_util::sync::CancellationToken;

use super::accounts::Accounts;
use super::faults::Faults;
use super::hostile::Hostile;
use super::observe::Observations;
use super::session::Hulk;
use super::session::SessionStore;
use super::switches::Switches;
use super::sync::lock;
use super::tokens::TokenBook;
use super::tools::Tools;
use super::transport::Moved;
use super::transport::tls::Tls;

/// The state of a running double.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) hostname: String,
    pub(super) ip: IpAddr,
    pub(super) accounts: Accounts,
    pub(super) tokens: TokenBook,
    /// root's access hash, as the file `/root/.accesshash` would have it without line breaks.
    pub(super) accesshash: String,
    pub(super) sessions: SessionStore,
    pub(super) hulk: Hulk,
    pub(super) faults: Faults,
    pub(super) hostile: Hostile,
    pub(super) tools: Tools,
    pub(super) tls: Tls,
    pub(super) log: Observations,
    /// Connections that are being served.
    pub(super) handlers: Arc<AtomicUsize>,
    /// The codes with which terminals were closed from the other side.
    pub(super) closes: Mutex<Vec<u16>>,
    /// Connections that were ever served.
    pub(super) connections: AtomicU64,
    pub(super) moved: Arc<Moved>,
    /// Ends everything.
    pub(super) stop: CancellationToken,
    pub(super) switches: Mutex<Arc<Switches>>,
}

impl Shared {
    /// The switches as they are now. A request keeps the ones with which it began.
    pub(super) fn switches(&self) -> Arc<Switches> {
        lock(&self.switches).clone()
    }
}
