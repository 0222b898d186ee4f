//! A client that behaves as Chromium does on the wire: TLS and HTTP/2, cookies, Fetch Metadata, `Origin`,
//! `Referer`, redirects, frames and their permission to frame. It runs no scripts.
//!
//! A test says what a person or a page does, and gets the [`Page`] that comes of it:
//!
//! ```no_run
//! # async fn test(world: &lab::world::World) -> anyhow::Result<()> {
//! let browser = lab::browser::Browser::new(world)?;
//! let console = browser.sign_in("ada").await?;
//! let panel = browser.open(&console, "web1", "whostmgrd", "root").await?;
//! let inner = browser.frame(&panel, &panel.attribute("frame-main", "src")?).await?;
//! # Ok(()) }
//! ```

mod ask;
mod cookies;
mod framing;
mod metadata;
mod page;
mod socket;
mod upload;
mod wire;

pub use ask::Ask;
pub use cookies::Cookie;
pub use cookies::SameSite;
pub use metadata::Errand;
pub use page::Page;
pub use socket::CloseFrame;
pub use socket::Message;
pub use socket::Shake;
pub use socket::Socket;
pub use upload::MULTIPART;
pub use upload::Piecewise;
pub use upload::Sending;
pub use upload::Upload;
pub use wire::Http;
pub use wire::Names;
pub use wire::trusting;

use std::io::Read as _;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use anyhow::Context as _;
use anyhow::bail;
use anyhow::ensure;
use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::Request;
use http::Response;
use http::header;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;
use url::Url;

use crate::browser::cookies::Jar;
use crate::browser::metadata::ReferrerPolicy;
use crate::browser::wire::Wire;
use crate::world::World;

/// Redirects in a row that are followed, as in the Fetch standard.
const REDIRECTS: usize = 20;

/// Pages in a row that lead on by themselves.
const REFRESHES: usize = 5;

/// A browser with cookies of its own.
#[derive(Debug)]
pub struct Browser {
    wire: Wire,
    console: Url,
    withholds_referrers: bool,
    blocks_cookies: bool,
    jar: Mutex<Jar>,
    seen: Mutex<Vec<Seen>>,
}

/// An answer as it came over the wire.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What was asked for.
    pub url: Url,
    /// The status.
    pub status: u16,
    /// The head.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
}

