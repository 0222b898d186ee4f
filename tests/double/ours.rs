//! Panelgate itself: the real program with a provider, and a person who signs in.

use std::net::SocketAddr;
use std::process::Stdio;

use lab::cpsrvd::Service;
use lab::loopback::Loopback;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use serde_json::Value;
use serde_json::json;
use tokio::process::Child;
use tokio::process::Command;
use url::Url;

use super::browser::Browser;
use super::failure::Failure;
use super::page::Page;
use super::ready;

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
    _provider: Loopback,
    _child: Child,
}

impl Ours {
    /// Starts the program.
    pub(crate) async fn start(style: Style) -> Self {
        let provider = Loopback::claim().unwrap();
        let plan = Plan {
            // Named by its address: the program under test asks the machine's own resolver.
            issuer: format!("https://{}", provider.ip()),
            provider: Some(provider.ip()),
            directory: Some(DIRECTORY.to_owned()),
            more: "[log]\nfilter = \"error\"\n".to_owned(),
            ..Plan::tls(style)
        };
        let world = World::start(plan).await.unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_panelgate"))
            .arg("serve")
            .arg("--config")
            .arg(world.config())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("panelgate starts");
        ready::listening(SocketAddr::new(world.gateway(), 443)).await;
        Self { world, _provider: provider, _child: child }
    }

    /// Where a service begins.
    pub(crate) fn base(&self, service: Service) -> String {
        match self.world.style() {
            Style::Ports => format!("https://web1.connect.example.com:{}/", service.port()),
            Style::Hosts => format!("https://{}.web1.connect.example.com/", label(service)),
        }
    }

    /// All names that lead to this gateway.
    pub(crate) fn names() -> impl Iterator<Item = String> {
        let panels = Service::ALL.into_iter().map(|service| format!("{}.web1.connect.example.com", label(service)));
        panels.chain(["connect.example.com".to_owned(), "web1.connect.example.com".to_owned()])
    }

    /// Signs in at the console if need be, and opens a panel there.
    pub(crate) async fn open(&self, browser: &mut Browser, service: Service, account: &str) -> Result<Page, Failure> {
        let mut console = browser.visit(Url::parse(self.world.console()).unwrap()).await?;
        if console.has("login") {
            let request = console.field("request")?;
            let form = format!("request={request}&login=ada&password=ada");
            console = browser.submit(&console, "sign-in", form).await?;
        }
        let wanted = json!({"server": "web1", "service": service.name(), "account": account});
        let opened = browser.fetch(&console, "/api/open", Some(wanted.to_string())).await?;
        let answer: Value = serde_json::from_str(&opened.body).map_err(|_| Failure::new(opened.brief()))?;
        let frame = answer["frame"].as_str().ok_or_else(|| Failure::new(opened.brief()))?;
        browser.frame(&console, frame).await
    }
}

fn label(service: Service) -> &'static str {
    match service {
        Service::Whostmgrd => "whm",
        Service::Cpaneld => "cpanel",
        Service::Webmaild => "webmail",
    }
}
