//! Going on from one panel to another: judged, recorded, opened by us; and out of a panel.

use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::world::Plan;
use lab::world::Style;

use crate::stage::Stage;
use crate::stage::in_both_styles;
use crate::stage::problem;

/// Ada is root on web1 and may go on everywhere; Sam is a reseller on all three, and may go on to cPanel and
/// Webmail on web1, to cPanel on web3, and nowhere on web2.
pub(crate) const DIRECTORY: &str = r#"
[[servers]]
{web1}
access = "restricted"

[[servers]]
{web2}
access = "restricted"

[[servers]]
{web3}
access = "restricted"

[[role_groups]]
name = "Administrators"
idp_groups = ["whm-admins"]
connect = true

[[role_groups]]
name = "Support"
idp_groups = ["whm-support"]
connect = true

[[rules]]
role_group = "Administrators"
servers = ["web1"]
services = ["whostmgrd"]
account = "root"
customers = ["cpaneld", "webmaild"]

[[rules]]
role_group = "Support"
servers = ["web1"]
services = ["whostmgrd", "cpaneld"]
account = "support"
customers = ["cpaneld", "webmaild"]

[[rules]]
role_group = "Support"
servers = ["web2"]
services = ["whostmgrd"]
account = "support"

[[rules]]
role_group = "Support"
servers = ["web3"]
services = ["whostmgrd"]
account = "resell1"
customers = ["cpaneld"]
"#;

async fn stage(style: Style) -> Stage {
    Stage::planned(Plan { directory: Some(DIRECTORY.to_owned()), ..Plan::tls(style) }).await
}

/// The list of accounts, in its frame of WHM's home.
async fn accounts(browser: &Browser, home: &Page) -> Page {
    browser.frame(home, &home.attribute("link-accounts", "href").unwrap()).await.unwrap()
}

/// What the console does when a page of ours in its frame asks for it.
pub(crate) async fn go_on(browser: &Browser, console: &Page, server: &str, hop: &Page) -> Page {
    assert_eq!(hop.status, 200, "{}", hop.text());
    let text = hop.text();
    let told = |name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("{text}"));
        rest.split('"').next().unwrap().to_owned()
    };
    assert_eq!(told("data-announce"), "hop");
    assert_eq!(told("data-console"), console.url.origin().ascii_serialization());
    browser.open(console, server, &told("data-service"), &told("data-account")).await.unwrap()
}

