//! What holds for every page: escaping, no inline code or style, and assets that exist.

use super::*;
use crate::model::IdpGroup;
use crate::model::ReferenceId;
use crate::model::RoleGroupName;
use crate::model::Service;
use crate::model::Target;

const HOSTILE: &str = r#""><img src=x onerror=alert(1)><script>alert(1)</script>'&"#;

fn site() -> Site {
    Site {
        console: "https://connect.example.com".parse().unwrap(),
        providers: vec![choice("staff", HOSTILE), choice("contractors", "Contractors")],
        provider_origins: vec!["https://login.example.com".parse().unwrap()],
        panels: vec![FrameSource::Below {
            scheme: crate::model::Scheme::Https,
            host: "connect.example.com".parse().unwrap(),
            port: 2087,
        }],
    }
}

fn choice(id: &str, name: &str) -> SignInChoice {
    SignInChoice { id: id.parse().unwrap(), name: name.into() }
}

fn person() -> Person {
    Person { name: HOSTILE.into(), email: Some(HOSTILE.into()), ends_sessions: false }
}

fn problem() -> Problem {
    Problem {
        code: "upstream_timeout",
        title: HOSTILE.into(),
        what: HOSTILE.into(),
        todo: HOSTILE.into(),
        reference: ReferenceId::from_bits(7),
    }
}

fn no_access(reason: NoAccess) -> NoAccessPage {
    let groups = vec![IdpGroup(HOSTILE.into()), IdpGroup("support".into())];
    NoAccessPage { person: person(), reason, provider: HOSTILE.into(), groups, reference: ReferenceId::from_bits(7) }
}

fn home(selected: Option<Entry>) -> ConsolePage {
    let ill = Entry::for_test("web2", "Frankfurt 2", Service::Cpaneld, "shop");
    let entries = vec![
        Entry::for_test("web10", "Frankfurt 10", Service::Whostmgrd, "root"),
        Entry { trouble: Some("no answer"), ..ill },
        Entry::for_test("mail1", "mail1", Service::Webmaild, "ann@example.com"),
        Entry::for_test("web2", "Frankfurt 2", Service::Whostmgrd, "root"),
        Entry::for_test("evil", HOSTILE, Service::Whostmgrd, "root"),
    ];
    ConsolePage { person: person(), person_mark: "00112233aabbccdd".into(), entries, selected }
}

/// The page about access, with a text wherever text can stand.
fn access(text: &str, is_answer: bool) -> AccessPage {
    let row = |server: &str, whom: &str| AccessRow {
        server: server.parse().unwrap(),
        service: Service::Whostmgrd,
        whom: whom.to_owned(),
        is_root: whom == "root",
        role_group: RoleGroupName::new(text).unwrap(),
        groups: vec![IdpGroup("whm-support".into()), IdpGroup(text.to_owned())],
        when: text.to_owned(),
        written_at: vec![text.to_owned(), "directory.toml:7".to_owned()],
    };
    let own = vec![row("web1", "root"), row("web2", text)];
    let answer = || ServerAccess { server: "web1".parse().unwrap(), name: text.to_owned(), rows: own.clone() };
    AccessPage {
        person: Person { name: text.to_owned(), email: None, ends_sessions: false },
        role_groups: vec![RoleGroupName::new(text).unwrap()],
        servers: if is_answer { vec!["web1".parse().unwrap(), "web2".parse().unwrap()] } else { Vec::new() },
        answer: is_answer.then(answer),
        own,
        version: text.to_owned(),
    }
}

