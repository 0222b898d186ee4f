//! What the console origin answers.

use std::sync::Arc;

use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Response;
use http::StatusCode;
use http_body_util::BodyExt as _;
use http_body_util::Limited;
use hyper::body::Incoming;

use crate::audit::Event;
use crate::audit::Kind;
use crate::audit::Outcome;
use crate::console;
use crate::console::ConsolePage;
use crate::console::Entry;
use crate::console::NoAccess;
use crate::console::NoAccessPage;
use crate::console::OpenRequest;
use crate::console::Opened;
use crate::console::Person;
use crate::console::SignedOutPage;
use crate::console::assets;
use crate::console::paths;
use crate::edge::BACKCHANNEL_LOGOUT;
use crate::edge::Destination;
use crate::edge::EdgeRequest;
use crate::edge::FRONTCHANNEL_LOGOUT;
use crate::gateway::Gateway;
use crate::gateway::answer;
use crate::gateway::cookie::Cookie;
use crate::gateway::failure::Failure;
use crate::gateway::handoff::parameter;
use crate::gateway::notices::Missed;
use crate::gateway::open::Asked;
use crate::gateway::sign_in;
use crate::identity::Principal;
use crate::identity::Provider;
use crate::model::ClientAddr;
use crate::model::Right;
use crate::policy::AccessRequest;
use crate::policy::Circumstances;
use crate::policy::Reach;
use crate::policy::Reason;
use crate::session::Session;
use crate::telemetry::Step;
use crate::upstream::Body;

/// Below it lies the way back from each provider, under its id.
pub const CALLBACK: &str = "/callback/";
/// The page after signing out.
pub const SIGNED_OUT: &str = "/signed-out";
/// The query of that page where the provider was not asked to end its session.
pub(super) const ONLY_HERE: &str = "here";
/// From the console to a panel origin.
pub(super) const HANDOFF: &str = "/handoff";

/// In which a page of the console says whose it is.
const PERSON: HeaderName = HeaderName::from_static("panelgate-person");

/// Most bytes of a request to our own API: three names.
const API_BODY: usize = 4096;

impl Gateway {
    /// Answers a request on the console origin.
    pub(super) async fn console(&self, request: &EdgeRequest, body: Incoming) -> Result<Response<Body>, Failure> {
        let (path, get) = (request.target.path(), request.method != Method::POST);
        let response = match path {
            paths::OPEN if !get => self.open_for_script(request, body).await,
            paths::SIGN_OUT if !get => self.sign_out(request).await,
            BACKCHANNEL_LOGOUT if !get => self.backchannel_logout(request, body).await,
            paths::END if !get => self.end_by_hand(request, body).await,
            _ if !get => Err(Failure::NotFound),
            paths::SIGN_IN => self.sign_in_page(request).await,
            paths::SIGNED_IN => self.signed_in_page(request).await,
            paths::STEP_UP => self.step_up(request).await,
            SIGNED_OUT => Ok(self.signed_out_page(request)),
            paths::NOTICES => self.notices_for(request).await,
            FRONTCHANNEL_LOGOUT => self.frontchannel_logout(request).await,
            paths::LIST => self.list_for(request).await,
            paths::SESSION => self.session_lives(request).await,
            HANDOFF => self.hand_off(request).await,
            paths::ACCESS => self.access(request).await,
            paths::SESSIONS => self.sessions_page(request).await,
            paths::END => self.end_page(request).await,
            paths::HOME => self.home(request, None).await,
            _ if path.starts_with(CALLBACK) => self.callback(request).await,
            _ if path.starts_with("/s/") => self.home(request, Some(path)).await,
            _ => Self::asset(request),
        };
        response.map(|response| answer::own(response, &self.site))
    }

    fn asset(request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        let asset = assets::find(request.target.path()).ok_or(Failure::NotFound)?;
        Ok(answer::asset(asset, &request.headers))
    }

