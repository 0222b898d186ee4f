//! Opening a panel: judged, recorded, done, recorded again.

use std::future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use crate::audit::Act;
use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::gateway::Gateway;
use crate::gateway::failure;
use crate::gateway::failure::Failure;
use crate::model::Account;
use crate::model::ClientAddr;
use crate::model::ReferenceId;
use crate::model::Service;
use crate::panel_session;
use crate::panel_session::Cause;
use crate::panel_session::OpenError;
use crate::panel_session::PanelSession;
use crate::panel_session::Place;
use crate::panel_session::Vacancy;
use crate::panel_session::Ways;
use crate::policy::AccessRequest;
use crate::policy::Circumstances;
use crate::policy::Denial;
use crate::policy::Grant;
use crate::policy::Reach;
use crate::session::EntryPlace;
use crate::session::SecretDigits;
use crate::session::Session;
use crate::session::SessionError;
use crate::telemetry::Check;
use crate::telemetry::PanelAct;
use crate::telemetry::Step;
use crate::telemetry::Waits;

/// How long a ticket may wait for the panel to be open: a third of its life.
const TICKET_WAITS: Duration = Duration::from_secs(10);

/// Who asks for a panel.
pub(super) struct Asked<'a> {
    /// The request's reference.
    pub(super) reference: ReferenceId,
    /// The request's far end.
    pub(super) client: ClientAddr,
    /// The person's session.
    pub(super) session: &'a Arc<Session>,
    /// The security token of an earlier panel session whose pages may still be open.
    pub(super) before: Option<&'a SecretDigits>,
    /// The request's stopwatch.
    pub(super) waits: &'a Waits,
}

impl Gateway {
    /// The panel session for what is asked, if policy grants it; opened if it is not open.
    pub(super) async fn open(
        &self,
        access: AccessRequest,
        asked: &Asked<'_>,
    ) -> Result<(Grant, Arc<PanelSession>), Failure> {
        let grant = self.authorize(access, asked).await?;
        let panel = self.open_granted(&grant, asked).await?;
        Ok((grant, panel))
    }

    /// The panel session for what was granted; opened if it is not open.
    pub(super) async fn open_granted(&self, grant: &Grant, asked: &Asked<'_>) -> Result<Arc<PanelSession>, Failure> {
        let (panel, ()) = self.open_after(grant, asked, future::ready(Ok(()))).await?;
        Ok(panel)
    }

    /// The same, after something else is done: before a server is asked for anything.
    async fn open_after<T>(
        &self,
        grant: &Grant,
        asked: &Asked<'_>,
        first: impl Future<Output = Result<T, Failure>>,
    ) -> Result<(Arc<PanelSession>, T), Failure> {
        let place = pin!(self.panels.place(grant, asked.session, asked.before));
        let place = asked.waits.on(Step::Panel, place).await;
        self.take(Kind::PanelOpen, place, grant, asked, first).await
    }

    /// The same for somebody who is to be led to it; gives the address of its entrance too.
    ///
    /// The ticket for the entrance is in the store before a server is asked for anything: where the store is away, no
    /// session is left behind there that nobody can enter.
    pub(super) async fn open_to_enter(&self, grant: &Grant, asked: &Asked<'_>) -> Result<String, Failure> {
        // Sessions go on for a while without the store, but begin nothing new.
        if !self.health.is_well(Check::Store) {
            return Err(Failure::Session(SessionError::Away));
        }
        let (place, began) = (panel_session::place_of(grant), self.clock.now());
        let (_, entrance) = self.open_after(grant, asked, self.entrance(asked.session, &place)).await?;
        // A server that took its time has used up that of the ticket.
        if self.clock.now().since(began) < TICKET_WAITS {
            Ok(entrance)
        } else {
            self.entrance(asked.session, &place).await
        }
    }

