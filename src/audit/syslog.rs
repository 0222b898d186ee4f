//! Syslog (RFC 5424): over a local socket, UDP (RFC 5426) or TCP with octet counting (RFC 6587).

use std::io;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::net::ToSocketAddrs as _;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::model::SyslogTarget;
use crate::model::Timestamp;

/// Facility 10, `authpriv` (RFC 5424 section 6.2.1), severity 5, notice.
const PRIORITY: u8 = 10 * 8 + 5;

/// How long connecting or sending may take. The acts that wait for it wait as long.
const PATIENCE: Duration = Duration::from_secs(2);

/// A way to syslog, made anew when it breaks.
#[derive(Debug)]
pub(super) struct Syslog {
    target: SyslogTarget,
    host: String,
    way: Option<Way>,
}

#[derive(Debug)]
enum Way {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Syslog {
    pub(super) fn new(target: SyslogTarget, host: &str) -> Self {
        Self { target, host: host.to_owned(), way: None }
    }

    /// Sends records, each with its time and kind. A way that is broken is made anew, once.
    pub(super) fn send(&mut self, records: &[(Timestamp, &str, &[u8])]) -> io::Result<()> {
        let messages: Vec<Vec<u8>> = records.iter().map(|(time, kind, json)| self.message(*time, kind, json)).collect();
        if let Some(way) = &mut self.way {
            if way.send(&messages).is_ok() {
                return Ok(());
            }
            self.way = None;
        }
        let mut way = Way::to(&self.target)?;
        way.send(&messages)?;
        self.way = Some(way);
        Ok(())
    }

    fn message(&self, time: Timestamp, kind: &str, json: &[u8]) -> Vec<u8> {
        let process = std::process::id();
        let mut message = format!("<{PRIORITY}>1 {time} {} panelgate {process} {kind} - ", self.host).into_bytes();
        message.extend_from_slice(json);
        message
    }
}

/// Whether syslog can be reached: for UDP, whether there is a way there at all.
///
/// Blocks for as long as connecting may take.
pub fn reach(target: &SyslogTarget) -> io::Result<()> {
    Way::to(target).map(drop)
}

impl Way {
    fn to(target: &SyslogTarget) -> io::Result<Self> {
        match target {
            SyslogTarget::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                Ok(Self::Unix(socket))
            }
            SyslogTarget::Udp(address) => {
                let far = resolve(address)?;
                let near: SocketAddr = if far.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
                let socket = UdpSocket::bind(near)?;
                socket.connect(far)?;
                Ok(Self::Udp(socket))
            }
            SyslogTarget::Tcp(address) => {
                let stream = TcpStream::connect_timeout(&resolve(address)?, PATIENCE)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Self::Tcp(stream))
            }
        }
    }

    fn send(&mut self, messages: &[Vec<u8>]) -> io::Result<()> {
        for message in messages {
            match self {
                Self::Unix(socket) => drop(socket.send(message)?),
                Self::Udp(socket) => drop(socket.send(message)?),
                Self::Tcp(stream) => {
                    stream.write_all(format!("{} ", message.len()).as_bytes())?;
                    stream.write_all(message)?;
                }
            }
        }
        Ok(())
    }
}

fn resolve(address: &str) -> io::Result<SocketAddr> {
    address.to_socket_addrs()?.next().ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}
