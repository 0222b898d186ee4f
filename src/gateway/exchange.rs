//! One request at the server, and once more if the server has dropped the panel session meanwhile.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::Response;
use http::StatusCode;
use tokio::sync::Notify;

use crate::edge;
use crate::edge::Handshake;
use crate::gateway::Gateway;
use crate::gateway::failure::Failure;
use crate::gateway::open::Asked;
use crate::model::Target;
use crate::panel::Lost;
use crate::panel_session;
use crate::panel_session::Cause;
use crate::panel_session::Claim;
use crate::panel_session::PanelSession;
use crate::panel_session::SignedRequest;
use crate::policy::AccessRequest;
use crate::policy::Grant;
use crate::proxy;
use crate::proxy::Answer;
use crate::proxy::Connected;
use crate::proxy::Keeper;
use crate::proxy::Tunnel;
use crate::rewrite;
use crate::rewrite::PanelAddresses;
use crate::session::Session;
use crate::telemetry::Step;
use crate::upstream::Body;
use crate::upstream::empty;

/// A request for a server, apart from its body.
pub(super) struct Errand<'a> {
    pub(super) method: &'a Method,
    pub(super) target: &'a Target,
    pub(super) headers: &'a HeaderMap,
    pub(super) websocket: Option<&'a Handshake>,
    pub(super) addresses: &'a PanelAddresses,
    pub(super) access: &'a (dyn Fn() -> AccessRequest + Sync),
    pub(super) asked: &'a Asked<'a>,
    /// The version of the panel session that the answer came under, for the browser to bring along; 0 for one
    /// that other gateways do not have.
    pub(super) version: &'a AtomicU64,
}

/// What came of a request.
pub(super) enum Came {
    /// An answer.
    Answer(Answer),
    /// An open WebSocket.
    Socket(Tunnel),
    /// The server has given the panel session another security token: the same request belongs there.
    Moved(String),
}

impl Gateway {
    /// Sends a request. If the server shows that the panel session is gone, opens a new one under the same
    /// security token, and sends the request again if it was not carried out and its body is still there.
    pub(super) async fn exchange(
        &self,
        errand: &Errand<'_>,
        grant: Grant,
        panel: Arc<PanelSession>,
        (body, keeper): (Body, Keeper),
    ) -> Result<Came, Failure> {
        let answer = match self.attempt(errand, grant, &panel, body).await? {
            Came::Answer(answer) if answer.lost.is_some() => answer,
            came @ (Came::Answer(_) | Came::Socket(_) | Came::Moved(_)) => return Ok(came),
        };
        match answer.lost {
            Some(_) if !answer.needed => Err(Failure::Withheld),
            // A new session has brought the same answer a while ago: it is what the server has to say.
            Some(lost) if lost.is_doubtful() && self.panels.is_in_doubt(&panel) => Ok(Came::Answer(answer)),
            Some(lost) => Box::pin(self.once_more(errand, &panel, lost, keeper)).await,
            None => Ok(Came::Answer(answer)),
        }
    }

    async fn once_more(
        &self,
        errand: &Errand<'_>,
        stale: &Arc<PanelSession>,
        lost: Lost,
        keeper: Keeper,
    ) -> Result<Came, Failure> {
        let Errand { asked, target, method, .. } = *errand;
        let cause = if lost.is_doubtful() { Cause::Doubt } else { Cause::Gone };
        tracing::info!(reference = %asked.reference, ?lost, "the server has dropped the panel session");
        let grant = self.authorize((errand.access)(), asked).await?;
        let fresh = self.renew(&grant, stale, cause, asked).await?;
        match fresh.claimed_by(target) {
            Claim::Own | Claim::Nobody => {}
            Claim::Former(address) if errand.websocket.is_none() => return Ok(Came::Moved(address)),
            Claim::Former(_) | Claim::Another => return Err(Failure::Renewed),
        }
        // A GET changes nothing (RFC 9110 section 9.2.1); anything else only if the server refused it.
        let repeatable = lost.is_unexecuted() || matches!(*method, Method::GET | Method::HEAD);
        let body = keeper.again().filter(|_| repeatable).ok_or(Failure::Renewed)?;
        match self.attempt(errand, grant, &fresh, body).await? {
            Came::Answer(answer) if answer.lost.is_some() => {
                let rest = self.panels.was_no_use(&fresh, cause);
                // What a new session brings too is the answer to this request, unless it is a sign-in page:
                // that is nothing to show, there is no password to type.
                if cause == Cause::Doubt { Ok(Came::Answer(answer)) } else { Err(Failure::Open(rest.error)) }
            }
            came @ (Came::Answer(_) | Came::Socket(_) | Came::Moved(_)) => Ok(came),
        }
    }

