//! An own loopback address per part.
//!
//! The doubles and the gateway listen on the ports that they have in life (2087, 443, …), because
//! cPanel's front-end recognises itself by its port. Tests run side by side, so each part takes an
//! address of its own out of 127.0.0.0/8 and keeps it for as long as the [`Loopback`] lives.

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

/// The port whose binding marks an address as taken. Nothing in the lab serves on it.
const CLAIM_PORT: u16 = 9;

/// How many addresses are tried before giving up.
const TRIES: u32 = 4096;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A loopback address that nobody else in the lab uses while this value lives.
#[derive(Debug)]
pub struct Loopback {
    address: Ipv4Addr,
    _claim: TcpListener,
}

impl Loopback {
    /// Claims a free address.
    ///
    /// # Errors
    /// When none of the tried addresses could be claimed, with the last reason.
    pub fn claim() -> io::Result<Self> {
        // Processes start at different places, so that they seldom try the same address.
        let start = std::process::id().wrapping_mul(251);
        let mut last = io::Error::other("no loopback address was tried");
        for _ in 0..TRIES {
            let n = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
            let [_, b, c, d] = n.to_be_bytes();
            // 127.64.0.0 to 127.127.255.254: away from the addresses that other software likes.
            let address = Ipv4Addr::new(127, 64 | (b & 63), c, d.clamp(1, 254));
            match TcpListener::bind((address, CLAIM_PORT)) {
                Ok(claim) => return Ok(Self { address, _claim: claim }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The address.
    pub fn ip(&self) -> IpAddr {
        IpAddr::V4(self.address)
    }

    /// The address with a port.
    pub fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip(), port)
    }
}

/// A port of 127.0.0.1 that is free now, for what must be found under a name below `localhost`.
///
/// It lies below the ports that the kernel gives to outgoing connections, so that none of those takes it
/// while nobody listens on it for a moment.
///
/// # Errors
/// When none of the tried ports was free, with the last reason.
pub fn localhost_port() -> io::Result<u16> {
    let start = std::process::id().wrapping_mul(251);
    let mut last = io::Error::other("no port was tried");
    for _ in 0..TRIES {
        let n = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(20_000 + n % 12_000).unwrap_or(20_000);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_claims_differ() {
        let (one, two) = (Loopback::claim().unwrap(), Loopback::claim().unwrap());
        assert_ne!(one.ip(), two.ip());
    }
}
