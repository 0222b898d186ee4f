//! What the double saw: requests as received, the access log, the session log, the error log.
//!
//! The line formats follow "The cPanel Log Files" of the vendor's documentation.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Mutex;

use serde::Serialize;
use tokio::sync::watch;

use super::answer::Logged;
use super::dates::Date;
use super::service::Service;
use super::switches::Switches;
use super::sync::lock;
use super::transport::Peer;
use super::transport::Request;

/// Requests and lines beyond this number push out the oldest.
const KEPT: usize = 20_000;

/// Bytes of a request's body that are kept.
const KEPT_BODY: usize = 64 * 1024;

/// A request as it was received.
#[derive(Clone, Debug, Serialize)]
pub struct RecordedRequest {
    /// Counts the requests of this double.
    pub number: u64,
    /// Counts the connections of this double.
    pub connection: u64,
    /// The far end of the TCP connection.
    pub peer: SocketAddr,
    /// The port on which it came.
    pub port: u16,
    /// The service of that port.
    pub service: Service,
    /// The server name of the TLS handshake.
    pub sni: Option<String>,
    /// The method.
    pub method: String,
    /// The request target, untouched.
    pub target: String,
    /// The fields in the order and spelling in which they came.
    pub headers: Vec<(String, String)>,
    /// Bytes of the body that were read, without their framing.
    pub body_length: u64,
    /// The first 64 KiB of the body, invalid UTF-8 replaced. Uploads are counted only.
    pub body: String,
    /// The status it was answered with; none while it is being answered or when it was cut off.
    pub status: Option<u16>,
}

impl RecordedRequest {
    /// The first field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path without its security token and query.
    pub fn path(&self) -> &str {
        super::exchange::split_token(&self.target).1
    }

    /// The names of all forwarding fields, which a gateway must not send.
    pub fn forwarding_headers(&self) -> Vec<&str> {
        let forwarding = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.starts_with("x-forwarded-")
                || name.starts_with("cf-")
                || ["forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "via", "proxy"].contains(&&*name)
        };
        self.headers.iter().map(|(name, _)| name.as_str()).filter(|name| forwarding(name)).collect()
    }
}

/// The number of a recorded request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry(u64);

/// Everything that was seen.
#[derive(Debug)]
pub(super) struct Observations {
    seen: Mutex<Seen>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Seen {
    next: u64,
    requests: VecDeque<RecordedRequest>,
    access: VecDeque<String>,
    session: VecDeque<String>,
    error: VecDeque<String>,
}

impl Observations {
    pub(super) fn new() -> Self {
        Self { seen: Mutex::default(), changed: watch::Sender::new(0) }
    }

    /// Records a head.
    pub(super) fn request(&self, peer: &Peer, request: &Request, switches: &Switches) -> Entry {
        self.change(|seen| {
            let number = seen.next;
            seen.next += 1;
            if switches.record_requests {
                let recorded = RecordedRequest {
                    number,
                    connection: peer.connection,
                    peer: peer.address,
                    port: peer.endpoint.port(),
                    service: peer.endpoint.service,
                    sni: peer.sni.clone(),
                    method: request.method.clone(),
                    target: request.target.clone(),
                    headers: request.headers.clone(),
                    body_length: 0,
                    body: String::new(),
                    status: None,
                };
                keep(&mut seen.requests, recorded);
            }
            Entry(number)
        })
    }

    /// Records how much of the body was read.
    pub(super) fn body(&self, entry: Entry, length: u64, body: &[u8]) {
        self.change(|seen| {
            if let Some(recorded) = seen.find(entry) {
                recorded.body_length = length;
                let kept = body.get(..KEPT_BODY).unwrap_or(body);
                recorded.body = String::from_utf8_lossy(kept).into_owned();
            }
        });
    }

    /// Records the answer, and writes the access log:
    /// `IP - USER [DATE] "REQUEST" STATUS SIZE "REFERER" "UA" "s|a|b|o" "XFF" PORT`.
    pub(super) fn access(
        &self,
        entry: Entry,
        (peer, request): (&Peer, &Request),
        logged: &Logged,
        (status, size): (u16, u64),
        switches: &Switches,
    ) {
        let quoted = |name| request.header(name).unwrap_or("-").replace('"', "\\\"");
        let line = format!(
            "{} - {} [{}] \"{}\" {status} {size} \"{}\" \"{}\" \"{}\" \"{}\" {}",
            peer.address.ip(),
            logged.user,
            Date::now().access_log(),
            request.line(),
            quoted("Referer"),
            quoted("User-Agent"),
            logged.method,
            quoted("X-Forwarded-For"),
            peer.endpoint.port(),
        );
        self.change(|seen| {
            if let Some(recorded) = seen.find(entry) {
                recorded.status = Some(status);
            }
            if switches.write_logs {
                keep(&mut seen.access, line);
            }
        });
    }

    /// Writes a line of the session log, for example what follows `IP` in
    /// `[DATE] info [cpsrvd] IP NEW root:RAND address=IP,app=whostmgrd,…`.
    pub(super) fn session(&self, address: IpAddr, event: &str, switches: &Switches) {
        if switches.write_logs {
            let line = format!("[{}] info [cpsrvd] {address} {event}", Date::now().session_log());
            self.change(|seen| keep(&mut seen.session, line));
        }
    }

    /// Writes a line of the error log.
    pub(super) fn error(&self, what: &str) {
        let line = format!("[{}] warn [cpsrvd] {what}", Date::now().session_log());
        self.change(|seen| keep(&mut seen.error, line));
    }

    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.seen).requests.iter().cloned().collect()
    }

    pub(super) fn access_log(&self) -> Vec<String> {
        lock(&self.seen).access.iter().cloned().collect()
    }

    pub(super) fn session_log(&self) -> Vec<String> {
        lock(&self.seen).session.iter().cloned().collect()
    }

    pub(super) fn error_log(&self) -> Vec<String> {
        lock(&self.seen).error.iter().cloned().collect()
    }

    /// Forgets requests and lines.
    pub(super) fn clear(&self) {
        self.change(|seen| *seen = Seen { next: seen.next, ..Seen::default() });
    }

    /// Tells of every change.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        let result = change(&mut lock(&self.seen));
        self.changed.send_modify(|count| *count += 1);
        result
    }
}

impl Seen {
    fn find(&mut self, Entry(number): Entry) -> Option<&mut RecordedRequest> {
        self.requests.iter_mut().rev().find(|recorded| recorded.number == number)
    }
}

fn keep<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() >= KEPT {
        list.pop_front();
    }
    list.push_back(item);
}