/// Every page, with hostile text wherever text can stand.
fn pages() -> Vec<(&'static str, Rendered)> {
    let site = site();
    let roles = vec![RoleGroupName::new(HOSTILE).unwrap()];
    let link = Action { label: HOSTILE.into(), step: Step::Link(format!("/sign-in?{HOSTILE}")) };
    let leave = |url: &str, in_frame| LeavePage { url: url.parse().unwrap(), in_frame }.render(&site);
    vec![
        ("home", home(None).render(&site)),
        ("home_selected", home(Some(home(None).entries[0].clone())).render(&site)),
        ("access", access(HOSTILE, false).render(&site)),
        ("access_answer", access(HOSTILE, true).render(&site)),
        ("no_role_group", no_access(NoAccess::NoRoleGroup).render(&site)),
        ("no_connect", no_access(NoAccess::NoConnectPermission(roles.clone())).render(&site)),
        ("no_server", no_access(NoAccess::NoServer(roles)).render(&site)),
        ("problem", ProblemPage::whole(problem(), vec![link]).render(&site)),
        ("problem_framed", ProblemPage::framed(problem()).render(&site)),
        ("sign_in", SignInPage { return_to: Target::parse("/s/web1").unwrap() }.render(&site)),
        ("signed_out", SignedOutPage { sign_in: HOSTILE.into(), provider_session_ended: true }.render(&site)),
        ("leave", leave(&format!("https://evil.example/?{HOSTILE}#{HOSTILE}"), false)),
        ("leave_framed", leave("javascript:alert('1')", true)),
        ("own_tab_framed", OwnTabPage { target: format!("/cpsess1/x?{HOSTILE}") }.render(&site)),
    ]
}

/// The values of an attribute, wherever it stands.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    html.split(&format!(" {attribute}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn hostile_text_stays_text() {
    for (name, page) in pages() {
        assert!(!page.html.contains("<img src=x"), "{name}");
        assert!(!page.html.contains("<script>"), "{name}");
        assert!(!page.html.contains("alert(1)'"), "{name}: a quote was not escaped");
        for href in values(&page.html, "href") {
            assert!(!href.starts_with("javascript:"), "{name}: {href}");
        }
    }
    let home = home(None).render(&site()).html;
    assert!(home.contains("&#60;img src=x onerror=alert(1)&#62;"), "{home}");
}

#[test]
fn nothing_is_inline() {
    for (name, page) in pages() {
        let html = page.html.to_lowercase();
        assert!(!html.contains("<style"), "{name}");
        assert!(!html.contains("javascript:") || name.starts_with("leave"), "{name}");
        for script in html.split("<script").skip(1) {
            let (tag, body) = script.split_once('>').unwrap();
            assert!(tag.contains(" src=\"/"), "{name}: {tag}");
            assert!(body.starts_with("</script>"), "{name}: {tag}");
        }
        // Attributes of our own markup: what is text has its brackets and quotes escaped.
        for tag in html.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
            let names = tag.split('"').step_by(2).flat_map(str::split_whitespace);
            for attribute in names.filter(|name| name.ends_with('=')) {
                assert!(!attribute.starts_with("on") && attribute != "style=", "{name}: {tag}");
            }
        }
    }
}

#[test]
fn no_policy_has_an_exception() {
    for (name, page) in pages() {
        let policy = &page.content_security_policy;
        for exception in ["unsafe", "data:", "blob:", "nonce-", "sha256-", "http:", "* ", "strict-dynamic"] {
            assert!(!policy.contains(exception), "{name}: {policy}");
        }
        assert!(policy.starts_with("default-src 'none'; "), "{name}: {policy}");
        assert!(policy.ends_with("require-trusted-types-for 'script'; trusted-types 'none'"), "{name}: {policy}");
        let scripts = if page.html.contains("<script") { "script-src 'self'" } else { "script-src 'none'" };
        assert!(policy.contains(scripts), "{name}: {policy}");
        let in_frame = name.ends_with("_framed");
        assert_eq!(policy.contains("frame-ancestors 'self' https://connect.example.com"), in_frame, "{name}: {policy}");
        assert_eq!(policy.contains("frame-src 'none'"), !name.starts_with("home"), "{name}: {policy}");
    }
}

