//! What a panel origin answers.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Response;
use http::StatusCode;
use http::header::ACCEPT_ENCODING;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use url::Url;

use crate::audit::Outcome;
use crate::console::LeavePage;
use crate::console::OwnTabPage;
use crate::console::assets;
use crate::edge::Arrival;
use crate::edge::Cookies;
use crate::edge::Destination;
use crate::edge::EdgeRequest;
use crate::edge::Framing;
use crate::edge::PanelOrigin;
use crate::edge::RESERVED;
use crate::gateway::Gateway;
use crate::gateway::answer;
use crate::gateway::cookie::Cookie;
use crate::gateway::exchange::Came;
use crate::gateway::exchange::Errand;
use crate::gateway::failure::Failure;
use crate::gateway::handoff::parameter;
use crate::gateway::meant::Meant;
use crate::gateway::meant::meant_for;
use crate::gateway::note::Note;
use crate::gateway::notices::Watched;
use crate::gateway::open::Asked;
use crate::gateway::open::access_to;
use crate::gateway::page;
use crate::gateway::words;
use crate::model::ReferenceId;
use crate::model::Scheme;
use crate::model::Target;
use crate::panel::page_cookies_for_browser;
use crate::panel_session::Claim;
use crate::panel_session::PanelSession;
use crate::policy::Grant;
use crate::proxy;
use crate::proxy::Answer;
use crate::proxy::Keeper;
use crate::proxy::ProxyError;
use crate::rewrite;
use crate::rewrite::PanelAddresses;
use crate::session::Entry;
use crate::telemetry::Step;
use crate::upstream::Body;
use crate::upstream::empty;
use crate::upstream::streamed;

impl Gateway {
    /// Answers a request on a panel origin.
    pub(super) async fn panel(
        &self,
        request: &mut EdgeRequest,
        body: Incoming,
        origin: &PanelOrigin,
    ) -> Result<Response<Body>, Failure> {
        let meant = meant_for(&request.target);
        if request.target.path().starts_with(RESERVED) && !matches!(meant, Meant::Hop(..)) {
            let response = Box::pin(self.reserved(request, origin)).await?;
            return Ok(answer::own(response, &self.site));
        }
        let began = request.waits.begin();
        let entered = self.entered(request, origin).await;
        request.waits.end(Step::Session, began);
        let entry = match entered {
            // A link or a bookmark, in a tab of its own: the console can open it.
            Err(Failure::NotEntered | Failure::SignedOut) if request.fetch.destination == Destination::Page => {
                return Ok(self.to_console(origin));
            }
            // A form stays on the screen: the console knows by itself that the session has ended, and says so.
            Err(Failure::SignedOut)
                if request.fetch.destination == Destination::Frame && request.method == Method::POST =>
            {
                return Ok(answer::own(answer::status(StatusCode::NO_CONTENT), &self.site));
            }
            other => other?,
        };
        if request.arrival == Arrival::Elsewhere {
            return Ok(self.to_console(origin));
        }
        if is_page(request) {
            // Its links are rewritten on the way.
            request.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let request = &*request;
        let (reference, in_frame) = (request.reference, request.fetch.destination == Destination::Frame);
        let Entry { ref session, ref place, .. } = *entry;
        let note = Note::of(request, &entry, self.recorded_form);
        let outcome = match meant {
            Meant::Panel => self.pass(request, body, origin, &note).await,
            Meant::Leaving => Box::pin(self.leave(request, origin, &entry)).await,
            Meant::Hop(service, account) => Box::pin(self.hop(request, body, &entry, service, account)).await,
            Meant::NobodyHere => Err(Failure::Withheld),
        };
        match outcome {
            Ok(response) => {
                note.answered(self, response.status());
                Ok(response)
            }
            Err(failure @ (Failure::Renewed | Failure::Denied(_))) if failure.is_for_the_console() => {
                let told = self.notices.tell(session.id(), place, &failure, reference);
                if !(told && in_frame) {
                    return Err(failure);
                }
                tracing::info!(%reference, code = failure.code(), "request refused; the page stays, and the console says so");
                // Without content, the browser stays on the page, with all that was typed (RFC 9110 section 15.3.5).
                Ok(answer::own(answer::status(StatusCode::NO_CONTENT), &self.site))
            }
            // Either the way to the panel was cut, or another request found the panel session gone, and could not
            // open it again: then this one fails as that one did.
            Err(Failure::Proxy(ProxyError::Ended)) if !session.ended().is_cancelled() => {
                Err(self.panels.resting(session.id(), place).map_or(Failure::Cut, Failure::Resting))
            }
            Err(failure @ (Failure::Proxy(_) | Failure::Rewrite(_) | Failure::Withheld)) => {
                let event = note.event(self, Outcome::Failed).reason(failure.code());
                Box::pin(self.audit.record(&event)).await.map_err(Failure::Audit)?;
                Err(failure)
            }
            other => other,
        }
    }

    /// Our own addresses on a panel origin.
    async fn reserved(&self, request: &EdgeRequest, origin: &PanelOrigin) -> Result<Response<Body>, Failure> {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Err(Failure::NotFound);
        }
        match request.target.path().strip_prefix(RESERVED) {
            Some("enter") => self.enter(request, origin).await,
            Some("leave") => {
                let url = parameter(&request.target, "to").and_then(|to| Url::parse(&to).ok());
                let url = url.ok_or(Failure::NotFound)?;
                let in_frame = request.fetch.destination == Destination::Frame;
                Ok(answer::page(StatusCode::OK, LeavePage { url, in_frame }.render(&self.site)))
            }
            _ => {
                let asset = assets::find(request.target.path()).ok_or(Failure::NotFound)?;
                Ok(answer::asset(asset, &request.headers))
            }
        }
    }

