//! Sessions follow the person: the provider is asked again while they last.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;

use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::gateway::Gateway;
use crate::gateway::failure;
use crate::gateway::failure::Failure;
use crate::identity::LoginError;
use crate::identity::Provider;
use crate::model::ReferenceId;
use crate::session::Renewal;
use crate::session::Session;
use crate::session::SessionError;
use crate::telemetry::Chain;

/// Questions to providers at once.
const AT_ONCE: usize = 16;

impl Gateway {
    /// Asks providers about everybody of whom they are to be asked by now.
    pub async fn ask_again(&self) {
        let renew = |session: Arc<Session>| async move {
            if let Err(error) = self.renew_session(&session).await {
                tracing::error!(session = %session.id().tag(), cause = %Chain(&error), "not asked again");
            }
        };
        stream::iter(self.sessions.due()).for_each_concurrent(AT_ONCE, renew).await;
    }

    /// The session for a request: one of which the provider has not been asked for long waits for the answer.
    pub(super) async fn fresh(&self, session: Arc<Session>) -> Result<Arc<Session>, Failure> {
        if self.sessions.is_overdue(&session) {
            // Boxed, as all that is large and seldom: a request moves all of its future about.
            Box::pin(self.renew_session(&session)).await.map_err(Failure::Session)?;
            if session.ended().is_cancelled() {
                return Err(Failure::SignedOut);
            }
        }
        Ok(session)
    }

    /// Asks the provider who the person is by now, unless somebody else does.
    async fn renew_session(&self, session: &Arc<Session>) -> Result<(), SessionError> {
        let Some(renewal) = self.sessions.begin_renewal(session).await? else { return Ok(()) };
        let Some(provider) = self.providers.of(session.principal().subject()) else {
            // Its people are not let in any more.
            return self.end_for(session, "provider_removed").await;
        };
        match self.ask(provider, session, renewal).await? {
            Ok(()) => Ok(()),
            Err(error) if error.ends_session() => {
                tracing::info!(session = %session.id().tag(), cause = %Chain(&error), "the provider ended a sign-in");
                self.end_for(session, failure::login_code(&error)).await
            }
            Err(error) if self.sessions.is_stale(session) => {
                tracing::warn!(session = %session.id().tag(), cause = %Chain(&error), "not asked for too long");
                self.end_for(session, failure::login_code(&error)).await
            }
            Err(error) => {
                tracing::warn!(session = %session.id().tag(), cause = %Chain(&error), "asked in vain");
                Ok(())
            }
        }
    }

    async fn ask(
        &self,
        provider: &Provider,
        session: &Arc<Session>,
        mut renewal: Renewal,
    ) -> Result<Result<(), LoginError>, SessionError> {
        let refreshed = match provider.refresh(renewal.grant()).await {
            Ok(refreshed) => refreshed,
            Err(error) => return self.sessions.put_off(renewal).await.map(|()| Err(error)),
        };
        self.sessions.keep(&mut renewal, refreshed.grant.clone()).await?;
        let principal = match provider.reread(&refreshed, &session.principal()).await {
            Ok(principal) => principal,
            Err(error) => return self.sessions.put_off(renewal).await.map(|()| Err(error)),
        };
        let before = self.sessions.renewed(renewal, principal).await?;
        if before.groups() != session.principal().groups() {
            let event = self.about(session, Kind::GroupsChanged);
            self.note(&event).await;
            self.notices.list_changed_of(session.id());
        }
        Ok(Ok(()))
    }

    /// Ends a session for a reason of the gateway's own. That access ends does not wait for a record.
    pub(super) async fn end_for(&self, session: &Session, reason: &'static str) -> Result<(), SessionError> {
        self.note(&self.about(session, Kind::SessionEnded).reason(reason)).await;
        self.panels.forget(session.id());
        self.sessions.end(session).await
    }

    fn about(&self, session: &Session, kind: Kind) -> Event {
        Event::new(kind, Outcome::Succeeded, ReferenceId::from_bits(0), self.clock.now()).session(session)
    }

    /// Records something that happens whether or not it can be recorded.
    pub(super) async fn note(&self, event: &Event) {
        if let Err(error) = self.audit.record(event).await {
            tracing::error!(cause = %Chain(&error), "the end of a session, or other groups, are not on record");
        }
    }
}
