//! People's way through the gateway in real browsers: the real program over real TLS, in both styles of
//! panel origins, and the demonstration as it is.
//!
//! The steps are in `tests/browser/journey`; here everything is started that they need. `npm ci` in
//! `tests/browser` comes first; Chromium, Firefox and `certutil` (libnss3-tools) are taken from the system.

#[path = "browsers/control.rs"]
mod control;
#[path = "browsers/demo.rs"]
mod demo;
#[path = "browsers/journey.rs"]
mod journey;

use std::net::Ipv4Addr;
use std::sync::Arc;

use lab::gateway::Gateway;
use lab::loopback::Loopback;
use lab::phpmyadmin;
use lab::phpmyadmin::PhpMyAdmin;
use lab::world::DIRECTORY;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::control::Control;
use crate::journey::Browser;

#[tokio::test(flavor = "multi_thread")]
async fn chromium_with_a_port_per_service() -> anyhow::Result<()> {
    journey(Browser::Chromium, Style::Ports).await
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_with_a_name_per_service() -> anyhow::Result<()> {
    journey(Browser::Chromium, Style::Hosts).await
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_with_a_port_per_service() -> anyhow::Result<()> {
    journey(Browser::Firefox, Style::Ports).await
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_with_a_name_per_service() -> anyhow::Result<()> {
    journey(Browser::Firefox, Style::Hosts).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_runs_in_both_browsers() -> anyhow::Result<()> {
    let demo = demo::start().await?;
    for browser in [Browser::Chromium, Browser::Firefox] {
        journey::run("demo.js", browser, "demo", &serde_json::json!({ "console": demo::CONSOLE })).await?;
    }
    demo::interrupt(demo).await
}

/// The nearest to Safari that there is on Linux.
#[tokio::test(flavor = "multi_thread")]
async fn webkitgtk_with_a_port_per_service() -> anyhow::Result<()> {
    through("webkit.js", Browser::WebKit, Style::Ports, "ports").await
}

#[tokio::test(flavor = "multi_thread")]
async fn webkitgtk_with_a_name_per_service() -> anyhow::Result<()> {
    through("webkit.js", Browser::WebKit, Style::Hosts, "hosts").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_server_gets_nowhere_in_chromium() -> anyhow::Result<()> {
    through("hostile.js", Browser::Chromium, Style::Ports, "hostile").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_server_gets_nowhere_in_firefox() -> anyhow::Result<()> {
    through("hostile.js", Browser::Firefox, Style::Hosts, "hostile").await
}

/// Real software finds what doubles hide.
#[tokio::test(flavor = "multi_thread")]
async fn the_real_phpmyadmin_works_in_chromium() -> anyhow::Result<()> {
    with_phpmyadmin(Browser::Chromium, Style::Ports).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_phpmyadmin_works_in_firefox() -> anyhow::Result<()> {
    with_phpmyadmin(Browser::Firefox, Style::Hosts).await
}

async fn with_phpmyadmin(browser: Browser, style: Style) -> anyhow::Result<()> {
    let (tool, place) = tokio::try_join!(PhpMyAdmin::start(), Place::start(style))?;
    place.world.server(2).install_tool(phpmyadmin::PATH, tool.address())?;
    place.run("phpmyadmin.js", browser, "phpmyadmin").await?;
    let rows = tool.ask("SELECT what FROM bob_shop.orders ORDER BY id").await?;
    anyhow::ensure!(rows == "a lamp\ntwo chairs\na Käsekuchen\ngrüne Äpfel & <b>more</b>", "the table holds {rows}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_is_said_in_its_frame_in_chromium() -> anyhow::Result<()> {
    with_failures(Browser::Chromium, Style::Ports).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_is_said_in_its_frame_in_firefox() -> anyhow::Result<()> {
    with_failures(Browser::Firefox, Style::Hosts).await
}

/// With limits that are reached soon.
async fn with_failures(browser: Browser, style: Style) -> anyhow::Result<()> {
    let limits = "upstream_response_seconds = 6\nrequests_per_session = 10\n";
    Place::limited(style, limits).await?.run("failures.js", browser, "failures").await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_again_in_chromium() -> anyhow::Result<()> {
    through("sessions.js", Browser::Chromium, Style::Ports, "sessions").await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_again_in_firefox() -> anyhow::Result<()> {
    through("sessions.js", Browser::Firefox, Style::Hosts, "sessions").await
}

async fn journey(browser: Browser, style: Style) -> anyhow::Result<()> {
    through("main.js", browser, style, style.as_str()).await
}

/// Runs a script against the whole world in a style.
async fn through(script: &str, browser: Browser, style: Style, name: &str) -> anyhow::Result<()> {
    Place::start(style).await?.run(script, browser, name).await
}

/// The whole world in a style, with the gateway in front, and what a journey is told of it.
struct Place {
    world: Arc<World>,
    description: serde_json::Value,
    _address: Loopback,
}

impl Place {
    async fn start(style: Style) -> anyhow::Result<Self> {
        Self::limited(style, "").await
    }

    async fn limited(style: Style, limits: &str) -> anyhow::Result<Self> {
        let place = Loopback::claim()?;
        // The gateway asks the system for the provider's address, and `localhost` is the one name that every
        // system knows. The browsers are told to find every name at the gateway's address, so that port there
        // leads on to the provider.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port();
        let issuer = format!("https://idp.localhost:{port}");
        let plan = Plan {
            gateway: Some(place.ip()),
            provider: Some(Ipv4Addr::LOCALHOST.into()),
            issuer: issuer.clone(),
            directory: Some(format!("{DIRECTORY}{MORE_WAYS_IN}").replacen(ADMINISTRATORS, MAY_END, 1)),
            more: format!("[log]\nfilter = \"info\"\n[limits]\nopen_seconds = 8\n{limits}"),
            ..Plan::tls(style)
        };
        let world = Arc::new(World::start(plan).await?);
        let provider = world.provider.address();
        let at_the_gateway = TcpListener::bind((place.ip(), port)).await?;
        tokio::spawn(async move {
            while let Ok((mut from, _)) = at_the_gateway.accept().await {
                tokio::spawn(async move {
                    let mut to = TcpStream::connect(provider).await?;
                    tokio::io::copy_bidirectional(&mut from, &mut to).await
                });
            }
        });
        let gateway = Gateway::spawn(env!("CARGO_BIN_EXE_panelgate"), &world).await?;
        let control = Control::start(Arc::clone(&world), gateway).await?;
        let description = serde_json::json!({
            "style": style.as_str(),
            "console": world.console(),
            "address": place.ip(),
            "authority": world.authority_file(),
            "issuer": issuer,
            "control": control.port(),
            "secrets": world.secrets(),
        });
        Ok(Self { world, description, _address: place })
    }

    async fn run(&self, script: &str, browser: Browser, name: &str) -> anyhow::Result<()> {
        journey::run(script, browser, name, &self.description).await
    }
}

/// The first role group of the usual directory may end sessions.
const ADMINISTRATORS: &str = "connect = true\n";
const MAY_END: &str = "connect = true\nrights = [\"end_sessions\"]\n";

/// Added to the usual directory: administrators have nine ways in, so that the console lists recent ones; one leads to an account that
/// does not exist. As root on web1 they may go on to customers.
const MORE_WAYS_IN: &str = r#"
[[rules]]
role_group = "Administrators"
servers = ["web1"]
services = ["whostmgrd"]
account = "root"
customers = ["cpaneld", "webmaild"]

[[rules]]
role_group = "Administrators"
servers = ["web1", "web2"]
services = ["whostmgrd"]
account = "resell1"

[[rules]]
role_group = "Administrators"
servers = ["web1", "web2", "web3"]
services = ["cpaneld"]
account = "alice"

[[rules]]
role_group = "Administrators"
servers = ["web3"]
services = ["whostmgrd"]
account = "ghost"
"#;