    /// The way to a panel session for what the console asks for by name: directly if a rule says so, or else as a
    /// customer of an account in WHM that the person may open. Addresses of panels that were reached by a hop
    /// are kept, and opened again, like all others.
    pub(super) async fn open_by_name(
        &self,
        access: AccessRequest,
        asked: &Asked<'_>,
    ) -> Result<(Grant, String), Failure> {
        if let Ok(grant) = self.decide(access.clone(), asked) {
            let entrance = self.open_to_enter(&grant, asked).await?;
            return Ok((grant, entrance));
        }
        let mut last = None;
        for through in self.accounts_in_whm(&access, asked) {
            let hop = AccessRequest::hop(access.server.clone(), access.service, access.account.clone(), through);
            let Ok(grant) = self.decide(hop, asked) else { continue };
            match self.open_to_enter(&grant, asked).await {
                Ok(entrance) => return Ok((grant, entrance)),
                Err(Failure::Open(error)) if matches!(*error, OpenError::NotCustomer) => {
                    last = Some(Failure::Open(error));
                }
                Err(failure) => return Err(failure),
            }
        }
        if let Some(failure) = last {
            return Err(failure);
        }
        // The refusal that is recorded and told is the one of what was asked for, or the one that can be met.
        if let Some(denial) = self.too_weak(&access, asked) {
            return Err(self.refuse(denial, asked, None).await?);
        }
        let grant = self.authorize(access, asked).await?;
        let entrance = self.open_to_enter(&grant, asked).await?;
        Ok((grant, entrance))
    }

    /// The accounts in WHM of a server that a person may open. Root first: nobody has to be asked whose its
    /// customers are.
    fn accounts_in_whm(&self, access: &AccessRequest, asked: &Asked<'_>) -> Vec<Account> {
        let in_whm = self
            .reach(asked)
            .into_iter()
            .filter(|reach| reach.server == access.server && reach.service == Service::Whostmgrd);
        let mut accounts: Vec<Account> = in_whm.map(|reach| reach.account).collect();
        accounts.sort_by_key(|account| !account.is_root());
        accounts
    }

    /// A new panel session in the place of one that the server has dropped.
    pub(super) async fn renew(
        &self,
        grant: &Grant,
        stale: &Arc<PanelSession>,
        cause: Cause,
        asked: &Asked<'_>,
    ) -> Result<Arc<PanelSession>, Failure> {
        let place = asked.waits.on(Step::Panel, self.panels.place_of(grant, asked.session, stale, cause)).await;
        let (panel, ()) = self.take(Kind::PanelRenew, place, grant, asked, future::ready(Ok(()))).await?;
        Ok(panel)
    }

    /// What is open at a place, after something else is done; what has to be opened is recorded before and after.
    async fn take<T>(
        &self,
        kind: Kind,
        place: Result<Place<'_>, OpenError>,
        grant: &Grant,
        asked: &Asked<'_>,
        first: impl Future<Output = Result<T, Failure>>,
    ) -> Result<(Arc<PanelSession>, T), Failure> {
        match place {
            Ok(Place::Open(panel)) => Ok((panel, first.await?)),
            // Whoever tried has recorded it.
            Ok(Place::Resting(rest)) => Err(Failure::Resting(rest)),
            Ok(Place::Vacant(vacancy)) => Box::pin(self.fill(kind, Ok(vacancy), grant, asked, first)).await,
            Err(error) => Box::pin(self.fill(kind, Err(Arc::new(error)), grant, asked, first)).await,
        }
    }

    /// Opens what is not open.
    async fn fill<T>(
        &self,
        kind: Kind,
        vacancy: Result<Box<Vacancy<'_>>, Arc<OpenError>>,
        grant: &Grant,
        asked: &Asked<'_>,
        first: impl Future<Output = Result<T, Failure>>,
    ) -> Result<(Arc<PanelSession>, T), Failure> {
        let recorded = async {
            let began = asked.waits.begin();
            // Each is a trip to a disk, and neither waits for the other.
            let (act, first) = tokio::join!(self.begin(kind, grant, asked), first);
            asked.waits.end(Step::Audit, began);
            let act = act?;
            match first {
                Ok(first) => Ok((act, first, asked.waits.begin())),
                Err(failure) => {
                    act.failed(failure.code()).await.map_err(Failure::Audit)?;
                    Err(failure)
                }
            }
        };
        // The server is asked for nothing before that is on record, but it may be on the line by then.
        let ((act, first, began), near) = tokio::try_join!(recorded, async { Ok(approach(vacancy, grant).await) })?;
        let opened = match near {
            Ok((vacancy, ways)) => vacancy.fill(grant, ways).await,
            Err(error) => Err(error),
        };
        asked.waits.end(Step::Open, began);
        let done = if kind == Kind::PanelRenew { PanelAct::Renewed } else { PanelAct::Opened };
        let act_done = if opened.is_ok() { done } else { PanelAct::Failed };
        self.metrics.panel_session(grant.server().as_str(), act_done);
        let began = asked.waits.begin();
        let place = opened.as_ref().ok().map(|panel| panel.place().clone());
        let closed = close(act, opened).await;
        asked.waits.end(Step::Audit, began);
        if let (Err(_), Some(place)) = (&closed, place) {
            // Nobody may come by it later, without that record.
            self.panels.close(&place, asked.session);
        }
        closed.map(|panel| (panel, first))
    }

