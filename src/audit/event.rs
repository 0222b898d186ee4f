//! One audit event.

use std::sync::Arc;

use http::Method;
use http::StatusCode;
use serde::Serialize;

use crate::audit::known::From;
use crate::audit::known::Panel;
use crate::audit::written;
use crate::audit::written::Groups;
use crate::audit::written::Name;
use crate::audit::written::Shown;
use crate::audit::written::Who;
use crate::identity::Principal;
use crate::model::Account;
use crate::model::Action;
use crate::model::ClientAddr;
use crate::model::DirectoryVersion;
use crate::model::ReferenceId;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Timestamp;
use crate::policy::Denial;
use crate::policy::Grant;
use crate::session::EntryPlace;
use crate::session::Listed;
use crate::session::Session;

/// The schema's name and version. A field is never given another meaning under the same version.
const SCHEMA: &str = "panelgate.audit/1";

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The gateway began to serve.
    GatewayStarted,
    /// The gateway stopped.
    GatewayStopped,
    /// A sign-in ended: somebody is signed in, or was refused.
    SignIn,
    /// Somebody who is signed in was asked for a fresher or stronger sign-in, and it came or not.
    StepUp,
    /// Somebody signed out.
    SignOut,
    /// A session was ended by something else than its person: the provider, a colleague, the command line.
    SessionEnded,
    /// What was open on a server was ended by hand.
    ServerClosed,
    /// A server is in another condition than before, or an operator accepts the one it is in.
    ServerCondition,
    /// A server enters the directory.
    ServerEnrolled,
    /// A server's API token is stored, changed or revoked.
    TokenChanged,
    /// The vault as a whole: its key is changed, or its tokens are written to or read from a file.
    VaultChanged,
    /// A server's panels answer to strangers, or no longer.
    ShieldChanged,
    /// A provider's word that somebody signed out was refused.
    ProviderLogout,
    /// The provider names other groups for somebody who is signed in. The event has the new ones.
    GroupsChanged,
    /// A panel session is opened. Comes twice: `begun` before the act, then its end.
    PanelOpen,
    /// A panel session that the server had ended is opened again.
    PanelRenew,
    /// Somebody goes on from a panel to another account or service. Comes twice, like `panel.open`.
    PanelHop,
    /// Somebody logs out of a panel.
    PanelLeave,
    /// A browser is let into a panel origin.
    PanelEnter,
    /// A panel session was cut because access was lost, or the server's entry is another one.
    PanelCut,
    /// A request to a panel that could not be carried out, or that is not for people.
    PanelRequest,
    /// Policy said no.
    AccessDenied,
    /// The configuration was read again: another version is in force, or what was found was refused.
    ConfigReload,
    /// Events can be written again, or the chain of records went on after a crash or a loss.
    AuditResumed,
    /// An old audit file is removed.
    AuditPruned,
    /// Records of requests were left out because the disk did not keep up.
    AuditShed,
}

impl Kind {
    /// The name as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GatewayStarted => "gateway.started",
            Self::GatewayStopped => "gateway.stopped",
            Self::SignIn => "sign_in",
            Self::StepUp => "session.step_up",
            Self::SignOut => "sign_out",
            Self::SessionEnded => "session.ended",
            Self::ServerClosed => "server.closed",
            Self::ServerCondition => "server.condition",
            Self::ServerEnrolled => "server.enrolled",
            Self::TokenChanged => "token.changed",
            Self::VaultChanged => "vault.changed",
            Self::ShieldChanged => "shield.changed",
            Self::ProviderLogout => "provider.logout",
            Self::GroupsChanged => "session.groups_changed",
            Self::PanelHop => "panel.hop",
            Self::PanelLeave => "panel.leave",
            Self::PanelOpen => "panel.open",
            Self::PanelRenew => "panel.renew",
            Self::PanelEnter => "panel.enter",
            Self::PanelCut => "panel.cut",
            Self::PanelRequest => "panel.request",
            Self::AccessDenied => "access.denied",
            Self::ConfigReload => "config.reload",
            Self::AuditResumed => "audit.resumed",
            Self::AuditPruned => "audit.pruned",
            Self::AuditShed => "audit.shed",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is about to happen.
    Begun,
    /// It happened.
    Succeeded,
    /// It failed.
    Failed,
    /// It was not allowed.
    Denied,
    /// Nobody said how it ended: the request was dropped or the gateway broke off.
    Abandoned,
}

impl Outcome {
    /// The name as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Abandoned => "abandoned",
        }
    }
}

/// One line of the audit log.
#[derive(Clone, Debug)]
pub struct Event {
    head: Head,
    panel: Panel,
    pub(super) rest: Rest,
}

/// What it is, and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) time: Timestamp,
    pub(super) kind: Kind,
    pub(super) outcome: Outcome,
    pub(super) reference: ReferenceId,
    pub(super) client: Option<ClientAddr>,
}

impl Head {
    /// Written by hand, as every record has one: words of ours, digits and an address, in which nothing needs an
    /// escape.
    pub(super) fn write(&self, json: &mut Vec<u8>) {
        let Self { time, kind, outcome, reference, client } = self;
        let mut put = |name: &str, text: &[u8]| {
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(text);
        };
        put("{\"schema\":\"", SCHEMA.as_bytes());
        put("\",\"time\":\"", time.text().as_bytes());
        put("\",\"kind\":\"", kind.as_str().as_bytes());
        put("\",\"outcome\":\"", outcome.as_str().as_bytes());
        put("\",\"reference\":\"", reference.as_bytes());
        if let Some(client) = client {
            put("\",\"client\":\"", client.text().as_bytes());
        }
        put("\"", b"}");
    }
}

