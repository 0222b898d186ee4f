//! First contact with a real server: what is believed about cpsrvd, held against one that runs (`docs/cpsrvd.md`,
//! section 9).
//!
//! Every step is announced before it is taken. What is made (a session, tokens) is noted before, and undone at the
//! end, also of a probe that was interrupted. What is told of the answers is redacted where they are read.

mod calls;
mod inferences;
mod pages;
mod reading;
mod record;
mod redact;
mod report;
mod session;
mod steps;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::header::AUTHORIZATION;
use http::header::CONTENT_TYPE;
use http::header::COOKIE;
use http::header::HOST;
use url::form_urlencoded;

use crate::model::Service;
use crate::model::Timestamp;
use crate::panel::api_answer::ApiError;
use crate::panel::jar::CookieJar;
use crate::panel::probe::record::Heard;
use crate::panel::probe::redact::Redactor;
use crate::panel::probe::report::Finding;
use crate::panel::probe::report::Verdict;
use crate::panel::security_token::SecurityToken;
use crate::panel::tokens;
use crate::panel::whm_api;
use crate::panel::whm_api::ApiCredential;
use crate::panel::whm_api::WhmApi;
use crate::upstream::Body;
use crate::upstream::Client;
use crate::upstream::Upstream;
use crate::upstream::empty;
use crate::upstream::full;

pub use inferences::INFERENCES;
pub use inferences::Inference;
pub use record::Exchange;
pub use report::Judged;
pub use report::Report;

/// The longest that one step may take.
const STEP: Duration = Duration::from_secs(20);

/// How long a token lives that a probe makes, should nobody revoke it.
const MINTED: Duration = Duration::from_mins(10);

/// Whom to probe.
pub struct Subject<'p> {
    /// The way there.
    pub upstream: &'p Upstream,
    /// The server's token.
    pub credential: &'p ApiCredential,
    /// Bytes of an API answer that are read at most.
    pub answer_limit: usize,
    /// Whether tokens may be made, which are revoked at the end, and a wrong one shown, which may count as a failed
    /// login.
    pub mints: bool,
    /// Whether the report is to name nobody.
    pub anonymous: bool,
    /// Now.
    pub now: Timestamp,
    /// Randomness.
    pub random: &'p (dyn SecureRandom + Send + Sync),
}

/// A session at the server.
struct Opened {
    token: SecurityToken,
    jar: CookieJar,
    /// Whether a logout ends it alone.
    is_alone: bool,
}

/// A probe.
pub struct Probe<'p> {
    subject: Subject<'p>,
    client: Client,
    redactor: Redactor,
    announce: &'p mut dyn FnMut(&str),
    version: Option<String>,
    exchanges: Vec<Exchange>,
    findings: BTreeMap<&'static str, Finding>,
    silent: Vec<&'static str>,
    is_logging_in: bool,
    opened: Option<Opened>,
    /// Tokens that were made, or may have been.
    minted: Vec<String>,
    left: Vec<String>,
}

