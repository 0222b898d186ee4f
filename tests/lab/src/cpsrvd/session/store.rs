//! The sessions of a server: waiting for their login URL to be used, or alive.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use serde::Serialize;

use super::cookies::encode;
use crate::cpsrvd::random;
use crate::cpsrvd::service::Service;
use crate::cpsrvd::sync::lock;

/// Sessions beyond this number push out the oldest.
const KEPT: usize = 10_000;

/// A session that works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LiveSession {
    /// Who is signed in.
    pub user: String,
    /// To what.
    pub service: Service,
    /// `/cpsess##########`.
    pub security_token: String,
    /// The address that IP validation compares with.
    pub address: IpAddr,
    /// How it was made: `create_user_session`, `handle_form_login`, …
    pub method: String,
    /// Who made it.
    pub creator: String,
    /// The value of its cookie, encoded as it was sent.
    pub cookie: String,
}

/// How a session is to be made.
#[derive(Clone, Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) user: &'a str,
    pub(crate) service: Service,
    pub(crate) creator: &'a str,
    pub(crate) method: &'static str,
    /// `/cpsess##########`, or none for a random one.
    pub(crate) security_token: Option<String>,
    /// Path below the security token where the login ends.
    pub(crate) landing: String,
    /// The locale to set a cookie for.
    pub(crate) locale: Option<String>,
    /// The address to bind to, if it is not the one that uses the login URL.
    pub(crate) address: Option<IpAddr>,
}

/// One session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// `USER:RAND16`, which the session log calls it by.
    pub(crate) name: String,
    /// The string that the login URL carries.
    pub(crate) string: String,
    pub(crate) user: String,
    pub(crate) service: Service,
    pub(crate) creator: String,
    pub(crate) method: &'static str,
    pub(crate) security_token: String,
    pub(crate) landing: String,
    pub(crate) locale: Option<String>,
    /// The encoded cookie value.
    pub(crate) cookie: String,
    pub(crate) address: Option<IpAddr>,
    /// Whether the security questions still stand before the pages.
    pub(crate) questions: bool,
    stage: Stage,
    wrong_tokens: u32,
    used: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Until the login URL was used.
    Waiting {
        since: Instant,
    },
    Live,
}

/// All sessions of a server.
#[derive(Debug, Default)]
pub(crate) struct SessionStore {
    sessions: Mutex<Vec<Session>>,
    /// Time that tests have let pass, on top of what has passed.
    passed: Mutex<Duration>,
}

impl SessionStore {
    /// Lets time pass for the sessions.
    pub(crate) fn let_pass(&self, time: Duration) {
        *lock(&self.passed) += time;
    }

    fn now(&self) -> Instant {
        Instant::now() + *lock(&self.passed)
    }

    /// Makes a session that waits for its login URL to be used.
    pub(crate) fn open(&self, opening: &Opening<'_>) -> Session {
        let now = self.now();
        let session = Session { stage: Stage::Waiting { since: now }, used: now, ..Session::new(opening) };
        let mut sessions = lock(&self.sessions);
        if sessions.len() >= KEPT {
            sessions.remove(0);
        }
        sessions.push(session.clone());
        session
    }

    /// Uses a login URL: once, in time, on its own service and under its own security token.
    pub(crate) fn redeem(
        &self,
        (service, token): (Service, Option<&str>),
        string: &str,
        address: IpAddr,
        lifetime: Duration,
    ) -> Option<Session> {
        let mut sessions = lock(&self.sessions);
        let session = sessions.iter_mut().find(|session| session.string == string)?;
        let Stage::Waiting { since } = session.stage else { return None };
        if session.service != service
            || token != Some(&*session.security_token)
            || self.now().duration_since(since) >= lifetime
        {
            return None;
        }
        session.stage = Stage::Live;
        session.used = self.now();
        session.address.get_or_insert(address);
        Some(session.clone())
    }

