//! As much of a browser as a proxy can notice: cookies, `Referer`, `Origin`, Fetch Metadata, redirects.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::Method;
use http::StatusCode;
use reqwest::Certificate;
use reqwest::Client;
use reqwest::dns::Addrs;
use reqwest::dns::Name;
use reqwest::dns::Resolve;
use reqwest::dns::Resolving;
use url::Url;

use super::cookies::Context;
use super::cookies::CookieJar;
use super::cookies::site;
use super::failure::Failure;
use super::page::Page;
use super::page::Shown;

/// Redirects in a row after which browsers give up (Fetch standard, section 4.4).
const MOST_REDIRECTS: usize = 20;

/// Whether the person lets pages say where they lead from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Referrers {
    /// As the pages' own policies say.
    Sent,
    /// Never: an extension or a setting of the person's.
    Withheld,
}

/// The names that the browser can resolve. Everything else is not the gateway's.
#[derive(Clone, Debug)]
pub(crate) struct Names(pub(crate) Arc<BTreeMap<String, IpAddr>>);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.0.get(name.as_str()).copied();
        Box::pin(std::future::ready(match found {
            Some(ip) => Ok(Box::new(std::iter::once(SocketAddr::new(ip, 0))) as Addrs),
            None => Err(io::Error::from(io::ErrorKind::NotFound).into()),
        }))
    }
}

/// A browser with one profile.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    client: Client,
    names: Names,
    trust: Vec<String>,
    pub(crate) jar: CookieJar,
    pub(crate) referrers: Referrers,
}

/// Who causes a request: nobody but the person, or a page.
#[derive(Clone, Debug)]
enum Cause {
    Person,
    Page { url: Url, policy: String },
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Navigation(Shown),
    Fetch,
    WebSocket,
}

/// A request before cookies and metadata are added.
#[derive(Clone, Debug)]
struct Ask {
    method: Method,
    url: Url,
    body: Option<(&'static str, String)>,
    cause: Cause,
    purpose: Purpose,
}

impl Browser {
    /// A fresh profile that trusts these certificates (PEM) and nothing else.
    pub(crate) fn new(names: Names, trust: Vec<String>) -> Self {
        let client = client(&names, &trust, None);
        Self { client, names, trust, jar: CookieJar::default(), referrers: Referrers::Sent }
    }

    /// From now on, connections begin at this address, as when a laptop changes networks.
    pub(crate) fn move_to(&mut self, address: IpAddr) {
        self.client = client(&self.names, &self.trust, Some(address));
    }

    /// The person types an address.
    pub(crate) async fn visit(&mut self, url: Url) -> Result<Page, Failure> {
        self.navigate(Ask::navigation(Method::GET, url, Cause::Person, Shown::Top)).await
    }

    /// The person follows a link, or a page leads on by itself.
    pub(crate) async fn follow(&mut self, page: &Page, href: &str) -> Result<Page, Failure> {
        self.navigate(Ask::navigation(Method::GET, resolve(page, href)?, Cause::of(page), page.shown)).await
    }

    /// The person submits a form.
    pub(crate) async fn submit(&mut self, page: &Page, action: &str, form: String) -> Result<Page, Failure> {
        let mut ask = Ask::navigation(Method::POST, resolve(page, action)?, Cause::of(page), page.shown);
        ask.body = Some(("application/x-www-form-urlencoded", form));
        self.navigate(ask).await
    }

    /// A page loads a frame.
    pub(crate) async fn frame(&mut self, page: &Page, src: &str) -> Result<Page, Failure> {
        self.navigate(Ask::navigation(Method::GET, resolve(page, src)?, Cause::of(page), Shown::Frame)).await
    }

    /// A page's script fetches something of its own origin; with JSON it posts.
    pub(crate) async fn fetch(&mut self, page: &Page, href: &str, json: Option<String>) -> Result<Page, Failure> {
        let method = if json.is_some() { Method::POST } else { Method::GET };
        let body = json.map(|json| ("application/json", json));
        let url = resolve(page, href)?;
        self.send(&Ask { method, url, body, cause: Cause::of(page), purpose: Purpose::Fetch }, &[]).await
    }

    /// A page's script opens a WebSocket. Gives the handshake's answer.
    pub(crate) async fn websocket(&mut self, page: &Page, href: &str) -> Result<StatusCode, Failure> {
        let (cause, url) = (Cause::of(page), resolve(page, href)?);
        let ask = Ask { method: Method::GET, url, body: None, cause, purpose: Purpose::WebSocket };
        Ok(self.send(&ask, &[]).await?.status)
    }

    /// Follows redirects and META refreshes to the page that is shown in the end.
    async fn navigate(&mut self, mut ask: Ask) -> Result<Page, Failure> {
        let mut passed = Vec::new();
        for _ in 0..MOST_REDIRECTS {
            let page = self.send(&ask, &passed).await?;
            passed.push(page.url.clone());
            let location = page.all("location").first().map(|location| (*location).to_owned());
            match (page.status.as_u16(), location, page.meta_refresh()) {
                (301..=303 | 307 | 308, Some(location), _) => {
                    ask.url = resolve(&page, &location)?;
                    if page.status.as_u16() <= 303 {
                        (ask.method, ask.body) = (Method::GET, None);
                    }
                }
                (_, _, Some(target)) => {
                    ask = Ask::navigation(Method::GET, resolve(&page, &target)?, Cause::of(&page), page.shown);
                    passed.clear();
                }
                _ => return Ok(page),
            }
        }
        Err(Failure::new("too many redirects"))
    }