/// What it did, and what came of that.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Rest {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<Name<Method>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) torn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) removed_to: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shed: Option<u64>,
}

/// Longest text of a detail, in bytes.
const MAX_DETAIL: usize = 500;

impl Event {
    /// An event of this kind, now, under this reference.
    pub fn new(kind: Kind, outcome: Outcome, reference: ReferenceId, now: Timestamp) -> Self {
        let head = Head { time: now, kind, outcome, reference, client: None };
        Self { head, panel: Panel::default(), rest: Rest::default() }
    }

    /// From which address.
    #[must_use]
    pub fn client(mut self, client: ClientAddr) -> Self {
        self.head.client = Some(client);
        self
    }

    /// Who, with the groups as they were judged.
    #[must_use]
    pub fn principal(self, principal: &Principal) -> Self {
        self.person(Arc::new(principal.clone()))
    }

    fn person(mut self, principal: Arc<Principal>) -> Self {
        self.panel.subject = Some(Who::Person(Arc::clone(&principal)));
        self.panel.groups = Groups(Some(principal));
        self
    }

    /// Who did it to them: an operator, as the machine knows them, or a person as `sub` at their provider.
    #[must_use]
    pub fn by(mut self, by: &str) -> Self {
        self.panel.by = Some(by.to_owned());
        self
    }

    /// Which session, as it is listed, and so whose.
    #[must_use]
    pub fn session_of(mut self, listed: &Listed) -> Self {
        self.panel.session = Some(Shown(listed.id.tag()));
        let Listed { subject, name, .. } = listed;
        self.panel.subject = Some(Who::Listed(Box::new((subject.clone(), name.clone()))));
        self
    }

    /// In which session, and so who.
    #[must_use]
    pub fn session(mut self, session: &Session) -> Self {
        self.panel.session = Some(Shown(session.tag()));
        self.person(session.principal())
    }

    /// What was allowed, and by which line.
    #[must_use]
    pub fn grant(mut self, grant: &Grant) -> Self {
        self.panel.server = Some(Name(grant.server().clone()));
        self.panel.service = Some(grant.service().as_str());
        self.panel.account = Some(Name(grant.account().clone()));
        self.panel.through = grant.through().cloned().map(Name);
        self.panel.rule = Some(Shown(grant.source().clone()));
        self.panel.directory = Some(Name(grant.version().clone()));
        self
    }

    /// Which panel, where there is no grant to say it.
    #[must_use]
    pub fn place(mut self, server: &ServerId, service: Service) -> Self {
        self.panel.server = Some(Name(server.clone()));
        self.panel.service = Some(service.as_str());
        self
    }

    /// From which panel of the same server.
    #[must_use]
    pub fn from(mut self, place: &EntryPlace) -> Self {
        self.panel.from = Some(From { service: place.service.as_str(), account: Name(place.account.clone()) });
        self
    }

    /// Which server.
    #[must_use]
    pub fn server(mut self, server: &ServerId) -> Self {
        self.panel.server = Some(Name(server.clone()));
        self
    }

    /// What was not allowed, and why.
    #[must_use]
    pub fn denial(mut self, denial: &Denial) -> Self {
        self.panel.server = Some(Name(denial.request.server.clone()));
        self.panel.service = Some(denial.request.service.as_str());
        self.panel.account = Some(Name(denial.request.account.clone()));
        self.panel.through = denial.request.through.clone().map(Name);
        self.panel.directory = Some(Name(denial.version.clone()));
        self.reason(denial.reason.as_str())
    }

    /// Why, as a code of a closed list.
    #[must_use]
    pub fn reason(mut self, code: &'static str) -> Self {
        self.rest.reason = Some(code);
        self
    }

    /// What was asked of a server: the method, the path without a security token, and what that does.
    #[must_use]
    pub fn request(mut self, method: &Method, path: String, action: Option<Action>) -> Self {
        self.rest.method = Some(Name(method.clone()));
        self.rest.path = Some(path);
        self.rest.action = action;
        self
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.rest.status = Some(status.as_u16());
        self
    }

    /// The account, where there is no grant to say it.
    #[must_use]
    pub fn account(mut self, account: &Account) -> Self {
        self.panel.account = Some(Name(account.clone()));
        self
    }

    /// The version of the directory that is in force.
    #[must_use]
    pub fn directory(mut self, version: &DirectoryVersion) -> Self {
        self.panel.directory = Some(Name(version.clone()));
        self
    }

    /// What there is to say beside the reason, in words that hold no secret; at most 500 bytes of it.
    #[must_use]
    pub fn detail(mut self, text: &str) -> Self {
        let end = text.floor_char_boundary(MAX_DETAIL);
        self.rest.detail = text.get(..end).map(str::to_owned);
        self
    }

    /// The same event with another outcome, at another time.
    #[must_use]
    pub(super) fn ended(mut self, outcome: Outcome, now: Timestamp) -> Self {
        self.head.outcome = outcome;
        self.head.time = now;
        self
    }

    /// When.
    pub(super) fn time(&self) -> Timestamp {
        self.head.time
    }

    /// What happened.
    pub(super) fn kind(&self) -> Kind {
        self.head.kind
    }

    /// Writes it as one object, without its place in the chain.
    pub(super) fn write(&self, json: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        self.head.write(json);
        written::append(json, &self.panel)?;
        written::append(json, &self.rest)
    }
}
