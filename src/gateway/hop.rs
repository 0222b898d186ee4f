//! Going on from a panel: to another account or service of the same server, or out of it.
//!
//! A server would do both by itself, and nobody would know. So the paths are ours: a hop is judged, recorded
//! with where the person comes from, and opened by us; a logout ends the panel session here, and at the
//! server only where that ends no colleague's.

use http::Method;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use http_body_util::Limited;
use hyper::body::Incoming;
use url::form_urlencoded;

use crate::audit::Act;
use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::console::HopPage;
use crate::console::paths;
use crate::edge::Destination;
use crate::edge::EdgeRequest;
use crate::edge::PanelOrigin;
use crate::gateway::Gateway;
use crate::gateway::answer;
use crate::gateway::cookie::Cookie;
use crate::gateway::failure::Failure;
use crate::gateway::handoff::parameter;
use crate::gateway::open::Asked;
use crate::gateway::open::access_to;
use crate::model::Account;
use crate::model::Service;
use crate::policy::AccessRequest;
use crate::policy::Reach;
use crate::rewrite::HOP;
use crate::session::Entry;
use crate::session::EntryPlace;
use crate::upstream::Body;

/// Most bytes of a form that says whom a hop leads to: one name.
const FORM: usize = 4096;

/// The fields, of a form or a query, in which panels name the account: WHM's list of accounts, our own
/// address, and the one-time login of a session that the server has made.
const NAMED_IN: [&str; 3] = ["user", "account", "session"];

impl Gateway {
    /// Lets somebody go on from the panel of `entry` to a service of another account, if policy grants it.
    pub(super) async fn hop(
        &self,
        request: &EdgeRequest,
        body: Incoming,
        entry: &Entry,
        service: Service,
        account: Option<Account>,
    ) -> Result<Response<Body>, Failure> {
        let destination = request.fetch.destination;
        // It opens panels: what a script fetches gets none.
        if !request.fetch.is_navigation() || request.websocket.is_some() {
            return Err(Failure::Withheld);
        }
        let asked = Asked {
            reference: request.reference,
            client: request.client,
            session: &entry.session,
            before: None,
            waits: &request.waits,
        };
        drop(self.authorize(access_to(&entry.place), &asked).await?);
        let account = match account {
            Some(account) => account,
            None => match named_in(request, body).await? {
                Some(account) => account,
                None => self.usual_account(service, &entry.place, &asked),
            },
        };
        let (server, from) = (&entry.place.server, &entry.place);
        let direct = AccessRequest::direct(server.clone(), service, account.clone());
        let grant = if let Ok(grant) = self.decide(direct, &asked) {
            grant
        } else {
            let hop = AccessRequest::hop(server.clone(), service, account, came_through(from).clone());
            self.authorize_from(hop, &asked, Some(from)).await?
        };
        let event = Event::new(Kind::PanelHop, Outcome::Begun, asked.reference, self.clock.now())
            .client(asked.client)
            .session(&entry.session)
            .grant(&grant)
            .from(from);
        let act = Act::begin(&self.audit, &self.clock, event).await.map_err(Failure::Audit)?;
        let entrance = match self.open_to_enter(&grant, &asked).await {
            Ok(entrance) => entrance,
            Err(failure) => {
                act.failed(failure.code()).await.map_err(Failure::Audit)?;
                return Err(failure);
            }
        };
        act.succeeded().await.map_err(Failure::Audit)?;
        let response = if destination == Destination::Frame {
            let to = Reach { server: server.clone(), service, account: grant.account().clone() };
            answer::page(StatusCode::OK, HopPage { to: self.entry(to) }.render(&self.site))
        } else {
            answer::see_other(&entrance)
        };
        Ok(answer::own(response, &self.site))
    }

    /// Ends the panel session of `entry`, and the way to it.
    pub(super) async fn leave(
        &self,
        request: &EdgeRequest,
        origin: &PanelOrigin,
        entry: &Entry,
    ) -> Result<Response<Body>, Failure> {
        let event = Event::new(Kind::PanelLeave, Outcome::Succeeded, request.reference, self.clock.now())
            .client(request.client)
            .session(&entry.session)
            .place(&entry.place.server, entry.place.service)
            .account(&entry.place.account);
        self.audit.record(&event).await.map_err(Failure::Audit)?;
        self.panels.close(&entry.place, &entry.session);
        if let Some(token) = request.cookies().token(Cookie::Panel(origin.service).name(origin.origin.scheme)) {
            self.sessions.withdraw(&token).await.map_err(Failure::Session)?;
        }
        // In a tab of its own it is the console that is left to show; in a frame the page tells it.
        if request.fetch.destination == Destination::Page {
            let console = format!("{}{}", self.origins.console(), paths::HOME);
            return Ok(answer::own(answer::see_other(&console), &self.site));
        }
        Err(Failure::PanelLeft)
    }
}

impl Gateway {
    /// The account that somebody gets who goes on to a service and names none: the one they have, if a rule
    /// gives it there too, or else the first that rules give.
    fn usual_account(&self, service: Service, from: &EntryPlace, asked: &Asked<'_>) -> Account {
        let reach = self.reach(asked).into_iter();
        let mut accounts =
            reach.filter(|reach| reach.server == from.server && reach.service == service).map(|reach| reach.account);
        let first = accounts.next();
        match first {
            Some(first) if first != from.account && accounts.all(|account| account != from.account) => first,
            Some(_) | None => from.account.clone(),
        }
    }
}

/// The account in WHM that somebody at a panel comes from.
fn came_through(from: &EntryPlace) -> &Account {
    from.through.as_ref().unwrap_or(&from.account)
}

/// The account that a query or a form names; none if it is left open. The one-time login that may stand with it is not looked at.
async fn named_in(request: &EdgeRequest, body: Incoming) -> Result<Option<Account>, Failure> {
    let name = |value: &str| {
        let account = value.split(':').next().and_then(|name| name.parse().ok());
        account.map(Some).ok_or(Failure::BadBody)
    };
    if let Some(value) = NAMED_IN.into_iter().find_map(|name| parameter(&request.target, name)) {
        return name(&value);
    }
    // Only our own address may leave it open; a query that names two accounts does not.
    if request.method == Method::GET && request.target.query().is_none() && request.target.path().starts_with(HOP) {
        return Ok(None);
    }
    let is_form = request
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded"));
    if request.method != Method::POST || !is_form {
        return Err(Failure::BadBody);
    }
    let form = Limited::new(body, FORM).collect().await.map_err(|_| Failure::BadBody)?.to_bytes();
    let mut fields = form_urlencoded::parse(&form).filter(|(name, _)| NAMED_IN.contains(&&**name));
    let (_, value) = fields.next().ok_or(Failure::BadBody)?;
    // Two of them could be read in two ways.
    if fields.next().is_some() { Err(Failure::BadBody) } else { name(&value) }
}
