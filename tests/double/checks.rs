//! The checks: what a person at a browser needs from a panel, each named after the behaviour of the server
//! that makes it hard (`docs/cpsrvd.md`, section 10).
//!
//! A check goes to its page by address, so that it does not fail for another one's reason. One that passes
//! means that the person got what they came for.

use anyhow::Context as _;
use anyhow::ensure;
use lab::browser::Ask;
use lab::browser::Errand;
use lab::browser::Page;
use lab::cpsrvd::LoginAnswer;
use lab::cpsrvd::Service;
use lab::cpsrvd::Service::Cpaneld;
use lab::cpsrvd::Service::Webmaild;
use lab::cpsrvd::Service::Whostmgrd;
use url::Url;

use super::identity::Identity;
use super::look::brief;
use super::look::has;
use super::look::shows;
use super::route::Egress;
use super::route::Route;
use super::route::Visit;
use super::route::console;

/// Opening ends on the panel, in whatever way the server answers the one-time login.
pub(crate) async fn b22_every_form_of_login(route: &Route) -> anyhow::Result<()> {
    use LoginAnswer as A;
    for answer in
        [A::TemporaryRedirect, A::MetaRefresh, A::MovedPermanently, A::Found, A::SeeOther, A::PermanentRedirect]
    {
        for absolute in [false, true] {
            route.switch(|switches| (switches.login_answer, switches.absolute_redirects) = (answer, absolute));
            let visit = route.open(Whostmgrd).await?;
            shows(&visit.landing?, "whm-home")?;
        }
    }
    Ok(())
}

/// The server's session stays out of the browser, where whatever reads cookies could take it along.
pub(crate) async fn b22_no_session_in_the_browser(route: &Route) -> anyhow::Result<()> {
    for service in Service::ALL {
        let visit = route.open(service).await?;
        let taken = visit.browser.cookies().into_iter().find(|cookie| cookie.name == service.session_cookie());
        ensure!(taken.is_none(), "the browser holds {}", service.session_cookie());
    }
    Ok(())
}

/// A link of a page leads to the next page.
pub(crate) async fn b26_the_next_page(route: &Route) -> anyhow::Result<()> {
    let visit = route.open(Whostmgrd).await?;
    let home = visit.go("/").await?;
    let link = home.attribute("link-accounts", "href")?;
    shows(&visit.browser.follow(&home, &link).await?, "account-table")
}

/// A page goes on working when the same panel is opened a second time.
pub(crate) async fn b26_the_same_panel_twice(route: &Route) -> anyhow::Result<()> {
    let visit = route.open(Whostmgrd).await?;
    let first = visit.go("/").await?;
    // What the second one shows is not what this is about.
    drop(visit.open_again().await);
    let next = visit.address("/scripts4/listaccts");
    shows(&visit.browser.follow(&first, next.as_str()).await?, "account-table")
}

/// A session lasts while the person changes networks, through a gateway that has two addresses.
pub(crate) async fn b32_two_addresses(route: &Route) -> anyhow::Result<()> {
    let mut visit = route.open_by(Whostmgrd, Egress::Pool).await?;
    if let Ok(landing) = &visit.landing {
        ensure!(!has(landing, "login_form"), brief(landing));
    }
    visit.change_networks();
    shows(&visit.go("/").await?, "whm-home")
}

/// A form can be submitted while the server checks where submissions come from.
pub(crate) async fn b38_referrer_check(route: &Route) -> anyhow::Result<()> {
    route.switch(|switches| switches.referrer_safety = true);
    let visit = route.open(Whostmgrd).await?;
    submit_tweak(visit).await
}

/// A form can be submitted without a `Referer` while the server refuses that.
pub(crate) async fn b39_no_referrer(route: &Route) -> anyhow::Result<()> {
    route.switch(|switches| switches.referrer_blank_safety = true);
    let mut visit = route.open(Whostmgrd).await?;
    visit.browser.withhold_referrers();
    submit_tweak(visit).await
}

async fn submit_tweak(visit: Visit<'_>) -> anyhow::Result<()> {
    let form = visit.go("/scripts2/tweaksettings").await?;
    shows(&form, "tweak-form")?;
    let action = visit.address("/scripts2/dotweaksettings");
    shows(&visit.browser.submit(&form, action.as_str(), &[("contact", "x"), ("limit", "5")]).await?, "saved")
}

