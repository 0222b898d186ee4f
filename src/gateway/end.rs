//! Ending access for others: what the provider says, and what operators order. Recorded, then done.

use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::gateway::Gateway;
use crate::gateway::STORE_AWAY;
use crate::gateway::failure::Failure;
use crate::model::ClientAddr;
use crate::model::ReferenceId;
use crate::model::ServerId;
use crate::session::Done;
use crate::session::Ending;
use crate::session::Heard;
use crate::session::Listed;
use crate::session::Taken;
use crate::session::Whose;
use crate::telemetry::Chain;
use crate::telemetry::Check;

/// Why, on whose word and under which reference access is ended.
#[derive(Clone, Copy)]
pub(super) struct Cause<'a> {
    pub(super) reason: &'static str,
    pub(super) by: Option<&'a str>,
    /// From which address it was ended, where somebody came to do it.
    pub(super) client: Option<ClientAddr>,
    pub(super) reference: ReferenceId,
}

impl Cause<'_> {
    /// The event with why it is, and on whose word.
    fn on(self, mut event: Event) -> Event {
        event = event.reason(self.reason);
        if let Some(by) = self.by {
            event = event.by(by);
        }
        if let Some(client) = self.client {
            event = event.client(client);
        }
        event
    }
}

impl Gateway {
    /// Ends these sessions, each recorded before; gives how many were there.
    pub(super) async fn end_all(&self, listed: &[Listed], cause: Cause<'_>) -> Result<u64, Failure> {
        let mut ended = 0;
        for listed in listed {
            let event = Event::new(Kind::SessionEnded, Outcome::Succeeded, cause.reference, self.clock.now())
                .session_of(listed);
            self.audit.record(&cause.on(event)).await.map_err(Failure::Audit)?;
            self.panels.forget(listed.id);
            ended += u64::from(self.sessions.end_listed(listed).await.map_err(Failure::Session)?);
        }
        Ok(ended)
    }

    /// Ends the sessions that are meant.
    pub(super) async fn end_whose(&self, whose: &Whose, cause: Cause<'_>) -> Result<u64, Failure> {
        let mut roll = self.sessions.roll().await.map_err(Failure::Session)?;
        roll.retain(|listed| whose.is_meant(listed));
        self.end_all(&roll, cause).await
    }

    /// Ends what is open on a server: whoever has it open must open it again.
    pub(super) async fn close_server(&self, server: &ServerId, cause: Cause<'_>) -> Result<u64, Failure> {
        let event = Event::new(Kind::ServerClosed, Outcome::Succeeded, cause.reference, self.clock.now());
        self.audit.record(&cause.on(event.server(server))).await.map_err(Failure::Audit)?;
        let closed = self.sessions.close_server(server).await.map_err(Failure::Session)?;
        self.cut_server(server);
        Ok(closed)
    }

    /// Takes over what other processes did, and does what they ask for.
    pub async fn listen(&self) {
        match self.sessions.hear().await {
            Ok(heard) => {
                for heard in heard {
                    self.act_on(heard).await;
                }
            }
            Err(error) => {
                // Said once: it is tried several times a second.
                if self.health.is_well(Check::Store) {
                    tracing::error!(cause = %Chain(&error), "other processes cannot be heard");
                }
                self.health.unwell(Check::Store, STORE_AWAY);
            }
        }
    }

    /// Does what was ordered while nobody served.
    pub async fn catch_up(&self) {
        match self.sessions.open_orders().await {
            Ok(orders) => {
                for ticket in orders {
                    self.carry_out(&ticket).await;
                }
            }
            Err(error) => tracing::error!(cause = %Chain(&error), "orders cannot be read"),
        }
    }

    async fn act_on(&self, heard: Heard) {
        match heard {
            Heard::Ended(id) => self.panels.forget(id),
            // What may not stay open is found by the review of open panels, twice a second.
            Heard::Renewed(id) => self.notices.list_changed_of(id),
            Heard::ServerClosed(server) => self.cut_server(&server),
            Heard::Laid(key) => self.panels.changed_elsewhere(&key),
            Heard::Ordered(ticket) => self.carry_out(&ticket).await,
        }
    }

    async fn carry_out(&self, ticket: &[u8; 32]) {
        let taken = match self.sessions.take_order(ticket).await {
            Ok(Some(taken)) => taken,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(cause = %Chain(&error), "an order cannot be read");
                return;
            }
        };
        let done = match self.do_as_ordered(&taken).await {
            Ok(ended) => Done { ended, failed: false },
            Err(failure) => {
                tracing::error!(cause = %Chain(&failure), "an order could not be carried out");
                Done { ended: 0, failed: true }
            }
        };
        if let Err(error) = self.sessions.carried_out(taken, done).await {
            tracing::error!(cause = %Chain(&error), "what came of an order cannot be told");
        }
    }

    async fn do_as_ordered(&self, taken: &Taken) -> Result<u64, Failure> {
        let by = Some(taken.order.by.as_str());
        let cause = Cause { reason: "ended_by_operator", by, client: None, reference: ReferenceId::from_bits(0) };
        match (&taken.order.end, taken.order.end.server()) {
            (Ending::Sessions(whose), _) => self.end_whose(whose, cause).await,
            (Ending::Server(_), Some(server)) => self.close_server(&server, cause).await,
            (Ending::Server(_), None) => Ok(0),
        }
    }

    fn cut_server(&self, server: &ServerId) {
        for cut in self.panels.review(|_, request| request.server != *server) {
            tracing::info!(session = %cut.session.id().tag(), %server, "panel session cut by hand");
        }
    }
}