    /// Asks policy; a denial is on record before anybody hears of it.
    pub(super) async fn authorize(&self, access: AccessRequest, asked: &Asked<'_>) -> Result<Grant, Failure> {
        self.authorize_from(access, asked, None).await
    }

    /// The same for somebody who comes from a panel.
    pub(super) async fn authorize_from(
        &self,
        access: AccessRequest,
        asked: &Asked<'_>,
        from: Option<&EntryPlace>,
    ) -> Result<Grant, Failure> {
        let began = asked.waits.begin();
        let decided = self.decide(access, asked);
        asked.waits.end(Step::Policy, began);
        match decided {
            Ok(grant) => Ok(grant),
            Err(denial) => Err(Box::pin(self.refuse(denial, asked, from)).await?),
        }
    }

    /// Records a denial, and gives the failure.
    async fn refuse(
        &self,
        denial: Box<Denial>,
        asked: &Asked<'_>,
        from: Option<&EntryPlace>,
    ) -> Result<Failure, Failure> {
        self.metrics.denied(denial.reason.as_str());
        let mut event = Event::new(Kind::AccessDenied, Outcome::Denied, asked.reference, self.clock.now())
            .client(asked.client)
            .session(asked.session)
            .denial(&denial);
        if let Some(from) = from {
            event = event.from(from);
        }
        self.audit.record(&event).await.map_err(Failure::Audit)?;
        Ok(Failure::Denied(denial))
    }

    /// Why what is asked for by name is not allowed, if a stronger sign-in would change that.
    pub(super) fn too_weak(&self, access: &AccessRequest, asked: &Asked<'_>) -> Option<Box<Denial>> {
        let through = self.accounts_in_whm(access, asked).into_iter();
        let hops = through
            .map(|through| AccessRequest::hop(access.server.clone(), access.service, access.account.clone(), through));
        let mut found = None;
        for access in std::iter::once(access.clone()).chain(hops) {
            // Where one way is open, nothing is lacking.
            let denial = self.decide(access, asked).err()?;
            found = found.or_else(|| denial.strength.is_some().then_some(denial));
        }
        found
    }

    /// Everything that the person may open, but for hops.
    pub(super) fn reach(&self, asked: &Asked<'_>) -> Vec<Reach> {
        let principal = asked.session.principal();
        let circumstances = Circumstances::of(&principal, asked.client, self.clock.now());
        self.policy.reach(&principal, &circumstances)
    }

    /// Asks policy, and tells nobody.
    pub(super) fn decide(&self, access: AccessRequest, asked: &Asked<'_>) -> Result<Grant, Box<Denial>> {
        let principal = asked.session.principal();
        let circumstances = Circumstances::of(&principal, asked.client, self.clock.now());
        self.policy.authorize(&principal, access, &circumstances)
    }

    async fn begin(&self, kind: Kind, grant: &Grant, asked: &Asked<'_>) -> Result<Act, Failure> {
        let event = Event::new(kind, Outcome::Begun, asked.reference, self.clock.now())
            .client(asked.client)
            .session(asked.session)
            .grant(grant);
        Act::begin(&self.audit, &self.clock, event).await.map_err(Failure::Audit)
    }
}

/// A vacancy after its server was connected to, which is asked for nothing yet.
async fn approach<'v>(
    vacancy: Result<Box<Vacancy<'v>>, Arc<OpenError>>,
    grant: &Grant,
) -> Result<(Box<Vacancy<'v>>, Result<Ways, OpenError>), Arc<OpenError>> {
    let vacancy = vacancy?;
    let ways = vacancy.approach(grant).await;
    Ok((vacancy, ways))
}

/// What an entry asks for at each request.
pub(super) fn access_to(place: &EntryPlace) -> AccessRequest {
    AccessRequest {
        server: place.server.clone(),
        service: place.service,
        account: place.account.clone(),
        through: place.through.clone(),
    }
}

/// Records how it ended. Without that record nobody gets the panel session.
async fn close(act: Act, opened: Result<Arc<PanelSession>, Arc<OpenError>>) -> Result<Arc<PanelSession>, Failure> {
    match opened {
        Ok(opened) => {
            act.succeeded().await.map_err(Failure::Audit)?;
            Ok(opened)
        }
        Err(error) => {
            act.failed(failure::open_code(&error)).await.map_err(Failure::Audit)?;
            Err(Failure::Open(error))
        }
    }
}
