//! What a request is answered with, before it becomes bytes.

use std::borrow::Cow;
use std::time::Duration;

use super::cue::Cue;
use super::dates::Date;
use super::streams::Takeover;
use super::switches::Framing;

/// `no-store` in the words that cpsrvd uses for every page.
pub(super) const NO_STORE: &str = "no-cache, no-store, must-revalidate, private";
pub(super) const HTML: &str = "text/html; charset=\"utf-8\"";
pub(super) const TEXT: &str = "text/plain; charset=\"utf-8\"";

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The reason phrase as captured.
    pub(super) reason: &'static str,
    /// Fields besides the framing ones, in order.
    pub(super) headers: Vec<(Cow<'static, str>, String)>,
    pub(super) body: Body,
    /// Whether the connection ends whatever the switches say.
    pub(super) close: bool,
    /// How the body must end; the switches decide when nothing is said.
    pub(super) framing: Option<Framing>,
    pub(super) delivery: Delivery,
    /// For the access log.
    pub(super) logged: Logged,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Body {
    Full(Vec<u8>),
    /// `count` lines, one every `every` or at each `cue`, the last one with `end` after it.
    Lines {
        line: fn(u32) -> String,
        count: u32,
        every: Duration,
        cue: Option<Cue>,
        end: &'static str,
    },
    /// This many bytes of a repeating pattern.
    Generated(u64),
    /// No HTTP any more: the socket changes its protocol.
    Takeover(Takeover),
}

/// How an answer is brought to the client.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Delivery {
    #[default]
    Whole,
    /// Half of the body, then a reset.
    Half,
    /// One byte of the body at a time.
    Slow(Duration),
    /// The whole answer, but late.
    Late(Duration),
}

/// Who asked, as the access log says it: `s`ession, `a`PI token, `b`asic or `o`ther.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    pub(super) user: String,
    pub(super) method: char,
}

impl Default for Logged {
    fn default() -> Self {
        Self { user: "-".to_owned(), method: 'o' }
    }
}

impl Answer {
    pub(super) fn new(status: u16, reason: &'static str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            reason,
            headers: vec![("Content-Type".into(), content_type.to_owned())],
            body: Body::Full(body.into()),
            close: false,
            framing: None,
            delivery: Delivery::Whole,
            logged: Logged::default(),
        }
    }

    /// A page in the head that was captured for pages.
    pub(super) fn page(status: u16, reason: &'static str, html: impl Into<Vec<u8>>) -> Self {
        Self::new(status, reason, HTML, html)
            .header("Date", Date::now().http())
            .header("Cache-Control", NO_STORE)
            .header("Pragma", "no-cache")
    }

    /// An API's answer.
    pub(super) fn json(value: &serde_json::Value) -> Self {
        Self::new(200, "OK", "application/json; charset=\"utf-8\"", value.to_string()).header("Cache-Control", NO_STORE)
    }

    /// The redirect that was captured: its body names the target a second time.
    pub(super) fn redirect(status: u16, target: &str) -> Self {
        let body = format!(
            "<html><head><META HTTP-EQUIV=\"refresh\" CONTENT=\"2;URL={}\"></head><body></body></html>\n",
            super::pages::escape(target)
        );
        Self {
            headers: vec![
                ("Location".into(), target.to_owned()),
                ("Cache-Control".into(), NO_STORE.to_owned()),
                ("Content-type".into(), HTML.to_owned()),
            ],
            framing: Some(Framing::ContentLength),
            ..Self::new(status, "Moved", HTML, body).closing()
        }
    }

    /// The socket changes its protocol.
    pub(super) fn takeover(takeover: Takeover) -> Self {
        Self { headers: Vec::new(), body: Body::Takeover(takeover), ..Self::new(101, "Switching Protocols", TEXT, "") }
    }

    #[must_use]
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub(super) fn cookies(mut self, cookies: Vec<String>) -> Self {
        self.headers.extend(cookies.into_iter().map(|cookie| ("Set-Cookie".into(), cookie)));
        self
    }

    #[must_use]
    pub(super) fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    #[must_use]
    pub(super) fn framed(mut self, framing: Framing) -> Self {
        self.framing = Some(framing);
        self
    }

    #[must_use]
    pub(super) fn by(mut self, user: &str, method: char) -> Self {
        user.clone_into(&mut self.logged.user);
        self.logged.method = method;
        self
    }
}