/// The console can show a panel and its inner pages in a frame; strangers cannot; and the frame's scripts
/// cannot reach the console.
pub(crate) async fn b41_framed_by_the_console_only(route: &Route) -> anyhow::Result<()> {
    let visit = route.open(Whostmgrd).await?;
    let console = console();
    let stranger = Url::parse("https://evil.example.net/").unwrap();
    let home = visit.go("/").await?;
    shows(&home, "whm-home")?;
    let start = visit.go("/scripts/command?PFILE=main").await?;
    let inner = visit.go("/scripts/inner").await?;
    home.check_framing(std::slice::from_ref(&console))?;
    start.check_framing(&[home.url.clone(), console.clone()])?;
    inner.check_framing(&[start.url.clone(), home.url.clone(), console.clone()])?;
    ensure!(home.check_framing(&[stranger]).is_err(), "any site can frame it");
    let nosniff =
        [&home, &start, &inner].iter().all(|page| page.header("x-content-type-options").as_deref() == Some("nosniff"));
    ensure!(nosniff, "nosniff is gone");
    ensure!(home.url.origin() != console.origin(), "its scripts share the console's origin");
    Ok(())
}

/// Redirects with the server's own name and port stay at the gateway.
pub(crate) async fn b43_absolute_redirects(route: &Route) -> anyhow::Result<()> {
    route.switch(|switches| switches.absolute_redirects = true);
    for (service, page) in [(Cpaneld, "cpanel-home"), (Webmaild, "webmail-home")] {
        let visit = route.open(service).await?;
        let home = visit.go("/").await?;
        shows(&home, page)?;
        ensure!(home.url.origin() == route.base(service).origin(), brief(&home));
    }
    Ok(())
}

/// Links with the server's own name and port stay at the gateway, wherever in a body they stand.
pub(crate) async fn b44_absolute_links(route: &Route) -> anyhow::Result<()> {
    for (service, links) in [
        (Whostmgrd, "/scripts/links"),
        (Cpaneld, "/frontend/jupiter/links/index.html"),
        (Webmaild, "/webmail/jupiter/links/index.html"),
    ] {
        let visit = route.open(service).await?;
        let page = visit.go(links).await?;
        for id in
            ["link-absolute", "link-protocol-relative", "link-root-relative", "link-relative", "link-meta-refresh"]
        {
            let href = page.attribute(id, "href")?;
            shows(&visit.browser.follow(&page, &href).await?, "links")?;
        }
        let picture = page.attribute("link-absolute-webmail", "href")?;
        let picture = visit.browser.follow(&page, &picture).await?;
        ensure!(picture.text().contains("<svg"), brief(&picture));
        let action = page.attribute("form-absolute", "action")?;
        shows(&visit.browser.submit(&page, &action, &[("from", "form")]).await?, "submitted")?;
        let json = page.attribute("links-script", "data-json")?;
        let json = visit.browser.fetch(&page, &json).await?;
        let json = json.json()?;
        shows(&visit.browser.follow(&page, json["url"].as_str().unwrap_or_default()).await?, "links")?;
        let base = page.attribute("link-base", "href")?;
        let base = visit.browser.follow(&page, &base).await?;
        based(&visit, &base).await?;
        // What scripts build from their host name and a port that they know.
        let built = format!("https://{}:2083/", page.url.host_str().unwrap_or_default());
        visit.browser.follow(&page, &built).await?;
    }
    Ok(())
}

/// A relative link on a page with `<base href>`.
async fn based(visit: &Visit<'_>, page: &Page) -> anyhow::Result<()> {
    let text = page.text();
    let base = text.split_once("<base href=\"").and_then(|(_, rest)| rest.split_once('"'));
    let (base, _) = base.with_context(|| brief(page))?;
    let link = page.attribute("link-based", "href")?;
    shows(&visit.browser.follow(page, &format!("{base}{link}")).await?, "links")
}

/// A page finds out which application it belongs to, and the links that it builds from that work.
pub(crate) async fn b45_identity_from_the_address(route: &Route) -> anyhow::Result<()> {
    for (service, app, path, next, found) in [
        (Whostmgrd, "whostmgr", "/scripts/path", "scripts4/listaccts", "account-table"),
        (Cpaneld, "cpanel", "/frontend/jupiter/path/index.html", "index.html", "cpanel-home"),
        (Webmaild, "webmail", "/webmail/jupiter/path/index.html", "index.html", "webmail-home"),
    ] {
        let visit = route.open(service).await?;
        let page = visit.go(path).await?;
        shows(&page, "path")?;
        let identity = Identity::of(&page.url);
        let token = if identity.token.is_empty() { "no" } else { "its" };
        let told = format!("the page takes itself for {} with {token} security token", identity.app);
        ensure!(identity.app == app && identity.token == format!("/{}", visit.token), told);
        shows(&visit.browser.follow(&page, &format!("{}{next}", identity.base)).await?, found)?;
    }
    Ok(())
}

