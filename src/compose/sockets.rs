//! The sockets: those that were handed over at the start, and for the rest, bound ones.
//!
//! Who hands sockets over (systemd's socket activation, `sd_listen_fds(3)`) keeps them open while one process
//! ends and the next begins, so that nobody is refused in between. Each handed-over socket has to be one of
//! those that the configuration asks for: one that nobody serves would take connections and never answer.

use std::fmt;
use std::net::SocketAddr;

use listenfd::ListenFd;
use tokio::net::TcpListener;

use crate::compose::StartError;
use crate::config::Config;
use crate::config::PanelStyle as ConfiguredStyle;
use crate::listener;
use crate::model::Service;

/// The sockets of a gateway.
#[derive(Debug)]
pub(super) struct Sockets {
    /// For the console and the panels.
    pub(super) people: Vec<TcpListener>,
    /// For plain HTTP that is sent on to HTTPS.
    pub(super) redirect: Vec<TcpListener>,
    /// For probes and collectors.
    pub(super) operations: Option<TcpListener>,
}

/// The sockets that whoever started the process hands over.
pub struct HandedOver(ListenFd);

impl fmt::Debug for HandedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} handed-over descriptors", self.0.len())
    }
}

impl HandedOver {
    /// Takes them, and the variables that tell of them, out of the environment. Other threads may read that at any
    /// time, so this comes before the first of them begins.
    pub fn take() -> Self {
        Self(ListenFd::from_env())
    }

    /// None, whatever the environment says.
    pub fn none() -> Self {
        Self(ListenFd::empty())
    }
}

impl Sockets {
    /// Takes what was handed over and binds the rest.
    pub(super) fn open(config: &Config, handed: HandedOver) -> Result<Self, StartError> {
        let mut given = with_addresses(handed)?;
        let mut open = |address: SocketAddr| match given.iter().position(|(at, _)| *at == address) {
            Some(place) => Ok(given.swap_remove(place).1),
            None => listener::bind(address).map_err(StartError::Bind),
        };
        // The console's comes last of all: whoever gets through to it gets through everywhere.
        let operations = config.operations.map(&mut open).transpose()?;
        let redirect = redirect(config).into_iter().map(&mut open).collect::<Result<_, _>>()?;
        let people = people(config).into_iter().map(open).collect::<Result<_, _>>()?;
        let sockets = Self { people, redirect, operations };
        match given.first() {
            Some((address, _)) => Err(StartError::Unasked(*address)),
            None => Ok(sockets),
        }
    }
}

fn with_addresses(HandedOver(mut found): HandedOver) -> Result<Vec<(SocketAddr, TcpListener)>, StartError> {
    let mut given = Vec::new();
    for place in 0..found.len() {
        let socket = found.take_tcp_listener(place).map_err(StartError::HandedOver)?;
        let Some(socket) = socket else { continue };
        socket.set_nonblocking(true).map_err(StartError::HandedOver)?;
        let socket = TcpListener::from_std(socket).map_err(StartError::HandedOver)?;
        given.push((socket.local_addr().map_err(StartError::HandedOver)?, socket));
    }
    Ok(given)
}

/// Every address that a gateway of this configuration listens on.
pub fn addresses(config: &Config) -> Vec<SocketAddr> {
    people(config).into_iter().chain(redirect(config)).chain(config.operations).collect()
}

/// In the `ports` style the ports of the services, and the console's, on every address.
fn people(config: &Config) -> Vec<SocketAddr> {
    let services = Service::ALL.map(Service::port).into_iter().filter(|_| config.panels == ConfiguredStyle::Ports);
    let ports = services.chain([config.listen.console_port]);
    let on = |port| config.listen.addresses.iter().map(move |ip| SocketAddr::new(*ip, port));
    ports.flat_map(on).collect()
}

fn redirect(config: &Config) -> Vec<SocketAddr> {
    let ports = config.listen.redirect_port.into_iter();
    let addresses = &config.listen.addresses;
    ports.flat_map(|port| addresses.iter().map(move |ip| SocketAddr::new(*ip, port))).collect()
}