    pub(super) fn to_console(&self, origin: &PanelOrigin) -> Response<Body> {
        let address = format!("{}/s/{}/{}", self.origins.console(), origin.server, origin.service);
        answer::own(answer::see_other(&address), &self.site)
    }

    /// The entry of the panel cookie, if it leads here.
    async fn entered(&self, request: &EdgeRequest, origin: &PanelOrigin) -> Result<Arc<Entry>, Failure> {
        let name = Cookie::Panel(origin.service).name(origin.origin.scheme);
        let token = request.cookies().token(name).ok_or(Failure::NotEntered)?;
        let entry = self.sessions.entry(&token).await.map_err(Failure::Session)?.ok_or(Failure::SignedOut)?;
        self.fresh(Arc::clone(&entry.session)).await?;
        let here = (&entry.place.server, entry.place.service) == (&origin.server, origin.service);
        if here { Ok(entry) } else { Err(Failure::NotEntered) }
    }

    /// policy → audit → panel session → proxy → rewrite
    async fn pass(
        &self,
        request: &EdgeRequest,
        body: Incoming,
        origin: &PanelOrigin,
        note: &Note<'_>,
    ) -> Result<Response<Body>, Failure> {
        let EdgeRequest { reference, client, ref method, ref target, ref headers, ref websocket, ref waits, .. } =
            *request;
        let entry = note.entry();
        let session = &entry.session;
        let asked = Asked { reference, client, session, before: Some(&entry.security_token), waits };
        let access = || access_to(&entry.place);
        let (grant, panel) = self.open(access(), &asked).await?;
        let panel = self.latest(panel, &grant, &asked, (headers, origin)).await;
        match panel.claimed_by(target) {
            Claim::Own | Claim::Nobody => {}
            Claim::Former(address) if websocket.is_none() => {
                return Ok(answer::own(answer::moved(&address), &self.site));
            }
            Claim::Former(_) | Claim::Another => return Err(Failure::Replaced),
        }
        let addresses = self.addresses_of(origin).ok_or(Failure::NotFound)?;
        let body = match request.framing {
            Framing::None => (empty(), Keeper::of_nothing()),
            Framing::Length(_) | Framing::Streamed => self.held.hold(note.listen(streamed(body.map_err(Into::into)))),
        };
        let ended = panel.ended().clone();
        let errand = Errand {
            method,
            target,
            headers,
            websocket: websocket.as_ref(),
            addresses: &addresses,
            access: &access,
            asked: &asked,
            version: &AtomicU64::new(0),
        };
        match self.exchange(&errand, grant, panel, body).await? {
            Came::Answer(answer)
                if request.fetch.destination == Destination::Frame
                    && *method == Method::GET
                    && is_unframeable(&answer) =>
            {
                let page = OwnTabPage { target: target.as_str().to_owned() }.render(&self.site);
                Ok(answer::own(answer::page(StatusCode::OK, page), &self.site))
            }
            Came::Answer(answer) => {
                let is_whole = answer.is_whole;
                let response = respond(answer, target, &addresses)?;
                let mut response = with_version(response, errand.version.load(Ordering::Relaxed), headers, origin);
                if request.fetch.destination == Destination::Frame {
                    response = self.telling(response, entry, reference);
                }
                if is_page(request) {
                    response = page::with_our_links(response, method, target.as_str(), &addresses);
                }
                if is_whole {
                    return Ok(response);
                }
                Ok(response.map(|body| proxy::deliver(body, self.pace.idle, ended, request.connection.clone())))
            }
            Came::Moved(address) => Ok(answer::own(answer::moved(&address), &self.site)),
            Came::Socket(tunnel) => {
                let handshake = websocket.clone().ok_or(Failure::NotFound)?;
                self.switch(tunnel, handshake, headers, Arc::clone(session))
            }
        }
    }