in_both_styles! {
    /// The list of accounts, a customer's cPanel, their Webmail; each under a session of its own.
    async fn from_whm_to_a_customer_and_on(style: Style) {
        let stage = stage(style).await;
        let server = stage.world.server(1);
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let list = accounts(&browser, &home).await;
        assert_eq!(list.attribute("link-cpanel-bob", "target").unwrap(), "_self");
        let hop = browser.follow(&list, &list.attribute("link-cpanel-bob", "href").unwrap()).await.unwrap();
        let cpanel = go_on(&browser, &console, "web1", &hop).await;
        assert_eq!(cpanel.attribute("cpanel-home", "data-user").unwrap(), "bob");
        assert_eq!(cpanel.url.origin().ascii_serialization(), stage.panel("web1", "cpaneld", ""));

        let form = browser.follow(&cpanel, &cpanel.attribute("link-webmail-0", "href").unwrap()).await.unwrap();
        let action = form.attribute("webmail-hop-form", "action").unwrap();
        // The key of the session that the server has made stays on our side.
        assert_eq!((&*action, &*form.field("session").unwrap()), ("/.panelgate/hop/webmaild", "sales@bob.example"));
        let hop = browser.submit(&form, &action, &[("session", "sales@bob.example")]).await.unwrap();
        let webmail = go_on(&browser, &console, "web1", &hop).await;
        assert_eq!(webmail.attribute("webmail-home", "data-user").unwrap(), "sales@bob.example");
        assert_eq!(browser.was_sent(":CREATE_WEBMAIL_SESSION"), None);

        let made: Vec<_> = server.sessions().into_iter().map(|s| (s.user, s.method)).collect();
        let ours = |user: &str| (user.to_owned(), "create_user_session".to_owned());
        assert_eq!(made, [ours("root"), ours("bob"), ours("sales@bob.example")]);
        assert!(server.requests().iter().all(|request| !request.path().contains("xfercpanel")));
        let events = stage.events();
        let hops: Vec<_> = events.iter().filter(|event| event["kind"] == "panel.hop").collect();
        let told: Vec<_> = hops
            .iter()
            .map(|e| ["outcome", "server", "service", "account", "through"].map(|name| e[name].as_str().unwrap()))
            .collect();
        assert_eq!(told, [
            ["begun", "web1", "cpaneld", "bob", "root"],
            ["succeeded", "web1", "cpaneld", "bob", "root"],
            ["begun", "web1", "webmaild", "sales@bob.example", "root"],
            ["succeeded", "web1", "webmaild", "sales@bob.example", "root"],
        ]);
        let from = |hop: usize| (hops[hop]["from"]["service"].clone(), hops[hop]["from"]["account"].clone());
        assert_eq!((from(0), from(2)), (("whostmgrd".into(), "root".into()), ("cpaneld".into(), "bob".into())));
        assert!(hops.iter().all(|hop| hop["subject"]["name"] == "Ada Admin"));
        // On record before it is done.
        let place = |kind: &str, account: &str| {
            events.iter().position(|e| e["kind"] == kind && e["account"] == account).unwrap()
        };
        assert!(place("panel.hop", "bob") < place("panel.open", "bob"));
    }

    /// A panel in a tab of its own, by a link and by a form.
    async fn in_a_new_tab_if_the_page_asks_for_one(style: Style) {
        let stage = stage(style).await;
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let list = accounts(&browser, &home).await;
        let link = list.resolve(&list.attribute("link-cpanel-alice", "href").unwrap()).unwrap();
        let tab = browser.ask(Ask::get(Errand::Page, link.as_str()).by(&list)).await.unwrap();
        assert_eq!(tab.attribute("cpanel-home", "data-user").unwrap(), "alice");
        assert_eq!(tab.url.origin().ascii_serialization(), stage.panel("web1", "cpaneld", ""));
        let action = list.resolve(&list.attribute("xfercpanel-form", "action").unwrap()).unwrap();
        let ask = Ask::get(Errand::Page, action.as_str()).by(&list).form(&[("user", "bob")]);
        let tab = browser.ask(ask).await.unwrap();
        assert_eq!(tab.attribute("cpanel-home", "data-user").unwrap(), "bob");
        assert_eq!(stage.outcomes("panel.hop"), ["begun", "succeeded", "begun", "succeeded"]);
    }

    /// A reseller's way: its own accounts, and a mailbox of one of them, and nobody else's.
    async fn a_reseller_goes_on_to_accounts_that_it_owns(style: Style) {
        let stage = stage(style).await;
        let server = stage.world.server(1);
        let (browser, console) = stage.signed_in("sam").await;
        let home = browser.open(&console, "web1", "whostmgrd", "support").await.unwrap();
        let hop = browser.follow(&home, "xfercpanel/bob").await.unwrap();
        let cpanel = go_on(&browser, &console, "web1", &hop).await;
        assert_eq!(cpanel.attribute("cpanel-home", "data-user").unwrap(), "bob");
        let hop = browser.follow(&cpanel, "/.panelgate/hop/webmaild?account=sales%40bob.example").await.unwrap();
        let webmail = go_on(&browser, &console, "web1", &hop).await;
        assert_eq!(webmail.attribute("webmail-home", "data-user").unwrap(), "sales@bob.example");
        // From the reseller's own cPanel.
        let own = browser.open(&console, "web1", "cpaneld", "support").await.unwrap();
        let hop = browser.follow(&own, "/xfercpanel/bob").await.unwrap();
        go_on(&browser, &console, "web1", &hop).await;
        let through: Vec<_> =
            stage.events().iter().filter(|e| e["kind"] == "panel.hop").map(|e| e["through"].clone()).collect();
        assert!(through.iter().all(|through| through == "support"), "{through:?}");

        let (asked, known) = (server.requests().len(), server.sessions().len());
        for (panel, path) in [
            (&home, "/xfercpanel/alice"),
            (&home, "/xfercpanel/carol"),
            (&home, "/xfercpanel/root"),
            (&home, "/xfercpanel/nobody-there"),
            (&home, "/.panelgate/hop/webmaild?account=info%40alice.example"),
            (&home, "/.panelgate/hop/webmaild?account=x%40nowhere.example"),
            (&own, "/xfercpanel/carol"),
        ] {
            let answer = browser.follow(panel, path).await.unwrap();
            assert_eq!(answer.status, 403, "{path}");
            assert!(answer.text().contains("data-code=\"account_not_customer\""), "{path}: {}", answer.text());
            answer.check_framing(std::slice::from_ref(&console.url)).unwrap();
        }
        assert_eq!(server.sessions().len(), known);
        let asked = server.requests().split_off(asked);
        assert!(asked.iter().all(|r| ["/json-api/listaccts", "/json-api/getdomainowner"].contains(&r.path())), "{asked:?}");
        // The console is told the same.
        let answer = browser.ask_to_open(&console, "web1", "cpaneld", "carol").await.unwrap();
        assert_eq!((answer.status, &*problem(&answer).0), (403, "account_not_customer"));
        let failed = |outcome: &String| *outcome == "failed account_not_customer";
        assert_eq!(stage.outcomes("panel.hop").into_iter().filter(failed).count(), 7);
    }

    /// Each is refused before any server hears of it, explained in the frame's place, and on record.
    async fn what_no_rule_allows_is_refused(style: Style) {
        let stage = stage(style).await;
        let server = stage.world.server(2);
        let (browser, console) = stage.signed_in("sam").await;
        let home = browser.open(&console, "web2", "whostmgrd", "support").await.unwrap();
        let before = server.requests().len();
        let answer = browser.follow(&home, "xfercpanel/bob").await.unwrap();
        assert!(answer.status == 403 && answer.text().contains("Not permitted"), "{}", answer.text());
        answer.check_framing(std::slice::from_ref(&console.url)).unwrap();
        assert_eq!(stage.outcomes("access.denied"), ["denied customers_not_in_rule"]);
        let event = stage.events().pop().unwrap();
        let told = ["service", "account", "through"].map(|name| event[name].as_str().unwrap());
        assert_eq!(told, ["cpaneld", "bob", "support"]);
        assert_eq!((&event["from"]["service"], &event["from"]["account"]), (&"whostmgrd".into(), &"support".into()));
        // On web3 cPanel is allowed, Webmail is not.
        let home = browser.open(&console, "web3", "whostmgrd", "resell1").await.unwrap();
        let answer = browser.follow(&home, "/.panelgate/hop/webmaild?account=info%40alice.example").await.unwrap();
        assert_eq!(answer.status, 403);
        assert_eq!(stage.outcomes("access.denied").len(), 2);
        assert_eq!(server.requests().len(), before);
        assert!(stage.outcomes("panel.hop").is_empty());
    }
}