    /// The person of a console cookie.
    pub(super) async fn person(&self, request: &EdgeRequest) -> Result<Arc<Session>, Failure> {
        let name = Cookie::Session.name(self.origins.console().scheme);
        let Some(token) = request.cookies().token(name) else { return Err(Failure::SignedOut) };
        let began = request.waits.begin();
        let found = self.sessions.find(&token).await;
        let session = match found.map_err(Failure::Session)? {
            Some(session) => self.fresh(session).await,
            None => Err(Failure::SignedOut),
        };
        request.waits.end(Step::Session, began);
        session
    }

    /// The person as pages show them.
    pub(super) fn shown(&self, principal: &Principal) -> Person {
        let ends_sessions = self.policy.has_right(principal, Right::EndSessions);
        Person { ends_sessions, ..Person::from(principal) }
    }

    /// The console, or why there is nothing in it.
    async fn home(&self, request: &EdgeRequest, path: Option<&str>) -> Result<Response<Body>, Failure> {
        let session = match self.person(request).await {
            // Only a whole page is sent to the provider: a frame or a script could not sign in there.
            Err(Failure::SignedOut) if request.fetch.destination == Destination::Page => {
                return Ok(sign_in::gate(request));
            }
            other => other?,
        };
        let principal = session.principal();
        let entries = self.entries(&principal, request.client);
        if entries.is_empty() {
            return self.nothing_to_open(&session, request).await;
        }
        let selected = path.map(|path| self.selected(path, &entries).ok_or(Failure::NotFound)).transpose()?;
        let person_mark = self.sessions.person_mark(principal.subject());
        let names_something = selected.is_some();
        let page = ConsolePage { person: self.shown(&principal), person_mark, entries, selected }.render(&self.site);
        if names_something {
            return Ok(answer::page(StatusCode::OK, page));
        }
        Ok(answer::packed_page(page, &request.headers))
    }

    /// What somebody may open, from where they are now.
    fn entries(&self, principal: &Principal, client: ClientAddr) -> Vec<Entry> {
        let circumstances = Circumstances::of(principal, client, self.clock.now());
        self.policy.reach(principal, &circumstances).into_iter().map(|reach| self.entry(reach)).collect()
    }

    /// The entry that an address names: `/s/server/service/account`, or the first that fits a shorter one.
    fn selected(&self, path: &str, entries: &[Entry]) -> Option<Entry> {
        let mut names = path.strip_prefix("/s/")?.split('/');
        let server = names.next()?.parse().ok()?;
        let service = names.next().map(str::parse).transpose().ok()?;
        let account = names.next().map(str::parse).transpose().ok()?;
        if names.next().is_some() {
            return None;
        }
        let fits = |entry: &&Entry| {
            entry.server == server
                && service.is_none_or(|service| entry.service == service)
                && account.as_ref().is_none_or(|account| entry.account == *account)
        };
        let found = entries.iter().find(fits).cloned();
        // One that is not theirs is opened all the same, so that the refusal is explained and recorded.
        found.or_else(|| Some(self.entry(Reach { server, service: service?, account: account? })))
    }

    pub(super) fn entry(&self, reach: Reach) -> Entry {
        let server_name = match self.directory.servers.get(&reach.server) {
            Some(server) if self.origins.panel(&reach.server, reach.service).is_some() => server.name.clone(),
            _ => reach.server.to_string(),
        };
        let trouble = self.health.server(reach.server.as_str());
        Entry { server: reach.server, server_name, service: reach.service, account: reach.account, trouble }
    }

    /// Somebody who is signed in and may open nothing: recorded like any denial, and explained.
    async fn nothing_to_open(&self, session: &Session, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        let (principal, reference) = (session.principal(), request.reference);
        let standing = self.policy.standing(&principal);
        let (reason, code) = if standing.role_groups.is_empty() {
            (NoAccess::NoRoleGroup, Reason::NoRoleGroup)
        } else if standing.may_connect {
            (NoAccess::NoServer(standing.role_groups), Reason::NoRuleForServer)
        } else {
            (NoAccess::NoConnectPermission(standing.role_groups), Reason::NoConnectPermission)
        };
        self.metrics.denied(code.as_str());
        let event = Event::new(Kind::AccessDenied, Outcome::Denied, reference, self.clock.now())
            .client(request.client)
            .session(session)
            .reason(code.as_str());
        self.audit.record(&event).await.map_err(Failure::Audit)?;
        let provider = self.providers.of(principal.subject());
        let page = NoAccessPage {
            person: self.shown(&principal),
            reason,
            provider: provider.map_or_else(|| principal.subject().iss.clone(), |provider| provider.name().to_owned()),
            groups: principal.groups().to_vec(),
            reference,
        };
        Ok(answer::page(StatusCode::FORBIDDEN, page.render(&self.site)))
    }

