//! From the console to a panel origin: a small authorization-code flow of our own.
//!
//! A page of the console, or of a panel that somebody goes on from, gets a ticket, which works once, for 30
//! seconds, in one session. The panel origin's entrance takes it, sets a verifier cookie and asks the console;
//! the console checks the session, the ticket and the grant and answers with a code that works once, for 30
//! seconds, for this place and this browser; the panel origin redeems it and sets its own cookie. No cookie ever
//! crosses from one origin to another, and no other page can send a browser through here: it has no ticket.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Response;
use http::StatusCode;
use secrecy::ExposeSecret as _;
use std::sync::Arc;
use std::time::Duration;
use url::form_urlencoded;

use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::console::EnteringPage;
use crate::console::paths;
use crate::edge::Destination;
use crate::edge::EdgeError;
use crate::edge::EdgeRequest;
use crate::edge::Initiator;
use crate::edge::PanelOrigin;
use crate::gateway::Gateway;
use crate::gateway::answer;
use crate::gateway::console::HANDOFF;
use crate::gateway::cookie::Cookie;
use crate::gateway::failure::Failure;
use crate::gateway::open::Asked;
use crate::gateway::open::access_to;
use crate::model::Target;
use crate::model::Token256;
use crate::session::Entry;
use crate::session::EntryPlace;
use crate::session::Session;
use crate::telemetry::Chain;
use crate::upstream::Body;

/// How long the verifier cookie lives: longer than the code.
const VERIFIER: Duration = Duration::from_mins(1);

impl Gateway {
    /// `/.panelgate/enter` on a panel origin: with a ticket the way out to the console, with a code the way in.
    pub(super) async fn enter(&self, request: &EdgeRequest, origin: &PanelOrigin) -> Result<Response<Body>, Failure> {
        if let Some(code) = parameter(&request.target, "code") {
            return self.redeem(request, origin, &code).await;
        }
        match parameter(&request.target, "ticket") {
            Some(ticket) => self.ask_console(&Token256::parse(&ticket).ok_or(Failure::HandoffLost)?, origin),
            // Kept as a bookmark, or found in the history: the console can open it.
            None if request.fetch.destination == Destination::Page => Ok(self.to_console(origin)),
            None => Err(Failure::NotEntered),
        }
    }

    fn ask_console(&self, ticket: &Token256, origin: &PanelOrigin) -> Result<Response<Body>, Failure> {
        let verifier = Token256::random(&*self.random).map_err(|_| Failure::Random)?;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("ticket", ticket.expose().expose_secret())
            .append_pair("challenge", &URL_SAFE_NO_PAD.encode(verifier.digest()))
            .finish();
        let away = answer::see_other(&format!("{}{HANDOFF}?{query}", self.origins.console()));
        let cookie = Cookie::Verifier(origin.service).set(origin.origin.scheme, &verifier, Some(VERIFIER));
        Ok(answer::with_cookies(away, [cookie]))
    }

    /// The address of a panel's entrance, with a ticket for it.
    pub(super) async fn entrance(&self, session: &Session, place: &EntryPlace) -> Result<String, Failure> {
        let origin = self.origins.panel(&place.server, place.service).ok_or(Failure::NotFound)?;
        let ticket = self.sessions.ticket(session, place).await.map_err(Failure::Session)?.expose();
        Ok(format!("{origin}{}/enter?ticket={}", paths::RESERVED, ticket.expose_secret()))
    }

    /// `/handoff` on the console.
    pub(super) async fn hand_off(&self, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        // It opens panels, so a link on some other site must not lead here.
        if request.fetch.initiator == Initiator::CrossSite {
            return Err(Failure::Edge(EdgeError::ForeignOrigin));
        }
        let session = self.person(request).await?;
        let text = |name| parameter(&request.target, name);
        let challenge: [u8; 32] = text("challenge")
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(Failure::NotFound)?;
        let ticket = text("ticket").and_then(|text| Token256::parse(&text)).ok_or(Failure::NotFound)?;
        let Some(ticket) = self.sessions.shown(&ticket, &session).await.map_err(Failure::Session)? else {
            return Err(self.lost(self.stranger(request).session(&session)).await?);
        };
        let asked = Asked {
            reference: request.reference,
            client: request.client,
            session: &session,
            before: None,
            waits: &request.waits,
        };
        let (grant, panel) = match self.open(access_to(&ticket.place), &asked).await {
            Ok(opened) => opened,
            Err(failure) => {
                self.sessions.spend(ticket).await.map_err(Failure::Session)?;
                return Err(failure);
            }
        };
        let origin = self.origins.panel(grant.server(), grant.service()).ok_or(Failure::NotFound)?;
        let entry =
            Entry { session: Arc::clone(&session), place: panel.place().clone(), security_token: panel.digits() };
        let code = self.sessions.hand_off(ticket, &entry, panel.landing(), challenge).await;
        let Some(code) = code.map_err(Failure::Session)? else {
            return Err(self.lost(self.stranger(request).session(&session)).await?);
        };
        let code = code.expose();
        Ok(answer::see_other(&format!("{origin}{}/enter?code={}", paths::RESERVED, code.expose_secret())))
    }