#[tokio::test]
async fn a_suspended_account_is_said_to_be() {
    let stage = stage(Style::Ports).await;
    let server = stage.world.server(3);
    let (browser, console) = stage.signed_in("sam").await;
    let home = browser.open(&console, "web3", "whostmgrd", "resell1").await.unwrap();
    let answer = browser.follow(&home, "xfercpanel/dave").await.unwrap();
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("The account is suspended"), "{}", answer.text());
    assert_eq!(stage.outcomes("panel.hop"), ["begun", "failed account_suspended"]);
    // A server that lets people in all the same.
    server.switch(|switches| switches.suspended_sessions = true);
    let hop = browser.follow(&home, "xfercpanel/dave").await.unwrap();
    assert_eq!(go_on(&browser, &console, "web3", &hop).await.attribute("cpanel-home", "data-user").unwrap(), "dave");
}

#[tokio::test]
async fn names_that_are_none_lead_nowhere() {
    let stage = stage(Style::Ports).await;
    let server = stage.world.server(1);
    let (browser, console) = stage.signed_in("ada").await;
    let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let before = server.requests().len();
    let long = format!("/xfercpanel/{}", "x".repeat(300));
    for (path, status) in [
        ("/xfercpanel/bob%20x", 403),
        ("/xfercpanel/%3Cscript%3E", 403),
        ("/xfercpanel/bob'--", 403),
        ("/xfercpanel/bob;id", 403),
        ("/xfercpanel/bob:x", 403),
        ("/xfercpanel/bob%0d%0ax", 400),
        ("/xfercpanel/b%C3%B6b", 403),
        ("/xfercpanel/bob/alice", 403),
        (&*long, 403),
        ("/.panelgate/hop/ssh?account=bob", 404),
        ("/.panelgate/hop/cpaneld?account=bob%0a", 400),
        ("/.panelgate/hop/cpaneld?account=", 400),
        ("/.panelgate/hop/cpaneld?x=1", 400),
        ("/.panelgate/hop/cpaneld?account=bob&account=alice", 400),
        ("/xfercpanel", 400),
    ] {
        let answer = browser.follow(&home, path).await.unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(!answer.text().contains("<script>"), "{path}");
    }
    let action = home.resolve("/xfercpanel").unwrap();
    let large = "x".repeat(5000);
    for fields in
        [&[("user", "bob"), ("user", "alice")][..], &[("user", "../root")], &[("other", "bob")], &[("user", &*large)]]
    {
        let ask = Ask::get(Errand::Frame, action.as_str()).by(&home).form(fields);
        assert_eq!(browser.ask(ask).await.unwrap().status, 400, "{:?}", fields[0].0);
    }
    assert!(stage.outcomes("panel.hop").is_empty());
    // The server was asked for nothing.
    assert_eq!(server.requests().len(), before);
    // One that could be a name is the server's to know.
    let answer = browser.follow(&home, "/xfercpanel/nobody-there").await.unwrap();
    assert!(answer.text().contains("data-code=\"account_missing\""), "{}", answer.text());
}

