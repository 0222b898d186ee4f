//! The checks: what a person at a browser needs from a panel, each named after the behaviour of the server
//! that makes it hard (`docs/cpsrvd.md`, section 10).
//!
//! A check goes to its page by address, so that it does not fail for another one's reason. One that passes
//! means that the person got what they came for.

use lab::cpsrvd::LoginAnswer;
use lab::cpsrvd::Service;
use lab::cpsrvd::Service::Cpaneld;
use lab::cpsrvd::Service::Webmaild;
use lab::cpsrvd::Service::Whostmgrd;
use serde_json::Value;
use url::Url;

use super::browser::Referrers;
use super::failure::Failure;
use super::failure::Outcome;
use super::failure::holds;
use super::framing;
use super::identity::Identity;
use super::page::Page;
use super::route::Egress;
use super::route::Route;
use super::route::Visit;
use super::route::console;

/// Opening ends on the panel, in whatever way the server answers the one-time login.
pub(crate) async fn b22_every_form_of_login(route: &Route) -> Outcome {
    use LoginAnswer as A;
    for answer in
        [A::TemporaryRedirect, A::MetaRefresh, A::MovedPermanently, A::Found, A::SeeOther, A::PermanentRedirect]
    {
        for absolute in [false, true] {
            route.switch(|switches| (switches.login_answer, switches.absolute_redirects) = (answer, absolute));
            let visit = route.open(Whostmgrd).await?;
            visit.landing?.must_have("whm-home")?;
        }
    }
    Ok(())
}

/// The server's session stays out of the browser, where whatever reads cookies could take it along.
pub(crate) async fn b22_no_session_in_the_browser(route: &Route) -> Outcome {
    for service in Service::ALL {
        let visit = route.open(service).await?;
        let taken = visit.browser.jar.names().find(|name| *name == service.session_cookie());
        holds(taken.is_none(), format!("the browser holds {}", service.session_cookie()))?;
    }
    Ok(())
}

/// A link of a page leads to the next page.
pub(crate) async fn b26_the_next_page(route: &Route) -> Outcome {
    let mut visit = route.open(Whostmgrd).await?;
    let home = visit.go("/").await?;
    let link = home.attribute("link-accounts", "href")?;
    visit.browser.follow(&home, &link).await?.must_have("account-table")
}

/// A page goes on working when the same panel is opened a second time.
pub(crate) async fn b26_the_same_panel_twice(route: &Route) -> Outcome {
    let mut visit = route.open(Whostmgrd).await?;
    let first = visit.go("/").await?;
    // What the second one shows is not what this is about.
    drop(visit.open_again().await);
    let next = visit.address("/scripts4/listaccts");
    visit.browser.follow(&first, next.as_str()).await?.must_have("account-table")
}

/// A session lasts while the person changes networks, through a gateway that has two addresses.
pub(crate) async fn b32_two_addresses(route: &Route) -> Outcome {
    let mut visit = route.open_by(Whostmgrd, Egress::Pool).await?;
    if let Ok(landing) = &visit.landing {
        holds(!landing.has("login_form"), landing.brief())?;
    }
    visit.change_networks();
    visit.go("/").await?.must_have("whm-home")
}

/// A form can be submitted while the server checks where submissions come from.
pub(crate) async fn b38_referrer_check(route: &Route) -> Outcome {
    route.switch(|switches| switches.referrer_safety = true);
    let visit = route.open(Whostmgrd).await?;
    submit_tweak(visit).await
}

/// A form can be submitted without a `Referer` while the server refuses that.
pub(crate) async fn b39_no_referrer(route: &Route) -> Outcome {
    route.switch(|switches| switches.referrer_blank_safety = true);
    let mut visit = route.open(Whostmgrd).await?;
    visit.browser.referrers = Referrers::Withheld;
    submit_tweak(visit).await
}

async fn submit_tweak(mut visit: Visit<'_>) -> Outcome {
    let form = visit.go("/scripts2/tweaksettings").await?;
    form.must_have("tweak-form")?;
    let action = visit.address("/scripts2/dotweaksettings");
    visit.browser.submit(&form, action.as_str(), "contact=x&limit=5".to_owned()).await?.must_have("saved")
}

