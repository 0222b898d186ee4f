//! Which process listens on an address, as Linux tells it in `/proc`.

use std::fs;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A socket that listens (`TCP_LISTEN` in `/proc/net/tcp`).
const LISTENS: &str = "0A";

/// The process that holds an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// Its number.
    pub(super) pid: u32,
    /// Its name, as the kernel has it.
    pub(super) name: String,
}

impl Holder {
    /// Who listens on this address; nothing if that cannot be seen.
    pub(super) fn of(address: SocketAddr) -> Option<Self> {
        let inode = inode(address)?;
        let socket = format!("socket:[{inode}]");
        let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let pid = processes.into_iter().find(|pid| holds(*pid, &socket))?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(Self { pid, name: name.trim().to_owned() })
    }

    /// Whether it is a gateway, or the service manager that holds a gateway's sockets.
    pub(super) fn is_ours(&self) -> bool {
        self.is_gateway() || self.name == "systemd"
    }

    /// Whether it is a gateway.
    pub(super) fn is_gateway(&self) -> bool {
        self.name == env!("CARGO_PKG_NAME")
    }

    /// How many files it may have open.
    pub(super) fn open_files(&self) -> Option<u64> {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.pid)).ok()?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

fn holds(pid: u32, socket: &str) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    links.any(|link: PathBuf| link.as_os_str() == socket)
}

/// The inode of the socket that listens there, or on the same port of every address.
fn inode(address: SocketAddr) -> Option<u64> {
    ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().find_map(|table| {
        let text = fs::read_to_string(table).ok()?;
        text.lines().skip(1).find_map(|line| listening(line, address))
    })
}

fn listening(line: &str, wanted: SocketAddr) -> Option<u64> {
    let mut cells = line.split_whitespace();
    let (place, state, inode) = (cells.nth(1)?, cells.nth(1)?, cells.nth(5)?);
    let (ip, port) = place.split_once(':')?;
    let (ip, port) = (ip_of(ip)?, u16::from_str_radix(port, 16).ok()?);
    let is_there = port == wanted.port() && (ip == wanted.ip() || ip.is_unspecified() || wanted.ip().is_unspecified());
    (state == LISTENS && is_there).then(|| inode.parse().ok())?
}

/// An address as the kernel prints it: words of 32 bits, each in the machine's own order.
fn ip_of(text: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let bytes = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_is_found() {
        for ip in ["127.0.0.1", "::1"] {
            let Ok(listener) = TcpListener::bind((ip, 0)) else { continue };
            let address = listener.local_addr().unwrap();
            let holder = Holder::of(address).unwrap();
            assert_eq!(holder.pid, std::process::id(), "{address}");
            assert!(holder.open_files().is_some());
            drop(listener);
            assert_eq!(Holder::of(address), None);
        }
    }
}