    /// The live session with this cookie, unless it was idle for too long.
    pub(crate) fn by_cookie(
        &self,
        service: Service,
        is_cookie: impl Fn(&str) -> bool,
        idle: Option<Duration>,
    ) -> Option<Session> {
        let now = self.now();
        let mut sessions = lock(&self.sessions);
        let idle_at = |session: &Session| now.duration_since(session.used);
        sessions.retain(|session| session.stage != Stage::Live || idle.is_none_or(|limit| idle_at(session) < limit));
        sessions
            .iter()
            .find(|session| session.stage == Stage::Live && session.service == service && is_cookie(&session.cookie))
            .cloned()
    }

    /// Starts the idle time anew.
    pub(crate) fn touch(&self, name: &str) {
        let now = self.now();
        self.change(name, |session| session.used = now);
    }

    /// Counts a wrong security token and gives the count.
    pub(crate) fn count_wrong_token(&self, name: &str) -> u32 {
        self.change(name, |session| {
            session.wrong_tokens += 1;
            session.wrong_tokens
        })
        .unwrap_or(0)
    }

    /// Puts the security questions before the pages, or takes them away.
    pub(crate) fn set_questions(&self, name: &str, questions: bool) {
        self.change(name, |session| session.questions = questions);
    }

    /// Ends one session.
    pub(crate) fn end(&self, name: &str) {
        self.end_where(|session| session.name == name);
    }

    /// Ends sessions, used or not, and gives their number.
    pub(crate) fn end_where(&self, which: impl Fn(&Session) -> bool) -> usize {
        let mut sessions = lock(&self.sessions);
        let before = sessions.len();
        sessions.retain(|session| !which(session));
        before - sessions.len()
    }

    /// Whether this session still lives.
    pub(crate) fn is_live(&self, name: &str) -> bool {
        lock(&self.sessions).iter().any(|session| session.name == name && session.stage == Stage::Live)
    }

    /// The live sessions, the oldest first.
    pub(crate) fn live(&self) -> Vec<LiveSession> {
        let sessions = lock(&self.sessions);
        let live = sessions.iter().filter(|session| session.stage == Stage::Live);
        live.filter_map(|session| {
            Some(LiveSession {
                user: session.user.clone(),
                service: session.service,
                security_token: session.security_token.clone(),
                address: session.address?,
                method: session.method.to_owned(),
                creator: session.creator.clone(),
                cookie: session.cookie.clone(),
            })
        })
        .collect()
    }

    fn change<T>(&self, name: &str, change: impl FnOnce(&mut Session) -> T) -> Option<T> {
        lock(&self.sessions).iter_mut().find(|session| session.name == name).map(change)
    }
}

impl Session {
    /// A session that no store knows yet.
    pub(super) fn new(opening: &Opening<'_>) -> Self {
        let name = format!("{}:{}", opening.user, random::word(16));
        Self {
            string: format!("{name}:{},{}", opening.method, random::hex(32)),
            user: opening.user.to_owned(),
            service: opening.service,
            creator: opening.creator.to_owned(),
            method: opening.method,
            security_token: opening.security_token.clone().unwrap_or_else(|| format!("/cpsess{}", random::digits(10))),
            landing: opening.landing.clone(),
            locale: opening.locale.clone(),
            cookie: encode(&format!("{}:{},{}", opening.user, random::word(16), random::hex(32))),
            address: opening.address,
            questions: false,
            stage: Stage::Waiting { since: Instant::now() },
            wrong_tokens: 0,
            used: Instant::now(),
            name,
        }
    }

    /// What the session log says about a new session.
    pub(crate) fn new_event(&self, address: IpAddr) -> String {
        let possessed = u8::from(self.creator != self.user && self.creator != "root");
        format!(
            "NEW {} address={address},app={},creator={},method={},path=form,possessed={possessed}",
            self.name,
            self.service.name(),
            self.creator,
            self.method,
        )
    }
}
