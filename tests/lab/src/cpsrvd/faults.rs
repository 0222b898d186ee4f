//! Faults on demand: what a loaded, restarting or broken server does.

use std::sync::Mutex;
use std::time::Duration;

use super::answer::Answer;
use super::answer::Delivery;
use super::api;
use super::cue::Cue;
use super::exchange::split_token;
use super::pages;
use super::random;
use super::sync::lock;

/// Something that goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset instead of an answer. The request is not carried out.
    Reset,
    /// The request is carried out; half of the answer's body comes, then a reset.
    ResetMidBody,
    /// 500 with an HTML page. The request is not carried out.
    ServerError,
    /// Nothing happens for a while, then the request is carried out.
    Stall(Duration),
    /// Nothing happens, and nothing of the body is read, until the cue. Then the request is carried out.
    Hold(Cue),
    /// The request is carried out, but the answer comes late.
    LateAnswer(Duration),
    /// The answer's body comes byte by byte, with this pause after each.
    Trickle(Duration),
    /// Bytes that are no HTTP, then a reset.
    Garbage,
    /// These bytes for an answer. The connection stays open, and more may come on it.
    Wire(Vec<u8>),
    /// These bytes for an answer, then the end of the connection.
    WireThenEnd(Vec<u8>),
    /// These bytes for an answer, and nothing of the body is read; the connection stays.
    WireUnread(Vec<u8>),
    /// 200 with an HTML page, whatever was asked for.
    Html,
    /// 200 with `result: 0` and this reason.
    ResultZero(String),
    /// The answer to bad credentials.
    Forbidden,
}

/// Something that goes wrong before a request can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFault {
    /// The connection is accepted and reset.
    Reset,
    /// The TLS handshake starts late.
    SlowHandshake(Duration),
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub struct Faults {
    requests: Mutex<Vec<Planned>>,
    connects: Mutex<Vec<ConnectFault>>,
}

#[derive(Debug)]
struct Planned {
    prefix: String,
    left: u32,
    fault: Fault,
}

/// A fault in the terms of the transport.
#[derive(Debug)]
pub(super) enum Injected {
    /// These bytes, then a reset.
    Bytes(Vec<u8>),
    /// These bytes, and then the end of the connection or not.
    Wire(Vec<u8>, bool),
    /// These bytes, and no more reading.
    Unread(Vec<u8>),
    /// A cue that is waited for before the request is carried out.
    Hold(Cue),
    /// This answer instead of the server's own.
    Answer(Box<Answer>),
    /// A wait before the request is carried out.
    Before(Duration),
    /// The server's own answer, brought badly.
    Delivered(Delivery),
}

impl Faults {
    /// Lets the next `times` requests fail whose path, without its security token, starts with `prefix`.
    pub fn inject(&self, prefix: &str, times: u32, fault: Fault) {
        lock(&self.requests).push(Planned { prefix: prefix.to_owned(), left: times, fault });
    }

    /// Lets the next `times` connections fail.
    pub fn on_connect(&self, times: usize, fault: ConnectFault) {
        lock(&self.connects).extend(std::iter::repeat_n(fault, times));
    }

    /// Forgets what is still to come.
    pub fn clear(&self) {
        lock(&self.requests).clear();
        lock(&self.connects).clear();
    }

    /// The number of faults that are still to come.
    pub fn pending(&self) -> usize {
        let requests: u32 = lock(&self.requests).iter().map(|planned| planned.left).sum();
        lock(&self.connects).len() + requests as usize
    }

    pub(super) fn at_connect(&self) -> Option<ConnectFault> {
        let mut connects = lock(&self.connects);
        (!connects.is_empty()).then(|| connects.remove(0))
    }

    pub(super) fn for_target(&self, target: &str) -> Option<Injected> {
        let (_, path, _) = split_token(target);
        let mut planned = lock(&self.requests);
        let next = planned.iter_mut().find(|planned| planned.left > 0 && path.starts_with(&planned.prefix))?;
        next.left -= 1;
        let fault = next.fault.clone();
        planned.retain(|planned| planned.left > 0);
        Some(fault.into())
    }
}

impl From<Fault> for Injected {
    fn from(fault: Fault) -> Self {
        let answer = |answer: Answer| Self::Answer(Box::new(answer.closing()));
        match fault {
            Fault::Reset => Self::Bytes(Vec::new()),
            Fault::Garbage => Self::Bytes(random::hex(512).into_bytes()),
            Fault::Wire(bytes) => Self::Wire(bytes, false),
            Fault::WireThenEnd(bytes) => Self::Wire(bytes, true),
            Fault::WireUnread(bytes) => Self::Unread(bytes),
            Fault::Hold(cue) => Self::Hold(cue),
            Fault::Stall(delay) => Self::Before(delay),
            Fault::LateAnswer(delay) => Self::Delivered(Delivery::Late(delay)),
            Fault::Trickle(pace) => Self::Delivered(Delivery::Slow(pace)),
            Fault::ResetMidBody => Self::Delivered(Delivery::Half),
            Fault::ServerError => answer(Answer::page(500, "Internal Server Error", pages::trouble())),
            Fault::Html => answer(Answer::page(200, "OK", pages::trouble())),
            Fault::ResultZero(reason) => answer(Answer::json(&api::envelope::failure("fault", &reason))),
            Fault::Forbidden => answer(api::denied()),
        }
    }
}
