//! A request paired with the panel session that it may use.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Request;
use tokio_util::sync::CancellationToken;

use crate::model::Target;
use crate::panel::page_cookies_from_browser;
use crate::panel_session::open::PanelSession;
use crate::policy::Grant;
use crate::rewrite;
use crate::rewrite::PanelAddresses;
use crate::session::Session;
use crate::upstream::Body;

/// What of a checked request goes on to the server.
pub struct Incoming<'r> {
    /// The method.
    pub method: Method,
    /// Path and query, exactly as they were judged.
    pub target: &'r Target,
    /// The browser's header lines, of which the listed ones pass.
    pub headers: &'r HeaderMap,
    /// The body.
    pub body: Body,
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("method", &self.method).finish_non_exhaustive()
    }
}

/// The grant is for another server, service, account or person than the panel session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the panel session does not belong to the grant")]
pub struct Mismatch;

/// A request that may be sent: made by spending a [`Grant`] on the panel session that belongs to it.
///
/// The proxy sends nothing else, and this is the only way to make one (`tests/proofs.rs`).
#[must_use = "a signed request that is not sent spent its grant for nothing"]
pub struct SignedRequest {
    session: Arc<PanelSession>,
    request: Request<Body>,
    ended: CancellationToken,
}

impl SignedRequest {
    /// Spends the grant on this request.
    ///
    /// # Errors
    /// [`Mismatch`] when the panel session is for something or somebody else than what was granted.
    pub fn sign(
        grant: Grant,
        session: &Session,
        panel: Arc<PanelSession>,
        addresses: &PanelAddresses,
        incoming: Incoming<'_>,
    ) -> Result<Self, Mismatch> {
        let place = panel.place();
        let granted = (grant.server(), grant.service(), grant.account());
        let is_meant = granted == (&place.server, place.service, &place.account) && addresses.service == place.service;
        if !is_meant || panel.owner() != session.id() {
            return Err(Mismatch);
        }
        drop(grant);
        let cookies = panel.cookies(&page_cookies_from_browser(incoming.headers));
        let headers = rewrite::request_headers(incoming.headers, addresses, panel.home(), cookies);
        let mut request = Request::new(incoming.body);
        *request.method_mut() = incoming.method;
        *request.uri_mut() = incoming.target.uri();
        *request.headers_mut() = headers;
        let ended = panel.ended().clone();
        Ok(Self { session: panel, request, ended })
    }

    /// The same request as a WebSocket handshake, under this key, with what the browser offered.
    pub fn with_handshake(mut self, offered: &HeaderMap, key: HeaderValue) -> Self {
        rewrite::handshake_headers(self.request.headers_mut(), offered, key);
        self
    }

    /// The panel session.
    pub fn session(&self) -> &Arc<PanelSession> {
        &self.session
    }

    /// Takes it apart, for sending.
    pub(crate) fn into_parts(self) -> (Arc<PanelSession>, Request<Body>, CancellationToken) {
        (self.session, self.request, self.ended)
    }
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest").field("session", &self.session).finish_non_exhaustive()
    }
}