    async fn send(&mut self, ask: &Ask, passed: &[Url]) -> Result<Page, Failure> {
        let origin = ask.url.origin().ascii_serialization();
        if ask.url.domain().is_some_and(|name| !self.names.0.contains_key(name)) {
            return Err(Failure::new(format!("leads to {origin}, past the gateway")));
        }
        let mut request = self.client.request(ask.method.clone(), ask.url.clone()).headers(self.headers(ask, passed));
        if let Some((kind, body)) = &ask.body {
            request = request.header("content-type", *kind).body(body.clone());
        }
        let response = request.send().await.map_err(|error| unanswered(&origin, &error))?;
        for line in response.headers().get_all("set-cookie") {
            self.jar.store(&ask.url, &String::from_utf8_lossy(line.as_bytes()));
        }
        let shown = match ask.purpose {
            Purpose::Navigation(shown) => shown,
            Purpose::Fetch | Purpose::WebSocket => Shown::Top,
        };
        let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
        let body = match status {
            StatusCode::SWITCHING_PROTOCOLS => String::new(),
            _ => response.text().await.map_err(|error| unanswered(&origin, &error))?,
        };
        Ok(Page { url, status, headers, body, shown })
    }

    fn headers(&self, ask: &Ask, passed: &[Url]) -> HeaderMap {
        let relation = ask.relation(passed);
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: &str| {
            headers.insert(name, value.parse().unwrap());
        };
        let (mode, destination) = match ask.purpose {
            Purpose::Navigation(Shown::Top) => ("navigate", "document"),
            Purpose::Navigation(Shown::Frame) => ("navigate", "iframe"),
            Purpose::Fetch => ("cors", "empty"),
            Purpose::WebSocket => ("websocket", "websocket"),
        };
        set("sec-fetch-site", relation);
        set("sec-fetch-mode", mode);
        set("sec-fetch-dest", destination);
        set("accept", if mode == "navigate" { "text/html,*/*;q=0.8" } else { "*/*" });
        if let Some(origin) = ask.origin() {
            set("origin", &origin);
        }
        if let Some(referer) = ask.referer().filter(|_| self.referrers == Referrers::Sent) {
            set("referer", &referer);
        }
        if ask.purpose == Purpose::WebSocket {
            set("connection", "Upgrade");
            set("upgrade", "websocket");
            set("sec-websocket-version", "13");
            set("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        }
        let context = match (relation, ask.purpose, &ask.method) {
            ("cross-site", Purpose::Navigation(Shown::Top), &Method::GET) => Context::CrossSiteLink,
            ("cross-site", _, _) => Context::CrossSite,
            _ => Context::SameSite,
        };
        if let Some(cookies) = self.jar.header(&ask.url, context) {
            set("cookie", &cookies);
        }
        headers
    }
}

impl Cause {
    fn of(page: &Page) -> Self {
        let policy = page.all("referrer-policy").last().map_or("", |policy| *policy);
        Self::Page { url: page.url.clone(), policy: policy.to_ascii_lowercase() }
    }
}

impl Ask {
    fn navigation(method: Method, url: Url, cause: Cause, shown: Shown) -> Self {
        Self { method, url, body: None, cause, purpose: Purpose::Navigation(shown) }
    }

    /// How who caused it relates to where it goes, all redirects on the way included.
    fn relation(&self, passed: &[Url]) -> &'static str {
        let Cause::Page { url: cause, .. } = &self.cause else { return "none" };
        let way = || passed.iter().chain([&self.url]);
        if way().all(|url| url.origin() == cause.origin()) {
            "same-origin"
        } else if way().all(|url| site(url) == site(cause)) {
            "same-site"
        } else {
            "cross-site"
        }
    }

    fn origin(&self) -> Option<String> {
        let Cause::Page { url, .. } = &self.cause else { return None };
        let said = self.purpose == Purpose::WebSocket || self.method == Method::POST;
        said.then(|| url.origin().ascii_serialization())
    }

    /// `strict-origin-when-cross-origin`, unless the page's policy says less.
    fn referer(&self) -> Option<String> {
        let Cause::Page { url, policy } = &self.cause else { return None };
        let same = url.origin() == self.url.origin();
        let mut full = url.clone();
        full.set_fragment(None);
        match policy.as_str() {
            "no-referrer" => None,
            "same-origin" => same.then(|| full.to_string()),
            _ if self.purpose == Purpose::WebSocket => None,
            _ if same => Some(full.to_string()),
            _ => Some(format!("{}/", url.origin().ascii_serialization())),
        }
    }
}

fn client(names: &Names, trust: &[String], from: Option<IpAddr>) -> Client {
    let roots = trust.iter().map(|pem| Certificate::from_pem(pem.as_bytes()).unwrap());
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .dns_resolver(names.clone())
        .local_address(from)
        .tls_certs_only(roots)
        .build()
        .unwrap()
}

fn resolve(page: &Page, href: &str) -> Result<Url, Failure> {
    page.url.join(href).map_err(|error| Failure::new(format!("{href}: {error}")))
}

fn unanswered(origin: &str, error: &reqwest::Error) -> Failure {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Failure::new(format!("nothing answers at {origin}: {cause}"))
}
