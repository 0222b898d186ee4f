//! Many people at once, and one who sees every server.

use std::net::IpAddr;

use anyhow::Context as _;
use lab::browser::Browser;
use lab::pki::Authority;
use lab::provider::Provider;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;

use super::browser;
use super::open;

/// People that sign in at once.
const AT_ONCE: usize = 8;

/// The console's cookie.
const COOKIE: &str = "__Host-panelgate-session";

/// Signs in as somebody who may open every server, and gives the console's cookie.
pub(super) async fn oversee(authority: &Authority, provider: &Provider, gateway: IpAddr) -> anyhow::Result<Value> {
    let browser = browser(authority, provider, gateway)?;
    browser.sign_in("grace").await?;
    Ok(json!({ "cookie": cookie(&browser)? }))
}

/// So many people sign in, each in a browser of their own; the first ones open a panel each. Gives all cookies.
pub(super) async fn crowd(
    authority: &Authority,
    provider: &Provider,
    gateway: IpAddr,
    people: usize,
    panels: usize,
) -> anyhow::Result<Value> {
    let (mut consoles, mut ways) = (Vec::new(), Vec::new());
    let mut begun = 0;
    while begun < people {
        let mut coming = JoinSet::new();
        while coming.len() < AT_ONCE.min(people - begun) {
            let (browser, opens) = (browser(authority, provider, gateway)?, begun + coming.len() < panels);
            coming.spawn_local(async move {
                let way = if opens {
                    Some(open(&browser).await?)
                } else {
                    browser.sign_in("ada").await?;
                    None
                };
                anyhow::Ok((cookie(&browser)?, way))
            });
        }
        begun += coming.len();
        while let Some(come) = coming.join_next().await {
            let (console, way) = come??;
            consoles.push(console);
            ways.extend(way);
        }
    }
    Ok(json!({ "consoles": consoles, "panels": ways }))
}

fn cookie(browser: &Browser) -> anyhow::Result<String> {
    let found = browser.cookies().into_iter().find(|cookie| cookie.name == COOKIE);
    Ok(found.context("nobody is signed in")?.value)
}