#[test]
fn every_asset_that_a_page_names_exists() {
    for (name, page) in pages() {
        let named: Vec<_> = ["src", "href"].iter().flat_map(|a| values(&page.html, a)).collect();
        let assets: Vec<_> = named.iter().filter(|path| path.contains("/assets/")).collect();
        assert!(assets.len() >= 2, "{name} has no style sheet or mark");
        for path in assets {
            assert!(assets::find(path).is_some(), "{name}: {path}");
            assert_eq!(path.starts_with("/.panelgate/"), name.ends_with("_framed"), "{name}: {path}");
        }
        assert!(!named.contains(&""), "{name} names an asset that does not exist");
    }
}

#[test]
fn the_list_stands_in_order_and_by_server() {
    let html = home(None).render(&site()).html;
    let listed: Vec<_> = values(&html, "data-server").into_iter().zip(values(&html, "data-service")).collect();
    assert_eq!(
        listed,
        [
            ("evil", "whostmgrd"),
            ("web2", "whostmgrd"),
            ("web2", "cpaneld"),
            ("web10", "whostmgrd"),
            ("mail1", "webmaild"),
        ],
    );
    assert_eq!(html.matches("class=\"server\"").count(), 4);
    assert!(html.contains("4 servers open to you, in 5 ways"), "{html}");
}

#[test]
fn an_address_that_names_an_entry_selects_it() {
    let entry = Entry::for_test("web7", "web7", Service::Cpaneld, "ann");
    assert_eq!(paths::panel(&entry), "/s/web7/cpaneld/ann");
    let html = home(Some(entry)).render(&site()).html;
    assert!(html.contains("<title>web7 cPanel as ann – Panelgate</title>"), "{html}");
    let body = html.split("<body").nth(1).and_then(|rest| rest.split('>').next()).unwrap();
    for attribute in ["data-server=\"web7\"", "data-service=\"cpaneld\"", "data-account=\"ann\""] {
        assert!(body.contains(attribute), "{body}");
    }
}

#[test]
fn a_person_without_access_can_send_all_that_an_administrator_needs() {
    let mut page = no_access(NoAccess::NoServer(vec![RoleGroupName::new("support").unwrap()]));
    page.person = Person { name: "Ann".into(), email: Some("ann@example.com".into()), ends_sessions: false };
    page.groups = vec![IdpGroup("a b".into()), IdpGroup("c".into())];
    let html = page.render(&Site { providers: vec![choice("sso", "Example ID")], ..site() }).html;
    let message = html.split_once("<textarea").and_then(|(_, rest)| rest.split_once('>')).unwrap().1;
    let (message, _) = message.split_once("</textarea>").unwrap();
    insta::assert_snapshot!(message);
}

#[test]
fn pages_look_as_they_were_last_read() {
    let plain = Problem {
        code: "upstream_timeout",
        title: "web1 took too long to answer".into(),
        what: "Panelgate waited 30 seconds.".into(),
        todo: "Try again in a minute.".into(),
        reference: ReferenceId::from_bits(7),
    };
    let console = "https://connect.example.com".parse().unwrap();
    let site =
        Site { console, providers: vec![choice("staff", "Staff ID"), choice("contractors", "Contractors")], ..site() };
    insta::assert_snapshot!("problem_framed", settled(&ProblemPage::framed(plain).render(&site)));
    insta::assert_snapshot!(
        "sign_in",
        settled(&SignInPage { return_to: Target::parse("/s/web1?a&b").unwrap() }.render(&site))
    );
    insta::assert_snapshot!("access", settled(&access("Ann Example", false).render(&site)));
    insta::assert_snapshot!("access_answer", settled(&access("Ann Example", true).render(&site)));
    let mut home = home(None);
    home.person = Person { name: "Ann Example".into(), email: None, ends_sessions: false };
    home.entries.retain(|entry| entry.server.as_str() == "web2");
    insta::assert_snapshot!("home", settled(&home.render(&site)));
}

/// The page without what changes with every edit of an asset.
fn settled(page: &Rendered) -> String {
    let mut pieces = page.html.split("/assets/");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('.').unwrap();
        let (_, rest) = rest.split_once('.').unwrap();
        text.extend(["/assets/", name, ".[hash].", rest]);
    }
    format!("{}\n\n{text}", page.content_security_policy)
}
