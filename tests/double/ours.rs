//! Panelgate itself: the real program with a provider, and a person who signs in.

use std::net::IpAddr;

use lab::browser::Browser;
use lab::browser::Page;
use lab::cpsrvd::Service;
use lab::gateway::Gateway;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use url::Url;

/// One server, all of whose services the administrators may open.
const DIRECTORY: &str = r#"
[[servers]]
{web1}
access = "restricted"

[[role_groups]]
name = "Administrators"
idp_groups = ["whm-admins"]
connect = true

[[rules]]
role_group = "Administrators"
servers = ["web1"]
services = ["whostmgrd"]
account = "root"

[[rules]]
role_group = "Administrators"
servers = ["web1"]
services = ["cpaneld"]
account = "bob"

[[rules]]
role_group = "Administrators"
servers = ["web1"]
services = ["webmaild"]
account = "sales@bob.example"
"#;

/// A running Panelgate with everything around it.
#[derive(Debug)]
pub(crate) struct Ours {
    pub(crate) world: World,
    _gateway: Gateway,
}

impl Ours {
    /// Starts the program.
    pub(crate) async fn start(style: Style) -> Self {
        let world = World::start(Plan { directory: Some(DIRECTORY.to_owned()), ..Plan::tls(style) }).await.unwrap();
        let gateway = Gateway::spawn(env!("CARGO_BIN_EXE_panelgate"), &world).await.unwrap();
        Self { world, _gateway: gateway }
    }

    /// Where a service begins.
    pub(crate) fn base(&self, service: Service) -> String {
        match self.world.style() {
            Style::Ports => format!("https://web1.connect.example.com:{}/", service.port()),
            Style::Hosts => format!("https://{}.web1.connect.example.com/", label(service)),
        }
    }

    /// The names that there are, and where they lead.
    pub(crate) fn names(&self) -> Vec<(String, IpAddr)> {
        let issuer = Url::parse(self.world.issuer()).unwrap().host_str().unwrap().to_owned();
        let panels = Service::ALL.map(|service| format!("{}.web1.connect.example.com", label(service)));
        let ours = ["connect.example.com", "web1.connect.example.com"].map(str::to_owned);
        let names = panels.into_iter().chain(ours).chain([issuer]);
        names.map(|name| (name.clone(), self.world.resolve(&name))).collect()
    }

    /// Signs in at the console if need be, and opens a panel there.
    pub(crate) async fn open(&self, browser: &Browser, service: Service, account: &str) -> anyhow::Result<Page> {
        let console = browser.sign_in("ada").await?;
        browser.open(&console, "web1", service.name(), account).await
    }
}

fn label(service: Service) -> &'static str {
    match service {
        Service::Whostmgrd => "whm",
        Service::Cpaneld => "cpanel",
        Service::Webmaild => "webmail",
    }
}