    fn signed_out_page(&self, request: &EdgeRequest) -> Response<Body> {
        let is_only_here = request.target.query() == Some(ONLY_HERE);
        let provider_session_ended = !is_only_here && self.providers.iter().all(Provider::can_end_sessions);
        let page = SignedOutPage { sign_in: paths::SIGN_IN.into(), provider_session_ended };
        answer::page(StatusCode::OK, page.render(&self.site))
    }

    /// A stream that ends with the session. Past the limit there is none, which tells the browser not to ask again.
    async fn notices_for(&self, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        let session = self.watched(request).await?;
        let known = parameter(&request.target, "list");
        let missed = match known {
            Some(mark) if mark != console::list_mark(&self.entries(&session.principal(), request.client)) => {
                Missed::List
            }
            _ => Missed::Nothing,
        };
        let stream = self.notices.listen(&session, missed, &self.draining);
        Ok(stream.map_or_else(|| answer::status(StatusCode::NO_CONTENT), answer::events))
    }

    /// The list of servers as it is now, for an open console.
    async fn list_for(&self, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        let session = self.watched(request).await?;
        self.same_person(request, &session)?;
        let entries = self.entries(&session.principal(), request.client);
        Ok(answer::packed_page(console::server_list(&entries), &request.headers))
    }

    /// The session of a console cookie, looked at without being used.
    async fn watched(&self, request: &EdgeRequest) -> Result<Arc<Session>, Failure> {
        let name = Cookie::Session.name(self.origins.console().scheme);
        let Some(token) = request.cookies().token(name) else { return Err(Failure::SignedOut) };
        self.sessions.watched(&token).await.map_err(Failure::Session)?.ok_or(Failure::SignedOut)
    }

    /// Whether a page of the console is still the person's. In another tab, somebody else may have signed in
    /// since; what the page asks for is then not asked for by them.
    fn same_person(&self, request: &EdgeRequest, session: &Session) -> Result<(), Failure> {
        let is_marked = |told: &HeaderValue| self.sessions.is_marked(told.as_bytes(), session.principal().subject());
        if request.headers.get(&PERSON).is_none_or(is_marked) { Ok(()) } else { Err(Failure::OtherPerson) }
    }

    async fn session_lives(&self, request: &EdgeRequest) -> Result<Response<Body>, Failure> {
        let session = self.watched(request).await?;
        self.same_person(request, &session)?;
        Ok(answer::status(StatusCode::NO_CONTENT))
    }

    /// `POST /api/open`: opens the panel session and says where the frame goes.
    async fn open_for_script(&self, request: &EdgeRequest, body: Incoming) -> Result<Response<Body>, Failure> {
        let session = self.person(request).await?;
        self.same_person(request, &session)?;
        let body = tokio::time::timeout(self.pace.grace, Limited::new(body, API_BODY).collect()).await;
        let body = body.map_err(|_| Failure::BadBody)?.map_err(|_| Failure::BadBody)?.to_bytes();
        let wanted: OpenRequest = serde_json::from_slice(&body).map_err(|_| Failure::BadBody)?;
        let OpenRequest { server, service, account } = wanted;
        let access = AccessRequest::direct(server, service, account);
        let EdgeRequest { reference, client, ref waits, .. } = *request;
        let asked = Asked { reference, client, session: &session, before: None, waits };
        let (grant, frame) = self.open_by_name(access, &asked).await?;
        let entry = self.entry(Reach {
            server: grant.server().clone(),
            service: grant.service(),
            account: grant.account().clone(),
        });
        Ok(answer::json(StatusCode::OK, &Opened::new(&entry, frame)))
    }
}