impl<'p> Probe<'p> {
    /// A probe that tells each step before it takes it.
    pub fn new(subject: Subject<'p>, announce: &'p mut dyn FnMut(&str)) -> Self {
        let mut redactor = Redactor::default();
        subject.credential.hide(&mut |secret| redactor.hide(secret));
        if subject.anonymous {
            redactor.rename(&subject.upstream.host().to_string(), "HOST");
            redactor.rename(&subject.upstream.address().map(|ip| ip.to_string()).unwrap_or_default(), "ADDRESS");
            redactor.rename(subject.upstream.id().as_str(), "SERVER");
        }
        let client = subject.upstream.client(Service::Whostmgrd);
        Self {
            subject,
            client,
            redactor,
            announce,
            version: None,
            exchanges: Vec::new(),
            findings: BTreeMap::new(),
            silent: Vec::new(),
            is_logging_in: false,
            opened: None,
            minted: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Takes all steps. May be dropped at any moment; [`Probe::undo`] has to follow in any case.
    ///
    /// # Errors
    /// When the server does not even tell its version: nothing can be learnt then.
    pub async fn run(&mut self) -> Result<(), ApiError> {
        steps::run(self).await
    }

    /// Ends what was begun at the server.
    pub async fn undo(&mut self) {
        if !self.minted.is_empty() {
            (self.announce)("revoking the tokens that were made");
        }
        for name in std::mem::take(&mut self.minted) {
            let Subject { credential, answer_limit, .. } = self.subject;
            let api = WhmApi { client: &self.client, credential, answer_limit };
            let revoked = tokio::time::timeout(STEP, tokens::revoke_token(&api, &name)).await;
            if !matches!(revoked, Ok(Ok(()))) {
                self.left.push(format!("the API token {name}, which ends by itself within ten minutes"));
            }
        }
        if self.is_logging_in {
            self.left.push("perhaps one session, which ends by being idle: nobody answered its login".to_owned());
        }
        if let Some(opened) = self.opened.take() {
            if opened.is_alone {
                (self.announce)("ending the session that was opened");
                session::log_out(self, &opened).await;
            } else {
                self.left.push(
                    "one session, which ends by being idle: ending it could end others of the same account".to_owned(),
                );
            }
        }
    }

    /// What was learnt.
    pub fn report(self) -> Report {
        Report::new(self)
    }

    /// Sends a request and keeps what may be told of the answer; nothing, if there is none.
    async fn hear(
        &mut self,
        step: &'static str,
        shown: &str,
        request: Result<Request<Body>, http::Error>,
    ) -> Option<Heard> {
        (self.announce)(step);
        let client = self.client.clone();
        let heard = async {
            let answer = client.send(request.ok()?).await.ok()?;
            Some(Heard::read(answer).await)
        };
        let heard = tokio::time::timeout(STEP, heard).await.ok().flatten();
        match &heard {
            Some(heard) => self.exchanges.push(heard.told(step, shown, &self.redactor)),
            None => self.silent.push(step),
        }
        heard
    }

    /// Calls a function of WHM API 1 with a credential.
    async fn call(
        &mut self,
        step: &'static str,
        (method, function): (Method, &str),
        parameters: &[(&str, &str)],
        credential: &ApiCredential,
    ) -> Option<Heard> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("api.version", "1")
            .extend_pairs(parameters)
            .finish();
        let shown = format!("{method} /json-api/{function}?{form}");
        let (path, body) = if method == Method::POST {
            (format!("/json-api/{function}"), full(form))
        } else {
            (format!("/json-api/{function}?{form}"), empty())
        };
        let mut request = self.request(&method, &path);
        if let Ok(authorization) = whm_api::authorization(credential) {
            request = request.header(AUTHORIZATION, authorization);
        }
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        self.hear(step, &shown, request.body(body)).await
    }

    /// Gets a path, with cookies or without.
    async fn get(&mut self, step: &'static str, path: &str, cookies: Option<HeaderValue>) -> Option<Heard> {
        let mut request = self.request(&Method::GET, path);
        if let Some(cookies) = cookies {
            request = request.header(COOKIE, cookies);
        }
        self.hear(step, &format!("GET {path}"), request.body(empty())).await
    }

    fn request(&self, method: &Method, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(path).header(HOST, self.client.authority())
    }

    /// Notes whether an inference held; `double` is the switch's value where it did not.
    fn judge(&mut self, id: &'static str, holds: bool, seen: &str, double: &str) {
        let verdict = if holds { Verdict::Held } else { Verdict::Differs };
        let double = if holds { String::new() } else { self.redactor.redacted(double) };
        self.findings.insert(id, Finding { verdict, seen: self.redactor.redacted(seen), double });
    }

    /// Notes why an inference could not be seen.
    fn unseen(&mut self, id: &'static str, why: &str) {
        self.findings.insert(id, Finding { verdict: Verdict::Unseen, seen: why.to_owned(), double: String::new() });
    }
}

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("upstream", &self.upstream).field("mints", &self.mints).finish_non_exhaustive()
    }
}

impl fmt::Debug for Probe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("subject", &self.subject).finish_non_exhaustive()
    }
}