/// The console can show a panel and its inner pages in a frame; strangers cannot; and the frame's scripts
/// cannot reach the console.
pub(crate) async fn b41_framed_by_the_console_only(route: &Route) -> Outcome {
    let mut visit = route.open(Whostmgrd).await?;
    let console = console();
    let stranger = Url::parse("https://evil.example.net/").unwrap();
    let home = visit.go("/").await?;
    home.must_have("whm-home")?;
    let start = visit.go("/scripts/command?PFILE=main").await?;
    let inner = visit.go("/scripts/inner").await?;
    framing::shown_in(&home, &[&console])?;
    framing::shown_in(&start, &[&home.url, &console])?;
    framing::shown_in(&inner, &[&start.url, &home.url, &console])?;
    holds(framing::shown_in(&home, &[&stranger]).is_err(), "any site can frame it")?;
    let nosniff = [&home, &start, &inner].iter().all(|page| page.all("x-content-type-options") == ["nosniff"]);
    holds(nosniff, "nosniff is gone")?;
    holds(home.url.origin() != console.origin(), "its scripts share the console's origin")
}

/// Redirects with the server's own name and port stay at the gateway.
pub(crate) async fn b43_absolute_redirects(route: &Route) -> Outcome {
    route.switch(|switches| switches.absolute_redirects = true);
    for (service, page) in [(Cpaneld, "cpanel-home"), (Webmaild, "webmail-home")] {
        let mut visit = route.open(service).await?;
        let home = visit.go("/").await?;
        home.must_have(page)?;
        holds(home.url.origin() == route.base(service).origin(), home.brief())?;
    }
    Ok(())
}

/// Links with the server's own name and port stay at the gateway, wherever in a body they stand.
pub(crate) async fn b44_absolute_links(route: &Route) -> Outcome {
    for (service, links) in [
        (Whostmgrd, "/scripts/links"),
        (Cpaneld, "/frontend/jupiter/links/index.html"),
        (Webmaild, "/webmail/jupiter/links/index.html"),
    ] {
        let mut visit = route.open(service).await?;
        let page = visit.go(links).await?;
        for id in
            ["link-absolute", "link-protocol-relative", "link-root-relative", "link-relative", "link-meta-refresh"]
        {
            let href = page.attribute(id, "href")?;
            visit.browser.follow(&page, &href).await?.must_have("links")?;
        }
        let picture = page.attribute("link-absolute-webmail", "href")?;
        let picture = visit.browser.follow(&page, &picture).await?;
        holds(picture.body.contains("<svg"), picture.brief())?;
        let action = page.attribute("form-absolute", "action")?;
        visit.browser.submit(&page, &action, "from=form".to_owned()).await?.must_have("submitted")?;
        let json = page.attribute("links-script", "data-json")?;
        let json = visit.browser.fetch(&page, &json, None).await?;
        let json: Value = serde_json::from_str(&json.body).map_err(|_| Failure::new(json.brief()))?;
        visit.browser.follow(&page, json["url"].as_str().unwrap_or_default()).await?.must_have("links")?;
        let base = page.attribute("link-base", "href")?;
        let base = visit.browser.follow(&page, &base).await?;
        based(&mut visit, &base).await?;
        // What scripts build from their host name and a port that they know.
        let built = format!("https://{}:2083/", page.url.host_str().unwrap_or_default());
        visit.browser.follow(&page, &built).await?;
    }
    Ok(())
}

/// A relative link on a page with `<base href>`.
async fn based(visit: &mut Visit<'_>, page: &Page) -> Outcome {
    let base = page.body.split_once("<base href=\"").and_then(|(_, rest)| rest.split_once('"'));
    let (base, _) = base.ok_or_else(|| Failure::new(page.brief()))?;
    let link = page.attribute("link-based", "href")?;
    visit.browser.follow(page, &format!("{base}{link}")).await?.must_have("links")
}