    async fn attempt(
        &self,
        errand: &Errand<'_>,
        grant: Grant,
        panel: &Arc<PanelSession>,
        body: Body,
    ) -> Result<Came, Failure> {
        let incoming = panel_session::Incoming {
            method: errand.method.clone(),
            target: errand.target,
            headers: errand.headers,
            body,
        };
        let signed = SignedRequest::sign(grant, errand.asked.session, Arc::clone(panel), errand.addresses, incoming)
            .map_err(Failure::Sign)?;
        if errand.websocket.is_none() {
            let forwarded = pin!(proxy::forward(signed, self.pace));
            let forwarded = errand.asked.waits.on(Step::Server, forwarded).await.map_err(Failure::Proxy)?;
            if panel.is_shared() {
                errand.asked.waits.on(Step::Panel, Box::pin(self.panels.keep(panel, forwarded.lost.is_none()))).await;
                errand.version.store(panel.version(), Ordering::Relaxed);
            }
            return Ok(Came::Answer(forwarded));
        }
        Box::pin(self.shake_hands(errand, panel, signed)).await
    }

    /// Asks the server for a WebSocket.
    async fn shake_hands(
        &self,
        errand: &Errand<'_>,
        panel: &Arc<PanelSession>,
        signed: SignedRequest,
    ) -> Result<Came, Failure> {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes).map_err(|_| Failure::Random)?;
        let key = STANDARD.encode(bytes);
        let value = HeaderValue::from_str(&key).map_err(|_| Failure::Random)?;
        let signed = signed.with_handshake(errand.headers, value);
        let accept = edge::accept(&key);
        let connected = errand.asked.waits.on(Step::Server, proxy::connect(signed, &accept, self.pace)).await;
        let connected = connected.map_err(Failure::Proxy)?;
        if panel.is_shared() {
            Box::pin(self.panels.keep(panel, matches!(connected, Connected::Open(_)))).await;
        }
        match connected {
            Connected::Answered(answer) => Ok(Came::Answer(answer)),
            Connected::Open(tunnel) => Ok(Came::Socket(tunnel)),
        }
    }

    /// Answers a WebSocket handshake; the socket then lives in a task of its own, under the session.
    pub(super) fn switch(
        &self,
        tunnel: Tunnel,
        handshake: Handshake,
        offered: &HeaderMap,
        session: Arc<Session>,
    ) -> Result<Response<Body>, Failure> {
        let Handshake { accept, socket } = handshake;
        // Over HTTP/2 there is nothing to switch: the stream itself becomes the socket (RFC 8441 section 5).
        let status = if accept.is_some() { StatusCode::SWITCHING_PROTOCOLS } else { StatusCode::OK };
        let headers = rewrite::handshake_answer(&tunnel.headers, offered, accept).map_err(Failure::Rewrite)?;
        let mut mask = [0; 4];
        self.random.fill(&mut mask).map_err(|_| Failure::Random)?;
        let (idle, draining, sessions) = (self.websocket_idle, self.draining.clone(), Arc::clone(&self.sessions));
        self.tunnels.spawn(async move {
            let used = Notify::new();
            tokio::select! {
                () = tunnel.run(socket, idle, draining, mask, &used) => {}
                // Who types into a terminal is at work, though no request comes.
                () = sessions.keep_in_use(session, &used) => {}
            }
        });
        let mut response = Response::new(empty());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}