impl Browser {
    /// A new browser that finds its way in this world, over HTTP/2.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(world: &World) -> anyhow::Result<Self> {
        Self::over(world, Http::Two)
    }

    /// The same with a choice of protocol.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn over(world: &World, http: Http) -> anyhow::Result<Self> {
        Self::elsewhere(Names::of(world)?, world.authority.pem(), http, world.console())
    }

    /// A browser for names of its own, that trusts one certificate (PEM) and signs in at `console`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn elsewhere(names: Names, trust: &str, http: Http, console: &str) -> anyhow::Result<Self> {
        Ok(Self {
            wire: Wire::new(names, trust, http)?,
            console: console.parse()?,
            withholds_referrers: false,
            blocks_cookies: false,
            jar: Mutex::default(),
            seen: Mutex::default(),
        })
    }

    /// The same browser, cookies and all, with no connection open yet.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            wire: self.wire.anew(),
            console: self.console.clone(),
            withholds_referrers: self.withholds_referrers,
            blocks_cookies: self.blocks_cookies,
            jar: Mutex::new(self.jar().clone()),
            seen: Mutex::default(),
        }
    }

    /// From now on, connects from this address, as a computer does that has changed networks.
    pub fn move_to(&mut self, address: IpAddr) {
        self.wire = self.wire.from(address);
    }

    /// From now on, every name of the gateway leads to this address: a balancer's, or another replica's.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn lead_to(&mut self, world: &World, gateway: IpAddr) -> anyhow::Result<()> {
        self.wire = Wire::new(Names::of(world)?.leading_to(gateway), world.authority.pem(), Http::Two)?;
        Ok(())
    }

    /// From now on, sends no `Referer`, as some people have set their browsers.
    pub fn withhold_referrers(&mut self) {
        self.withholds_referrers = true;
    }

    /// From now on, takes no cookie of the gateway's, as some people have set their browsers.
    pub fn block_cookies(&mut self) {
        self.blocks_cookies = true;
    }

    /// Types an address.
    pub async fn visit(&self, url: &str) -> anyhow::Result<Page> {
        self.ask(Ask::get(Errand::Page, url)).await
    }

    /// Follows a link of a page in the window or frame that shows it.
    pub async fn follow(&self, page: &Page, address: &str) -> anyhow::Result<Page> {
        let url = page.caught(page.resolve(address)?);
        self.ask(Ask::get(Self::shows(page), url.as_str()).by(page).in_place()).await
    }

    /// Loads a page in a frame of another.
    pub async fn frame(&self, page: &Page, address: &str) -> anyhow::Result<Page> {
        self.ask(Ask::get(Errand::Frame, page.resolve(address)?.as_str()).by(page)).await
    }

    /// Submits a form of a page in the window or frame that shows it.
    pub async fn submit(&self, page: &Page, action: &str, fields: &[(&str, &str)]) -> anyhow::Result<Page> {
        let url = page.caught(page.resolve(action)?);
        self.ask(Ask::get(Self::shows(page), url.as_str()).by(page).in_place().form(fields)).await
    }

    /// Calls `fetch()` in a page.
    pub async fn fetch(&self, page: &Page, address: &str) -> anyhow::Result<Page> {
        self.ask(Ask::get(Errand::Fetch, page.resolve(address)?.as_str()).by(page)).await
    }

    /// Opens a WebSocket in a page, over a connection of HTTP/1.1, and gives the answer's status.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn websocket(&self, page: &Page, address: &str) -> anyhow::Result<u16> {
        let ask = Ask::get(Errand::WebSocket, page.resolve(address)?.as_str())
            .by(page)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        Ok(self.stream(ask).await?.status().as_u16())
    }

    /// Signs in with name and password alike, from the console's first page to the console.
    ///
    /// # Errors
    /// When it does not end on the console with status 200 or 403 (which a person without access gets).
    pub async fn sign_in(&self, user: &str) -> anyhow::Result<Page> {
        let form = self.visit(self.console.as_str()).await?;
        let page = if form.url.origin() == self.console.origin() { form } else { self.sign_in_at(&form, user).await? };
        let there = page.url.origin() == self.console.origin();
        ensure!(there && matches!(page.status, 200 | 403), "no console: {} {} {}", page.url, page.status, page.text());
        Ok(page)
    }

    /// Fills in the provider's sign-in form.
    pub async fn sign_in_at(&self, form: &Page, user: &str) -> anyhow::Result<Page> {
        let request = form.field("request")?;
        self.submit(form, "/sign-in", &[("request", &request), ("login", user), ("password", user)]).await
    }

    /// Does what the console's script does first to open a panel, and gives the answer.
    pub async fn ask_to_open(
        &self,
        console: &Page,
        server: &str,
        service: &str,
        account: &str,
    ) -> anyhow::Result<Page> {
        let wanted = json!({ "server": server, "service": service, "account": account });
        let url = console.resolve("/api/open")?;
        self.ask(Ask::get(Errand::Fetch, url.as_str()).by(console).post("application/json", wanted.to_string())).await
    }

    /// Opens a panel in a frame of the console and gives its first page.
    ///
    /// # Errors
    /// When it does not open, with the answer.
    pub async fn open(&self, console: &Page, server: &str, service: &str, account: &str) -> anyhow::Result<Page> {
        let answer = self.ask_to_open(console, server, service, account).await?;
        ensure!(answer.status == 200, "not opened: {} {}", answer.status, answer.text());
        let answer = answer.json()?;
        let frame = answer.get("frame").and_then(serde_json::Value::as_str).context("no frame in the answer")?;
        let panel = self.frame(console, frame).await?;
        ensure!(panel.status == 200, "no panel: {} {} {}", panel.url, panel.status, panel.text());
        Ok(panel)
    }

    /// Sends a request, follows where the answers lead, and gives the page at the end.
    ///
    /// # Errors
    /// When there is no answer, too many redirects, or a page in a frame that forbids it.
    pub async fn ask(&self, ask: Ask<'_>) -> anyhow::Result<Page> {
        let mut page = self.through(&ask).await?;
        for _ in 0..REFRESHES {
            if !ask.errand.navigates() || !ask.follows {
                return Ok(page);
            }
            page.check_shown().with_context(|| format!("{} may not be framed by {:?}", page.url, page.ancestors))?;
            let Some(on) = page.refresh() else { return Ok(page) };
            page = self.through(&Ask::get(ask.errand, on.as_str()).by(&page).in_place().unprompted()).await?;
        }
        bail!("{} leads on and on", page.url)
    }

    /// Sends a request and gives the head of its answer; the body is left to stream. Follows nothing.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn stream(&self, ask: Ask<'_>) -> anyhow::Result<Response<Incoming>> {
        let url: Url = ask.url.parse()?;
        let (request, relation) = self.request(&ask, std::slice::from_ref(&url))?;
        // Chromium opens WebSockets over HTTP/1.1 unless a connection has promised more (RFC 8441).
        let wire = if ask.errand == Errand::WebSocket { self.wire.http_1() } else { self.wire.clone() };
        let response = wire.send(request).await?;
        self.take_cookies(&url, response.headers(), relation);
        Ok(response)
    }

    /// Posts something that is sent as it comes, and gives the head of the answer, which may come before the
    /// end of it. Follows nothing.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, ask: Ask<'_>, content_type: &str, what: Sending) -> anyhow::Result<Response<Incoming>> {
        let url: Url = ask.url.parse()?;
        let (request, relation) = self.request(&ask.post(content_type, ""), std::slice::from_ref(&url))?;
        let response = self.wire.upload(request.map(|_| what.into_body())).await?;
        self.take_cookies(&url, response.headers(), relation);
        Ok(response)
    }

    async fn through(&self, ask: &Ask<'_>) -> anyhow::Result<Page> {
        let mut ask = ask.clone();
        let mut chain: Vec<Url> = vec![ask.url.parse().with_context(|| format!("{} is no URL", ask.url))?];
        loop {
            let url = chain.last().context("an empty chain")?.clone();
            let (request, relation) = self.request(&ask, &chain)?;
            let response = self.wire.send(request).await.with_context(|| format!("no answer from {url}"))?;
            self.take_cookies(&url, response.headers(), relation);
            let (head, body) = response.into_parts();
            let body = body.collect().await.with_context(|| format!("the answer of {url} breaks off"))?.to_bytes();
            let body = plain(&head.headers, body)?;
            let status = head.status.as_u16();
            self.seen().push(Seen { url: url.clone(), status, headers: head.headers.clone(), body: body.clone() });
            let location = head.headers.get(header::LOCATION).filter(|_| head.status.is_redirection() && ask.follows);
            let Some(location) = location else {
                let policy = ReferrerPolicy::of(&head.headers, ReferrerPolicy::default());
                return Ok(Page { url, status, headers: head.headers, body, ancestors: ask.ancestors, policy });
            };
            ensure!(chain.len() <= REDIRECTS, "too many redirects: {chain:?}");
            chain.push(url.join(location.to_str()?)?);
            ask.redirected(status, &head.headers);
        }
    }

    fn request(&self, ask: &Ask<'_>, chain: &[Url]) -> anyhow::Result<(Request<Full<Bytes>>, cookies::Relation)> {
        let (mut request, relation) = ask.request(chain, &self.jar())?;
        if self.withholds_referrers {
            request.headers_mut().remove(header::REFERER);
        }
        Ok((request, relation))
    }

    fn take_cookies(&self, url: &Url, headers: &HeaderMap, relation: cookies::Relation) {
        let mut jar = self.jar();
        if self.blocks_cookies && url.origin() == self.console.origin() {
            return;
        }
        for line in headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok()) {
            jar.set(url, line, relation);
        }
    }

    /// All cookies.
    pub fn cookies(&self) -> Vec<Cookie> {
        self.jar().all().to_vec()
    }

    /// The cookie of this name for this host.
    pub fn cookie(&self, host: &str, name: &str) -> Option<Cookie> {
        self.cookies().into_iter().find(|cookie| cookie.domain == host && cookie.name == name)
    }

    /// Does what a page's script does with `document.cookie = line`.
    pub fn script_sets_cookie(&self, page: &Page, line: &str) {
        self.jar().set(&page.url, line, cookies::Relation::Own);
    }

    /// Puts a cookie into the jar, as somebody who stole it would.
    pub fn put_cookie(&self, cookie: Cookie) {
        self.jar().put(cookie);
    }

    /// Puts another's cookies into the jar.
    pub fn steal_cookies(&self, of: &Self) {
        for cookie in of.cookies() {
            self.put_cookie(cookie);
        }
    }

    /// Every answer so far, redirects included.
    pub fn everything(&self) -> Vec<Seen> {
        self.seen().clone()
    }

    /// Where a text stood in anything that this browser was ever sent: heads, cookies, bodies.
    pub fn was_sent(&self, text: &str) -> Option<Url> {
        let within = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        let seen = self.seen();
        let found =
            seen.iter().find(|seen| within(&seen.body) || seen.headers.values().any(|value| within(value.as_bytes())));
        found.map(|seen| seen.url.clone())
    }

    fn shows(page: &Page) -> Errand {
        if page.ancestors.is_empty() { Errand::Page } else { Errand::Frame }
    }

    fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn plain(headers: &HeaderMap, body: Bytes) -> anyhow::Result<Bytes> {
    match headers.get(header::CONTENT_ENCODING).map(header::HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(body),
        Some(b"gzip") => {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&*body).read_to_end(&mut plain)?;
            Ok(plain.into())
        }
        Some(other) => bail!("unknown coding {}", String::from_utf8_lossy(other)),
    }
}

/// The method after a redirect (Fetch standard, "HTTP-redirect fetch").
fn method_after(status: u16, method: &Method) -> Method {
    let post_becomes_get = matches!(status, 301 | 302) && *method == Method::POST;
    let becomes_get = status == 303 && !matches!(*method, Method::GET | Method::HEAD);
    if post_becomes_get || becomes_get { Method::GET } else { method.clone() }
}
