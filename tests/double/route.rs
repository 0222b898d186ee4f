//! The ways to a panel: straight to the server, through a plain gateway, through ours.

use std::net::IpAddr;

use lab::browser::Browser;
use lab::browser::Http;
use lab::browser::Names;
use lab::browser::Page;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Service;
use lab::cpsrvd::Settings;
use lab::cpsrvd::Switches;
use lab::loopback::Loopback;
use lab::world::Style;
use reqwest::Certificate;
use serde_json::Value;
use url::Url;

use super::nginx::HostHeader;
use super::nginx::Nginx;
use super::nginx::Shape;
use super::ours::Ours;

const HOSTNAME: &str = "web1.hosting.example";

/// A way to a panel of one server.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) name: &'static str,
    means: Means,
    /// Where the person's computer is after it has changed networks.
    elsewhere: Loopback,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are seven of them")]
enum Means {
    Straight { server: Cpsrvd, _address: Loopback },
    Plain { server: Cpsrvd, nginx: Nginx, _address: Loopback },
    Ours(Ours),
}

/// From how many addresses a gateway reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Egress {
    /// From one.
    One,
    /// From two in turn, where the gateway can be told so.
    Pool,
}

impl Route {
    /// No gateway: the person's browser reaches the server.
    pub(crate) async fn straight() -> Self {
        let (server, address) = server().await;
        Self::new("no gateway", Means::Straight { server, _address: address })
    }

    /// nginx.
    pub(crate) async fn plain(name: &'static str, shape: Shape, host: HostHeader) -> Self {
        let (server, address) = server().await;
        let nginx = Nginx::start(&server, shape, host).await;
        Self::new(name, Means::Plain { server, nginx, _address: address })
    }

    /// Panelgate.
    pub(crate) async fn ours(name: &'static str, style: Style) -> Self {
        Self::new(name, Means::Ours(Ours::start(style).await))
    }

    fn new(name: &'static str, means: Means) -> Self {
        Self { name, means, elsewhere: Loopback::claim().unwrap() }
    }

    /// The server behind it.
    pub(crate) fn server(&self) -> &Cpsrvd {
        match &self.means {
            Means::Straight { server, .. } | Means::Plain { server, .. } => server,
            Means::Ours(ours) => ours.world.server(1),
        }
    }

    /// Where a service begins, as the browser sees it.
    pub(crate) fn base(&self, service: Service) -> Url {
        let base = match &self.means {
            Means::Straight { server, .. } => format!("https://{}/", server.authority(service)),
            Means::Plain { nginx, .. } => nginx.base(service),
            Means::Ours(ours) => ours.base(service),
        };
        Url::parse(&base).unwrap()
    }

    /// Puts the server back as it is after installation.
    pub(crate) fn reset(&self) {
        self.server().switch(|switches| *switches = Switches::default());
        self.server().forget();
    }

    /// Changes the server's settings.
    pub(crate) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        self.server().switch(change);
    }

    /// Opens a panel in a fresh browser.
    pub(crate) async fn open(&self, service: Service) -> anyhow::Result<Visit<'_>> {
        self.open_by(service, Egress::One).await
    }

    /// Opens a panel in a fresh browser, through a gateway with so many addresses.
    pub(crate) async fn open_by(&self, service: Service, egress: Egress) -> anyhow::Result<Visit<'_>> {
        let browser = self.browser(egress);
        let (token, landing) = self.enter(&browser, service).await?;
        Ok(Visit { route: self, service, browser, token, landing })
    }

    /// Enters a panel. Gives the security token, and what the person sees then.
    async fn enter(&self, browser: &Browser, service: Service) -> anyhow::Result<(String, anyhow::Result<Page>)> {
        let account = account(service);
        if let Means::Ours(ours) = &self.means {
            let page = ours.open(browser, service, account).await?;
            let token = page.url.path().split('/').nth(1).unwrap_or_default().to_owned();
            return Ok((token, Ok(page)));
        }
        // As WHMCS does it: the browser is sent to the one-time URL.
        let url = one_time_url(self.server(), service, account).await;
        let path_and_query = url[url::Position::BeforePath..].trim_start_matches('/');
        let token = path_and_query.split('/').next().unwrap_or_default().to_owned();
        let address = self.base(service).join(path_and_query).unwrap();
        Ok((token, browser.visit(address.as_str()).await))
    }

    fn browser(&self, egress: Egress) -> Browser {
        let server = self.server();
        let to = |names: Vec<String>, ip: IpAddr| names.into_iter().map(|name| (name, ip)).collect::<Vec<_>>();
        let own = server.identity().certificate;
        let (names, trust) = match &self.means {
            Means::Straight { .. } => (to(vec![HOSTNAME.to_owned()], server.ip()), &*own),
            Means::Plain { nginx, .. } => {
                (to(Nginx::names().collect(), nginx.address(egress == Egress::Pool)), nginx.authority.pem())
            }
            Means::Ours(ours) => (ours.names(), ours.world.authority.pem()),
        };
        Browser::elsewhere(Names::only(names), trust, Http::Two, console().as_str()).unwrap()
    }
}

/// The page that shows panels in a frame.
pub(crate) fn console() -> Url {
    Url::parse("https://connect.example.com/").unwrap()
}

/// Who opens a service.
fn account(service: Service) -> &'static str {
    match service {
        Service::Whostmgrd => "root",
        Service::Cpaneld => "bob",
        Service::Webmaild => "sales@bob.example",
    }
}

async fn server() -> (Cpsrvd, Loopback) {
    let address = Loopback::claim().unwrap();
    (Cpsrvd::start(Settings::new(HOSTNAME, address.ip())).await.unwrap(), address)
}

/// Asks the server for a session, as a billing system does.
async fn one_time_url(server: &Cpsrvd, service: Service, account: &str) -> Url {
    let certificate = Certificate::from_pem(server.identity().certificate.as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .resolve(HOSTNAME, server.address(Service::Whostmgrd))
        .tls_certs_only([certificate])
        .build()
        .unwrap();
    let answer = client
        .get(format!("https://{}/json-api/create_user_session", server.authority(Service::Whostmgrd)))
        .query(&[("api.version", "1"), ("user", account), ("service", service.name())])
        .header("authorization", format!("whm root:{}", server.token_for("root")))
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    Url::parse(answer["data"]["url"].as_str().unwrap_or_else(|| panic!("{answer}"))).unwrap()
}

/// Somebody who has opened a panel.
#[derive(Debug)]
pub(crate) struct Visit<'r> {
    pub(crate) route: &'r Route,
    pub(crate) service: Service,
    pub(crate) browser: Browser,
    /// `cpsess##########`.
    pub(crate) token: String,
    /// What was shown after opening.
    pub(crate) landing: anyhow::Result<Page>,
}

impl Visit<'_> {
    /// The address of a path below the security token.
    pub(crate) fn address(&self, path: &str) -> Url {
        self.route.base(self.service).join(&format!("{}{path}", self.token)).unwrap()
    }

    /// Goes to a path below the security token by its address, whatever the links say.
    pub(crate) async fn go(&self, path: &str) -> anyhow::Result<Page> {
        let address = self.address(path);
        self.browser.visit(address.as_str()).await
    }

    /// Opens the same panel once more in the same browser.
    pub(crate) async fn open_again(&self) -> anyhow::Result<Page> {
        self.route.enter(&self.browser, self.service).await?.1
    }

    /// The person's computer changes networks.
    pub(crate) fn change_networks(&mut self) {
        self.browser.move_to(self.route.elsewhere.ip());
    }
}