    /// The answer for a frame, of which the console hears if it breaks off.
    fn telling(&self, response: Response<Body>, entry: &Entry, reference: ReferenceId) -> Response<Body> {
        let (notices, problem) = (Arc::clone(&self.notices), words::broken_off(reference));
        let (session, place) = (entry.session.id(), entry.place.clone());
        response.map(|body| streamed(Watched { body, notices, session, place, problem }))
    }

    /// The panel session as other gateways have left it.
    async fn latest(
        &self,
        panel: Arc<PanelSession>,
        grant: &Grant,
        asked: &Asked<'_>,
        (headers, origin): (&HeaderMap, &PanelOrigin),
    ) -> Arc<PanelSession> {
        if !panel.is_shared() {
            return panel;
        }
        let seen = seen_version(headers, origin);
        asked.waits.on(Step::Panel, Box::pin(self.panels.up_to_date(grant, asked.session, panel, seen))).await
    }
}

/// Whether it is for a page of the panel, and not for a part of one.
fn is_page(request: &EdgeRequest) -> bool {
    request.fetch.is_navigation() && request.websocket.is_none()
}

/// The version of the panel session that the browser has seen, wherever that was; 0 for none.
fn seen_version(headers: &HeaderMap, origin: &PanelOrigin) -> u64 {
    Cookies::of(headers).number(Cookie::Seen(origin.service).name(origin.origin.scheme)).unwrap_or_default()
}

/// The answer, with the version that it came under if that is newer than what the browser has seen.
fn with_version(response: Response<Body>, version: u64, headers: &HeaderMap, origin: &PanelOrigin) -> Response<Body> {
    if version == 0 || version <= seen_version(headers, origin) {
        return response;
    }
    answer::with_cookies(response, [Cookie::Seen(origin.service).number(origin.origin.scheme, version)])
}

/// A page that would hide itself, or be hidden, in the frame.
fn is_unframeable(answer: &Answer) -> bool {
    answer.status.is_success() && rewrite::refuses_frames(&answer.headers)
}
fn respond(from: Answer, target: &Target, addresses: &PanelAddresses) -> Result<Response<Body>, Failure> {
    let headers = rewrite::response_headers(from.status, &from.headers, target.as_str(), addresses);
    let mut response = Response::new(from.body);
    *response.status_mut() = from.status;
    *response.headers_mut() = headers.map_err(Failure::Rewrite)?;
    let cookies = page_cookies_for_browser(&from.headers, addresses.console.scheme == Scheme::Https);
    Ok(answer::with_cookies(response, cookies.into_iter().map(Some)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_prefix_is_the_consoles_too() {
        assert_eq!(RESERVED, format!("{}/", crate::console::paths::RESERVED));
    }
}