    async fn redeem(&self, request: &EdgeRequest, origin: &PanelOrigin, code: &str) -> Result<Response<Body>, Failure> {
        let scheme = origin.origin.scheme;
        let code = Token256::parse(code).ok_or(Failure::HandoffLost)?;
        let name = Cookie::Verifier(origin.service).name(scheme);
        let here = |place: &EntryPlace| (&place.server, place.service) == (&origin.server, origin.service);
        let redeemed = match request.cookies().token(name) {
            Some(verifier) => self.sessions.redeem(&code, &verifier, here).await.map_err(Failure::Session)?,
            None => None,
        };
        let Some(handoff) = redeemed else {
            return Err(self.lost(self.stranger(request).place(&origin.server, origin.service)).await?);
        };
        let session = Arc::clone(&handoff.entry.session);
        let asked = Asked {
            reference: request.reference,
            client: request.client,
            session: &session,
            before: None,
            waits: &request.waits,
        };
        let grant = match self.authorize(access_to(&handoff.entry.place), &asked).await {
            Ok(grant) => grant,
            Err(failure) => {
                self.sessions.spend_code(handoff).await.map_err(Failure::Session)?;
                return Err(failure);
            }
        };
        let page = EnteringPage { landing: handoff.landing.clone() }.render(&self.site);
        let enters = |outcome| {
            Event::new(Kind::PanelEnter, outcome, request.reference, self.clock.now())
                .client(request.client)
                .session(&session)
                .grant(&grant)
        };
        // Both are on disk before the browser gets the cookie, and neither waits for the other.
        let event = enters(Outcome::Succeeded);
        let (recorded, admitted) = tokio::join!(self.audit.record(&event), self.sessions.admit(handoff));
        let token = match (recorded, admitted) {
            (Ok(()), Ok(Some(token))) => token,
            (Err(error), admitted) => {
                if let Ok(Some(token)) = admitted {
                    self.take_back(&token).await;
                }
                return Err(Failure::Audit(error));
            }
            // What is on record did not come about, and that is on record too.
            (Ok(()), Ok(None)) => return Err(self.lost(enters(Outcome::Denied)).await?),
            (Ok(()), Err(error)) => {
                let failure = Failure::Session(error);
                let event = enters(Outcome::Failed).reason(failure.code());
                self.audit.record(&event).await.map_err(Failure::Audit)?;
                return Err(failure);
            }
        };
        let cookies =
            [Cookie::Panel(origin.service).set(scheme, &token, None), Cookie::Verifier(origin.service).clear(scheme)];
        Ok(answer::with_cookies(answer::page(StatusCode::OK, page), cookies))
    }

    /// The beginning of a record of somebody who may not enter.
    fn stranger(&self, request: &EdgeRequest) -> Event {
        Event::new(Kind::PanelEnter, Outcome::Denied, request.reference, self.clock.now()).client(request.client)
    }

    /// Records that a ticket or a code was shown that was used before, or that another session or browser holds:
    /// worth knowing about. Gives the failure.
    async fn lost(&self, event: Event) -> Result<Failure, Failure> {
        let failure = Failure::HandoffLost;
        self.audit.record(&event.reason(failure.code())).await.map_err(Failure::Audit)?;
        Ok(failure)
    }

    /// Takes an entry back that nobody has, and that nobody is to see among what is open.
    async fn take_back(&self, token: &Token256) {
        if let Err(error) = self.sessions.withdraw(token).await {
            tracing::error!(cause = %Chain(&error), "an entrance that is not on record cannot be taken back");
        }
    }
}

/// The value of a query parameter; nothing if it stands there twice.
pub(super) fn parameter(target: &Target, name: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(target.query()?.as_bytes()).filter(|(key, _)| key == name);
    let (_, value) = values.next()?;
    values.next().is_none().then(|| value.into_owned())
}