/// A tool that resists framing gets to the person who opens it in the frame of the panel: in the frame, with
/// nothing in its script to hide it there, or by one click that the place of the frame offers, in a tab of its
/// own where nothing is around it.
pub(crate) async fn b47_a_tool_that_resists_framing(route: &Route) -> anyhow::Result<()> {
    let visit = route.open(Cpaneld).await?;
    let path = "/3rdparty/phpMyAdmin/index.php?route=/";
    let alone = visit.go(path).await?;
    shows(&alone, "phpmyadmin")?;
    let panel = alone.clone().framed_by(&Page::imagined(console().as_str())?);
    let place = visit.browser.frame(&panel, visit.address(path).as_str()).await?;
    let tool = match place.attribute("open-own-tab", "href") {
        Ok(href) => {
            ensure!(place.attribute("open-own-tab", "target")? == "_blank", brief(&place));
            visit.browser.ask(Ask::get(Errand::Page, place.resolve(&href)?.as_str()).by(&place)).await?
        }
        Err(_) => place,
    };
    shows(&tool, "phpmyadmin")?;
    let text = tool.text();
    let script = text.rsplit_once("<script src=\"").and_then(|(_, rest)| rest.split_once('"'));
    let (script, _) = script.with_context(|| brief(&tool))?;
    let name = script.rsplit('/').next().unwrap_or_default();
    let script = visit.browser.fetch(&tool, &format!("/cPanel_magic_revision_1700000000/lab/{name}")).await?;
    ensure!(script.status == 200, brief(&script));
    ensure!(tool.is_alone() || !script.text().contains("top.location"), "its own script hides it in a frame");
    Ok(())
}

/// A tool with cookies of its own, one for the server and one for its script, gets both back.
pub(crate) async fn b48_a_tool_with_cookies(route: &Route) -> anyhow::Result<()> {
    let visit = route.open(Webmaild).await?;
    let home = visit.go("/webmail/jupiter/index.html").await?;
    shows(&home, "webmail-home")?;
    let tool = visit.address("/3rdparty/roundcube/?_task=mail&_mbox=INBOX");
    let tool = visit.browser.follow(&home, tool.as_str()).await?;
    shows(&tool, "roundcube-status")?;
    // What the page's script does.
    visit.browser.script_sets_cookie(&tool, "roundcube_cookies=enabled; path=/; secure");
    let check = visit.browser.fetch(&tool, "?_task=mail&_action=check").await?;
    let check = check.json()?;
    ensure!(check["session"] == true, "its session cookie does not come back");
    ensure!(check["cookies"] == true, "its script's cookie does not come back");
    Ok(())
}

/// From the list of accounts into an account's cPanel.
pub(crate) async fn b50_from_whm_to_cpanel(route: &Route) -> anyhow::Result<()> {
    let visit = route.open(Whostmgrd).await?;
    let accounts = visit.go("/scripts4/listaccts").await?;
    shows(&accounts, "account-table")?;
    let hop = visit.address("/xfercpanel/bob");
    shows(&visit.browser.follow(&accounts, hop.as_str()).await?, "cpanel-home")
}

/// From cPanel into Webmail.
pub(crate) async fn b51_from_cpanel_to_webmail(route: &Route) -> anyhow::Result<()> {
    let visit = route.open(Cpaneld).await?;
    let hop = visit.go("/frontend/jupiter/mail/webmail.html?user=sales%40bob.example").await?;
    let (action, session) = (hop.attribute("webmail-hop-form", "action")?, hop.field("session")?);
    shows(&visit.browser.submit(&hop, &action, &[("session", &session)]).await?, "webmail-home")
}

/// The terminal's WebSocket opens.
pub(crate) async fn b53_terminal(route: &Route) -> anyhow::Result<()> {
    let visit = route.open(Whostmgrd).await?;
    let page = visit.go("/scripts/terminal").await?;
    shows(&page, "terminal")?;
    let socket = visit.address("/websocket/Shell?rows=24&cols=80");
    let status = visit.browser.websocket(&page, socket.as_str()).await?;
    ensure!(status == 101, "the handshake is answered {status}");
    Ok(())
}