/// A page finds out which application it belongs to, and the links that it builds from that work.
pub(crate) async fn b45_identity_from_the_address(route: &Route) -> Outcome {
    for (service, app, path, next, found) in [
        (Whostmgrd, "whostmgr", "/scripts/path", "scripts4/listaccts", "account-table"),
        (Cpaneld, "cpanel", "/frontend/jupiter/path/index.html", "index.html", "cpanel-home"),
        (Webmaild, "webmail", "/webmail/jupiter/path/index.html", "index.html", "webmail-home"),
    ] {
        let mut visit = route.open(service).await?;
        let page = visit.go(path).await?;
        page.must_have("path")?;
        let identity = Identity::of(&page.url);
        let token = if identity.token.is_empty() { "no" } else { "its" };
        let told = format!("the page takes itself for {} with {token} security token", identity.app);
        holds(identity.app == app && identity.token == format!("/{}", visit.token), told)?;
        visit.browser.follow(&page, &format!("{}{next}", identity.base)).await?.must_have(found)?;
    }
    Ok(())
}

/// A tool that does not want to be framed is shown in the console's frame all the same.
pub(crate) async fn b47_a_tool_that_resists_framing(route: &Route) -> Outcome {
    let mut visit = route.open(Cpaneld).await?;
    let tool = visit.go("/3rdparty/phpMyAdmin/index.php?route=/").await?;
    tool.must_have("phpmyadmin")?;
    framing::shown_in(&tool, &[&console()])?;
    let script = tool.body.rsplit_once("<script src=\"").and_then(|(_, rest)| rest.split_once('"'));
    let (script, _) = script.ok_or_else(|| Failure::new(tool.brief()))?;
    let name = script.rsplit('/').next().unwrap_or_default();
    let script = visit.browser.fetch(&tool, &format!("/cPanel_magic_revision_1700000000/lab/{name}"), None).await?;
    holds(script.status.is_success(), script.brief())?;
    holds(!script.body.contains("top !== self"), "its own script hides it in a frame")
}

/// A tool with cookies of its own, one for the server and one for its script, gets both back.
pub(crate) async fn b48_a_tool_with_cookies(route: &Route) -> Outcome {
    let mut visit = route.open(Webmaild).await?;
    let home = visit.go("/webmail/jupiter/index.html").await?;
    home.must_have("webmail-home")?;
    let tool = visit.address("/3rdparty/roundcube/?_task=mail&_mbox=INBOX");
    let tool = visit.browser.follow(&home, tool.as_str()).await?;
    tool.must_have("roundcube-status")?;
    // What the page's script does.
    visit.browser.jar.store(&tool.url, "roundcube_cookies=enabled; path=/; secure");
    let check = visit.browser.fetch(&tool, "?_task=mail&_action=check", None).await?;
    let check: Value = serde_json::from_str(&check.body).map_err(|_| Failure::new(check.brief()))?;
    holds(check["session"] == true, "its session cookie does not come back")?;
    holds(check["cookies"] == true, "its script's cookie does not come back")
}

/// From the list of accounts into an account's cPanel.
pub(crate) async fn b50_from_whm_to_cpanel(route: &Route) -> Outcome {
    let mut visit = route.open(Whostmgrd).await?;
    let accounts = visit.go("/scripts4/listaccts").await?;
    accounts.must_have("account-table")?;
    let hop = visit.address("/xfercpanel/bob");
    visit.browser.follow(&accounts, hop.as_str()).await?.must_have("cpanel-home")
}

/// From cPanel into Webmail.
pub(crate) async fn b51_from_cpanel_to_webmail(route: &Route) -> Outcome {
    let mut visit = route.open(Cpaneld).await?;
    let hop = visit.go("/frontend/jupiter/mail/webmail.html?user=sales%40bob.example").await?;
    let (action, session) = (hop.attribute("webmail-hop-form", "action")?, hop.field("session")?);
    let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("session", &session).finish();
    visit.browser.submit(&hop, &action, form).await?.must_have("webmail-home")
}

/// The terminal's WebSocket opens.
pub(crate) async fn b53_terminal(route: &Route) -> Outcome {
    let mut visit = route.open(Whostmgrd).await?;
    let page = visit.go("/scripts/terminal").await?;
    page.must_have("terminal")?;
    let socket = visit.address("/websocket/Shell?rows=24&cols=80");
    let status = visit.browser.websocket(&page, socket.as_str()).await?;
    holds(status.as_u16() == 101, format!("the handshake is answered {status}"))
}
