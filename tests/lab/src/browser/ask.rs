//! One request before it is sent: what it is for, and who causes it.

use anyhow::Context as _;
use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::Request;
use http_body_util::Full;
use url::Url;
use url::form_urlencoded;

use crate::browser::cookies::Jar;
use crate::browser::cookies::Relation;
use crate::browser::metadata;
use crate::browser::metadata::Errand;
use crate::browser::metadata::ReferrerPolicy;
use crate::browser::method_after;
use crate::browser::page::Page;

const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// A request that a person or a page causes.
#[derive(Clone, Debug)]
pub struct Ask<'p> {
    pub(super) errand: Errand,
    pub(super) url: String,
    pub(super) follows: bool,
    by: Option<&'p Page>,
    method: Method,
    body: Option<(String, Bytes)>,
    headers: Vec<(String, String)>,
    prompted: bool,
    policy: ReferrerPolicy,
    /// The pages around what it brings.
    pub(super) ancestors: Vec<Url>,
}

impl<'p> Ask<'p> {
    /// A GET that the person causes.
    pub fn get(errand: Errand, url: &str) -> Self {
        Self {
            errand,
            url: url.to_owned(),
            follows: true,
            by: None,
            method: Method::GET,
            body: None,
            headers: Vec::new(),
            prompted: true,
            policy: ReferrerPolicy::default(),
            ancestors: Vec::new(),
        }
    }

    /// Caused by a page.
    #[must_use]
    pub fn by(mut self, page: &'p Page) -> Self {
        self.by = Some(page);
        self.policy = page.policy;
        self.ancestors = if self.errand == Errand::Page { Vec::new() } else { page.lineage() };
        self
    }

    /// With a body.
    #[must_use]
    pub fn post(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.method = Method::POST;
        self.body = Some((content_type.to_owned(), body.into()));
        self
    }

    /// With the fields of a form.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.post("application/x-www-form-urlencoded", body)
    }

    /// With another method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// With a header line that a browser would not send by itself; one that it would is replaced.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Redirects are not followed.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.follows = false;
        self
    }

    /// Nobody clicked: the page does it by itself.
    #[must_use]
    pub(super) fn unprompted(mut self) -> Self {
        self.prompted = false;
        self
    }

    /// For the window or frame that shows the page, and not for a frame in it.
    #[must_use]
    pub(super) fn in_place(mut self) -> Self {
        self.ancestors = self.by.map(|page| page.ancestors.clone()).unwrap_or_default();
        self
    }

    /// What goes on to the next address after a redirect.
    pub(super) fn redirected(&mut self, status: u16, headers: &HeaderMap) {
        let method = method_after(status, &self.method);
        if method != self.method {
            self.body = None;
            self.method = method;
        }
        self.policy = ReferrerPolicy::of(headers, self.policy);
    }

    /// The request to the last address of the chain, and how it stands to the site there.
    pub(super) fn request(&self, chain: &[Url], jar: &Jar) -> anyhow::Result<(Request<Full<Bytes>>, Relation)> {
        let to = chain.last().context("an empty chain")?;
        let by = self.by.map(|page| &page.url);
        let relation = metadata::relation(by, &self.ancestors, self.errand, &self.method, to);
        let (mode, destination) = self.errand.mode_and_destination();
        let mut head: Vec<(&str, String)> = vec![
            ("user-agent", USER_AGENT.into()),
            ("accept", self.errand.accepts().into()),
            ("accept-encoding", "gzip".into()),
            ("accept-language", "en-GB,en;q=0.9".into()),
            ("sec-fetch-site", metadata::site(by, chain).into()),
            ("sec-fetch-mode", mode.into()),
            ("sec-fetch-dest", destination.into()),
        ];
        if self.errand.navigates() {
            head.push(("upgrade-insecure-requests", "1".into()));
        }
        if self.errand.navigates() && self.prompted {
            head.push(("sec-fetch-user", "?1".into()));
        }
        if self.errand == Errand::ServiceWorker {
            head.push(("service-worker", "script".into()));
        }
        if let Some(by) = by {
            if self.errand != Errand::WebSocket {
                head.extend(self.policy.referer(by, to).map(|referer| ("referer", referer)));
            }
            head.extend(self.policy.origin(by, chain, self.errand, &self.method).map(|origin| ("origin", origin)));
        }
        let own_origin = by.is_none_or(|by| by.origin() == to.origin());
        if self.errand != Errand::Fetch || own_origin {
            head.extend(jar.header(to, relation).map(|cookies| ("cookie", cookies)));
        }
        if let Some((content_type, _)) = &self.body {
            head.push(("content-type", content_type.clone()));
        }
        let mut request = Request::builder().method(self.method.clone()).uri(to.as_str());
        for (name, value) in &head {
            if !self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
                request = request.header(*name, value);
            }
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = self.body.as_ref().map(|(_, body)| body.clone()).unwrap_or_default();
        Ok((request.body(Full::new(body))?, relation))
    }
}
