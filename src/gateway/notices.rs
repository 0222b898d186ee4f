//! What the console is told about what happens behind its frame, while it happens.
//!
//! The console cannot look into the frame, and there a request can fail whose answer nobody reads: the page
//! stays as it is, with what was typed in it, and the console around it says what happened. Its open pages
//! listen to a stream of server-sent events (HTML standard, "Server-sent events"); nothing is kept for later.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::console::Problem;
use crate::gateway::failure::Failure;
use crate::gateway::words;
use crate::model::ReferenceId;
use crate::session::EntryPlace;
use crate::session::Session;
use crate::session::SessionId;
use crate::upstream::Body;
use crate::upstream::BoxError;
use crate::upstream::streamed;

/// Notices that a slow listener may be behind; older ones are dropped.
const BEHIND: usize = 8;

/// A sign of life for whatever stands between, and a way to notice that nobody listens any more.
const PULSE: Duration = Duration::from_secs(25);

/// That the list of servers is another; an event without data would not arrive.
const LIST_CHANGED: &[u8] = b"event: list\ndata: changed\n\n";

/// Who listens, by session.
pub struct Notices {
    listeners: Mutex<HashMap<SessionId, broadcast::Sender<Bytes>>>,
    most: usize,
}

/// One notice as the script reads it.
#[derive(Serialize)]
struct Notice<'a> {
    server: &'a str,
    service: &'a str,
    problem: &'a Problem,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_up: Option<String>,
}

impl Notices {
    /// With at most so many open streams for one session.
    pub fn new(most: usize) -> Self {
        Self { listeners: Mutex::default(), most }
    }

    /// A stream of what is told from now on, until the session or the gateway ends; nothing if too many are open.
    /// It begins with what the listener has missed.
    pub(super) fn listen(&self, session: &Session, missed: Missed, draining: &CancellationToken) -> Option<Body> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|_, sender| sender.receiver_count() > 0);
        let sender = listeners.entry(session.id()).or_insert_with(|| broadcast::Sender::new(BEHIND));
        if sender.receiver_count() >= self.most {
            return None;
        }
        let listening = Listening {
            told: sender.subscribe(),
            ended: session.ended().clone(),
            draining: draining.clone(),
            first: Some(match missed {
                Missed::Nothing => Bytes::from_static(b": listening\n\n"),
                Missed::List => Bytes::from_static(LIST_CHANGED),
            }),
        };
        let pieces = stream::unfold(listening, |mut listening| async {
            let piece = listening.next().await?;
            Some((Ok::<_, BoxError>(Frame::data(piece)), listening))
        });
        Some(streamed(StreamBody::new(pieces)))
    }

    /// Tells every open console that its list of servers may be another.
    pub fn list_changed(&self) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in listeners.values() {
            // Whoever has gone need not know.
            drop(sender.send(Bytes::from_static(LIST_CHANGED)));
        }
    }

    /// Tells the open consoles of one session that its list of servers may be another.
    pub(super) fn list_changed_of(&self, session: SessionId) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = listeners.get(&session) {
            drop(sender.send(Bytes::from_static(LIST_CHANGED)));
        }
    }

    /// Tells every open page of the session's console. Says whether there is one.
    pub(super) fn tell(
        &self,
        session: SessionId,
        place: &EntryPlace,
        failure: &Failure,
        reference: ReferenceId,
    ) -> bool {
        self.send(session, place, &words::problem(failure, reference), failure.step_up())
    }

    fn send(&self, session: SessionId, place: &EntryPlace, problem: &Problem, step_up: Option<String>) -> bool {
        let notice = Notice { server: place.server.as_str(), service: place.service.as_str(), problem, step_up };
        let Ok(json) = serde_json::to_string(&notice) else { return false };
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.get(&session).is_some_and(|sender| sender.send(format!("data: {json}\n\n").into()).is_ok())
    }
}

/// What somebody who begins to listen does not know yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    /// Nothing that is told.
    Nothing,
    /// That the list of servers is another.
    List,
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices").field("most", &self.most).finish_non_exhaustive()
    }
}

/// One open stream.
struct Listening {
    told: broadcast::Receiver<Bytes>,
    ended: CancellationToken,
    draining: CancellationToken,
    first: Option<Bytes>,
}

impl Listening {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            tokio::select! {
                () = self.ended.cancelled() => return None,
                () = self.draining.cancelled() => return None,
                () = tokio::time::sleep(PULSE) => return Some(Bytes::from_static(b":\n\n")),
                told = self.told.recv() => match told {
                    Ok(told) => return Some(told),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }
}

/// A body that tells when it breaks off: by then the answer's head is out, and no page of ours can take its place.
pub(super) struct Watched {
    pub(super) body: Body,
    pub(super) notices: Arc<Notices>,
    pub(super) session: SessionId,
    pub(super) place: EntryPlace,
    pub(super) problem: Problem,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if let Poll::Ready(Some(Err(error))) = &polled {
            tracing::warn!(reference = %this.problem.reference, code = this.problem.code, %error, "an answer broke off");
            this.notices.send(this.session, &this.place, &this.problem, None);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
