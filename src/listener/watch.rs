//! Looks, now and then, at a connection of HTTP/1.1 of which nobody wants anything.

use std::future::Future as _;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::Sleep;

use crate::listener::activity::Activity;
use crate::listener::heads::Heads;

/// For how long, at least, nobody has wanted anything of a connection that is quiet. Twice that at most.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

/// How the looks at a connection go on. The clock is left alone while requests come, and looked at when it rings:
/// a timer for each request would cost more than all the looks.
pub(super) struct Watch {
    activity: Activity,
    heads: Heads,
    /// How long a request may take to come.
    limit: Duration,
    look: Option<Look>,
}

/// What came of the looks.
pub(super) enum Idle {
    /// Nothing is under way, and has not been for a while.
    Quiet,
    /// A request did not come in its time.
    Late,
}

/// The look that the clock is set for.
#[derive(Clone, Copy)]
struct Look {
    /// Requests until then.
    begun: usize,
    since: Instant,
    /// By then, a request has taken all its time to come.
    last: bool,
}

impl Watch {
    /// Over a new connection.
    pub(super) fn new(activity: Activity, heads: Heads, limit: Duration) -> Self {
        Self { activity, heads, limit, look: None }
    }

    /// Whether anything was said on the connection.
    pub(super) fn has_begun(&self) -> bool {
        self.heads.have_begun()
    }

    /// Begins to look. The time that a request may take goes on as it ran: what has woken a connection need not
    /// be one.
    pub(super) fn resume(&mut self, clock: Pin<&mut Sleep>) {
        let same = self.look.filter(|look| look.begun == self.activity.begun());
        self.look_soon(same.map(|look| look.since), clock);
    }

    /// Sets the clock for when a request has taken all its time to come.
    pub(super) fn last_look(&mut self, clock: Pin<&mut Sleep>) {
        if let Some(look) = &mut self.look {
            look.last = true;
            clock.reset(look.since + self.limit);
        }
    }

    /// Ready when the connection has been quiet for a while, or when a request has not come in its time.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>, mut clock: Pin<&mut Sleep>) -> Poll<Idle> {
        if self.activity.is_busy() {
            return Poll::Pending;
        }
        let begun = self.activity.begun();
        let mut look = match self.look {
            Some(look) if !look.last || look.begun == begun => look,
            _ => self.look_soon(None, clock.as_mut()),
        };
        loop {
            ready!(clock.as_mut().poll(cx));
            if look.begun != begun {
                look = self.look_soon(None, clock.as_mut());
            } else if self.activity.is_quiet() && self.heads.are_between() {
                return Poll::Ready(Idle::Quiet);
            } else if look.last {
                return Poll::Ready(Idle::Late);
            } else {
                self.last_look(clock.as_mut());
                look.last = true;
            }
        }
    }

    fn look_soon(&mut self, since: Option<Instant>, clock: Pin<&mut Sleep>) -> Look {
        let now = Instant::now();
        let look = Look { begun: self.activity.begun(), since: since.unwrap_or(now), last: false };
        self.look = Some(look);
        clock.reset(now + PATIENCE);
        look
    }
}