#[tokio::test]
async fn neither_a_script_nor_another_page_can_make_a_hop() {
    let stage = stage(Style::Ports).await;
    let server = stage.world.server(1);
    let (browser, console) = stage.signed_in("ada").await;
    let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let hop = home.resolve("/xfercpanel/bob").unwrap();
    let answer = browser.fetch(&home, hop.as_str()).await.unwrap();
    assert_eq!((answer.status, &*problem(&answer).0), (403, "path_withheld"));
    let evil = Page::imagined("https://evil.example.net/").unwrap();
    let framed = evil.clone().framed_by(&evil);
    let neighbour = Page::imagined(&stage.panel("web2", "whostmgrd", "/")).unwrap();
    let errands = [Errand::Page, Errand::Frame];
    for (page, errand) in [&evil, &framed, &neighbour].into_iter().flat_map(|page| errands.map(|errand| (page, errand)))
    {
        let get = Ask::get(errand, hop.as_str()).by(page);
        let post = get.clone().form(&[("user", "bob")]);
        drop(browser.ask(get).await);
        drop(browser.ask(post).await);
    }
    assert!(stage.outcomes("panel.hop").is_empty());
    assert_eq!(server.sessions().len(), 1);
}

#[tokio::test]
async fn an_address_that_a_hop_led_to_can_be_kept() {
    let stage = stage(Style::Hosts).await;
    let server = stage.world.server(1);
    let (browser, console) = stage.signed_in("sam").await;
    // Without a hop before it, as a bookmark has none.
    let cpanel = browser.open(&console, "web1", "cpaneld", "bob").await.unwrap();
    let event = stage.events().into_iter().rfind(|event| event["kind"] == "panel.open").unwrap();
    assert_eq!((&event["account"], &event["through"]), (&"bob".into(), &"support".into()));
    // The server drops the session; it is opened again as what it was.
    server.expire_sessions();
    let page = browser.follow(&cpanel, cpanel.url.as_str()).await.unwrap();
    assert_eq!(page.attribute("cpanel-home", "data-user").unwrap(), "bob");
    assert_eq!(stage.outcomes("panel.renew"), ["begun", "succeeded"]);
}
