//! The console in a real browser: its pages are served with their policies, beside a stand-in for the
//! gateway's answers and for a panel, and walked through with Chromium (`tests/browser/console`).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a wrong fixture should fail the test at once")]

use std::convert::Infallible;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use panelgate::console::AccessPage;
use panelgate::console::AccessRow;
use panelgate::console::Action;
use panelgate::console::Ask;
use panelgate::console::ConsolePage;
use panelgate::console::EndPage;
use panelgate::console::EndTarget;
use panelgate::console::Ended;
use panelgate::console::Entry;
use panelgate::console::Failed;
use panelgate::console::FrameSource;
use panelgate::console::LeavePage;
use panelgate::console::NoAccess;
use panelgate::console::NoAccessPage;
use panelgate::console::OpenRequest;
use panelgate::console::Opened;
use panelgate::console::Person;
use panelgate::console::Problem;
use panelgate::console::ProblemPage;
use panelgate::console::Rendered;
use panelgate::console::ServerAccess;
use panelgate::console::SessionLine;
use panelgate::console::SessionsPage;
use panelgate::console::SignInChoice;
use panelgate::console::SignInPage;
use panelgate::console::SignedInPerson;
use panelgate::console::SignedOutPage;
use panelgate::console::Site;
use panelgate::console::Step;
use panelgate::console::assets;
use panelgate::console::paths;
use panelgate::model::IdpGroup;
use panelgate::model::Origin;
use panelgate::model::ReferenceId;
use panelgate::model::RoleGroupName;
use panelgate::model::Service;
use panelgate::model::Target;
use tokio::net::TcpListener;
use tokio::process::Command;

/// Longest that all checks in the browser may take together.
const DEADLINE: Duration = Duration::from_mins(10);

const HOSTILE: &str = r#"<img src=x onerror="window.pwned=1"> & 'Köln' "#;

#[tokio::test(flavor = "multi_thread")]
async fn the_console_works_in_a_browser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    assert!(folder.join("node_modules/playwright-core").exists(), "run `npm ci` in tests/browser first");

    let panel = bind().await;
    let small = bind().await;
    let large = bind().await;
    let (panel_origin, small_origin, large_origin) = (origin_of(&panel), origin_of(&small), origin_of(&large));
    let fixture = serde_json::json!({
        "small": small_origin.to_string(),
        "large": large_origin.to_string(),
        "panel": panel_origin.to_string(),
        "pages": page_names(),
    });
    serve(small, Arc::new(Console::new(small_origin.clone(), &panel_origin, small_fleet())));
    serve(large, Arc::new(Console::new(large_origin, &panel_origin, large_fleet())));
    serve(panel, Arc::new(Panel { site: site(small_origin, &panel_origin) }));

    let checks = Command::new("node")
        .args([
            "--test",
            "--test-reporter=spec",
            "console/walk.test.js",
            "console/still.test.js",
            "console/look.test.js",
        ])
        .current_dir(&folder)
        .env("PANELGATE_CONSOLE", fixture.to_string())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status();
    let status = tokio::time::timeout(DEADLINE, checks).await.expect("the checks end in time").expect("node starts");
    assert!(status.success(), "the checks above say what is wrong");
}

/// What answers on one origin.
trait Answers: Send + Sync + 'static {
    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Response<Full<Bytes>>;
}

/// The console origin with a fleet of servers.
struct Console {
    site: Site,
    panel: Origin,
    entries: Vec<Entry>,
}

impl Console {
    fn new(origin: Origin, panel: &Origin, entries: Vec<Entry>) -> Self {
        Self { site: site(origin, panel), panel: panel.clone(), entries }
    }

    fn page(&self, selected: Option<Entry>) -> Response<Full<Bytes>> {
        html(
            &ConsolePage {
                person: person(),
                person_mark: "0011223344556677".into(),
                entries: self.entries.clone(),
                selected,
            }
            .render(&self.site),
        )
    }

    /// The stand-in's answers are chosen by the name of the server.
    fn open(&self, body: &[u8]) -> Response<Full<Bytes>> {
        let Ok(request) = serde_json::from_slice::<OpenRequest>(body) else {
            return json(StatusCode::BAD_REQUEST, &failed("malformed", "The request was not understood", None));
        };
        let entry = entry(request.server.as_str(), "", request.service, request.account.as_str());
        match request.server.as_str() {
            "down" => json(StatusCode::BAD_GATEWAY, &failed("server_unreachable", "down does not answer", None)),
            "ended" => {
                let failed = failed("signed_out", "Your session ended", Some("/sign-in?return_to=%2F"));
                json(StatusCode::UNAUTHORIZED, &failed)
            }
            server => {
                let (page, service) = (
                    if server == "mail1" || server.starts_with("web") { "panel" } else { server },
                    request.service.title(),
                );
                json(StatusCode::OK, &Opened::new(&entry, format!("{}/{page}?{server}+{service}", self.panel)))
            }
        }
    }
}

impl Answers for Console {
    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Response<Full<Bytes>> {
        if let Some(asset) = assets::find(path) {
            return respond(StatusCode::OK, asset.content_type, asset.body);
        }
        if let Some(name) = path.strip_prefix("/pages/") {
            return page_named(name, &self.site).as_ref().map_or_else(not_found, html);
        }
        if let Some(("", key)) = path.split_once("/s/") {
            let mut parts = key.split('/');
            let mut next = || parts.next().unwrap_or_default();
            let (server, service, account) = (next(), next(), next());
            let known = self.entries.iter().find(|e| e.server.as_str() == server).map_or("", |e| &e.server_name);
            return self.page(Some(entry(server, known, service.parse().unwrap(), account)));
        }
        match (method, path) {
            (&Method::GET, paths::HOME) => self.page(None),
            (&Method::GET, paths::SESSION) => respond(StatusCode::NO_CONTENT, "text/plain", b""),
            (&Method::POST, paths::OPEN) => self.open(body),
            (&Method::POST, paths::SIGN_OUT) => {
                page_named("signed-out-everywhere", &self.site).as_ref().map_or_else(not_found, html)
            }
            _ => not_found(),
        }
    }
}

/// One panel origin, with a page that stands for WHM and one of our own in its place.
struct Panel {
    site: Site,
}

impl Answers for Panel {
    fn answer(&self, _: &Method, path: &str, _: &[u8]) -> Response<Full<Bytes>> {
        if let Some(asset) = path.strip_prefix(paths::RESERVED).and(assets::find(path)) {
            return respond(StatusCode::OK, asset.content_type, asset.body);
        }
        match path {
            "/expired" => page_named("problem-framed", &self.site).as_ref().map_or_else(not_found, html),
            "/broken" => html(
                &ProblemPage::framed(problem("upstream_timeout", "web1 took too long to answer")).render(&self.site),
            ),
            "/panel" => respond(StatusCode::OK, "text/html; charset=utf-8", PANEL.as_bytes()),
            _ => not_found(),
        }
    }
}

const PANEL: &str = r#"<!doctype html><html lang="en"><title>WHM</title>
<body style="font:15px sans-serif;margin:0;display:grid;grid-template-columns:14rem 1fr;min-height:100vh;background:#fff;color:#222">
<nav style="background:#0c2a4d;color:#fff;padding:1rem" aria-label="Tools">Server Configuration<br><br>Networking<br><br>Accounts</nav>
<main style="padding:1rem 2rem"><h1>WHM stand-in</h1><label>Notes <input id="notes"></label>
<button id="choose" onclick="parent.postMessage({panelgate:'choose'},'*')">Choose</button></main></body></html>"#;

fn page_names() -> Vec<&'static str> {
    vec![
        "sign-in",
        "signed-out",
        "signed-out-everywhere",
        "no-role-group",
        "no-groups",
        "many-groups",
        "no-connect",
        "no-server",
        "access",
        "access-review",
        "access-none",
        "sessions",
        "sessions-none",
        "sessions-end",
        "sessions-end-all",
        "problem",
        "problem-framed",
        "leave",
        "leave-framed",
        "leave-odd",
    ]
}

/// A page about access, with everything that can stand on it.
fn access(has_some: bool, is_review: bool) -> AccessPage {
    let row = |server: &str, whom: &str, group: &str| AccessRow {
        server: server.parse().unwrap(),
        service: Service::Whostmgrd,
        whom: whom.to_owned(),
        is_root: whom == "root",
        role_group: RoleGroupName::new("Administrators").unwrap(),
        groups: vec![IdpGroup(group.to_owned())],
        when: "from 192.0.2.0/24 or 2001:db8::/32, until 2026-12-31T18:00:00Z, signed in within 15 minutes".to_owned(),
        written_at: vec!["directory/eu-central-frankfurt.toml:1234".to_owned()],
    };
    let rows = vec![row("web1", "root", HOSTILE), row("web2", "customers of root", "hosting-support")];
    AccessPage {
        person: person(),
        role_groups: RoleGroupName::new(HOSTILE).into_iter().collect(),
        own: if has_some { rows.clone() } else { Vec::new() },
        servers: if is_review { vec!["web1".parse().unwrap(), "web2".parse().unwrap()] } else { Vec::new() },
        answer: is_review.then(|| ServerAccess { server: "web1".parse().unwrap(), name: HOSTILE.to_owned(), rows }),
        version: "0123456789abcdef".to_owned(),
    }
}

/// The page of sessions: several people with everything that can stand there, or nobody that fits.
fn sessions(is_none: bool) -> SessionsPage {
    let line = |tag: &str, open: &[&str], is_own| SessionLine {
        tag: tag.to_owned(),
        since: "2026-11-22 18:04 UTC".to_owned(),
        since_exactly: "2026-11-22T18:04:11.207Z".to_owned(),
        client: "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff".to_owned(),
        open: open.iter().map(ToString::to_string).collect(),
        is_own,
    };
    let someone = |name: &str, sub: &str, sessions| SignedInPerson {
        person: Person { name: name.to_owned(), email: Some(format!("{sub}@example.com")), ends_sessions: false },
        target: EndTarget::Person { iss: "https://login.example.com".to_owned(), sub: sub.to_owned() },
        sub: sub.to_owned(),
        provider: Some("Example ID".to_owned()),
        sessions,
    };
    let many: Vec<String> = (1..=14).map(|n| format!("web{n} WHM as root")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let people = vec![
        someone("Ann Example", "248289761001", vec![line("cc5fe626", &["web1 WHM as root"], true)]),
        someone(HOSTILE, "hostile", vec![line("0badc0de", &many, false), line("12345678", &[], false)]),
        someone("Sam Support", "sam", vec![line("a1b2c3d4", &["mail1 Webmail as sales@customer.example"], false)]),
    ];
    SessionsPage {
        person: person(),
        find: if is_none { HOSTILE.to_owned() } else { String::new() },
        people: if is_none { Vec::new() } else { people },
        people_count: 3,
        session_count: 4,
        further: if is_none { 0 } else { 7 },
        servers: [("web1", 2), ("web2", 1), ("mail1", 1)].map(|(id, count)| (id.parse().unwrap(), count)).into(),
        done: (!is_none).then_some(Ended { count: 1, is_server: true }),
    }
}

fn ending(target: EndTarget, count: usize) -> EndPage {
    let line = |n| format!("{HOSTILE} {n}, since 2026-11-22 18:04 UTC from 192.0.2.7: web1 WHM as root");
    let is_own = target == EndTarget::Everything;
    let affected = (0..count).map(line).collect();
    EndPage { person: person(), name: "web1".to_owned(), affected, further: 5, is_own, target }
}

fn page_named(name: &str, site: &Site) -> Option<Rendered> {
    let no_access = |reason, groups: &[String]| {
        let groups = groups.iter().cloned().map(IdpGroup).collect();
        let provider = "Example ID".into();
        NoAccessPage { person: person(), reason, provider, groups, reference: reference() }.render(site)
    };
    let some = ["hosting-support".to_owned(), HOSTILE.to_owned(), "Domain Users".to_owned()];
    let many: Vec<String> = (0..200).map(|n| format!("CN=Team {n},OU=Groups,DC=example,DC=com")).collect();
    let roles = |names: &[&str]| names.iter().filter_map(|name| RoleGroupName::new(name)).collect();
    let leave = |url: &str, in_frame| LeavePage { url: url.parse().unwrap(), in_frame }.render(site);
    let long = format!("https://xn--pypal-4ve.example/{}?next=%3Cscript%3E", "a-long-path/".repeat(20));
    Some(match name {
        "sign-in" => {
            let choice = |id: &str, name: &str| Some(SignInChoice { id: id.parse().ok()?, name: name.into() });
            let providers = vec![choice("staff", "Example ID")?, choice("contractors", HOSTILE)?];
            let site = Site { providers, ..site.clone() };
            SignInPage { return_to: Target::parse("/").ok()? }.render(&site)
        }
        "signed-out" => SignedOutPage { sign_in: "/sign-in".into(), provider_session_ended: false }.render(site),
        "signed-out-everywhere" => {
            SignedOutPage { sign_in: "/sign-in".into(), provider_session_ended: true }.render(site)
        }
        "no-role-group" => no_access(NoAccess::NoRoleGroup, &some),
        "no-groups" => no_access(NoAccess::NoRoleGroup, &[]),
        "many-groups" => no_access(NoAccess::NoRoleGroup, &many),
        "no-connect" => no_access(NoAccess::NoConnectPermission(roles(&["trainees"])), &some),
        "no-server" => no_access(NoAccess::NoServer(roles(&["support", "mail <b>team</b>"])), &some),
        "access" => access(true, false).render(site),
        "access-review" => access(true, true).render(site),
        "access-none" => access(false, false).render(site),
        "sessions" => sessions(false).render(site),
        "sessions-none" => sessions(true).render(site),
        "sessions-end" => ending(EndTarget::Server("web1".parse().ok()?), 3).render(site),
        "sessions-end-all" => ending(EndTarget::Everything, 25).render(site),
        "problem" => {
            let link = |label: &str, href: &str| Action { label: label.into(), step: Step::Link(href.into()) };
            let actions = vec![link("Sign in again", "/sign-in"), link("Back to the servers", "/")];
            ProblemPage::whole(problem("login_expired", "This sign-in took too long"), actions).render(site)
        }
        "problem-framed" => {
            let mut page = ProblemPage::framed(problem("signed_out", "Your session ended"));
            page.announce = Some(Ask::SignIn);
            page.render(site)
        }
        "leave" => leave(&long, false),
        "leave-framed" => leave("https://docs.example.com/whm", true),
        "leave-odd" => leave("javascript:alert(1)", false),
        _ => return None,
    })
}

fn site(console: Origin, panel: &Origin) -> Site {
    Site {
        console,
        providers: "sso".parse().map(|id| SignInChoice { id, name: "Example ID".into() }).into_iter().collect(),
        provider_origins: vec!["https://login.example.com".parse().unwrap()],
        panels: vec![FrameSource::Exact(panel.clone())],
    }
}

fn person() -> Person {
    Person { name: "Ann <i>Example</i>".into(), email: Some("ann@example.com".into()), ends_sessions: true }
}

fn entry(server: &str, name: &str, service: Service, account: &str) -> Entry {
    let server_name = if name.is_empty() { server } else { name };
    Entry {
        server: server.parse().unwrap(),
        server_name: server_name.into(),
        service,
        account: account.parse().unwrap(),
        trouble: (server == "down").then_some("no answer"),
    }
}

fn small_fleet() -> Vec<Entry> {
    use Service::Cpaneld;
    use Service::Webmaild;
    use Service::Whostmgrd;
    vec![
        entry("web1", "Frankfurt 1", Whostmgrd, "root"),
        entry("web1", "Frankfurt 1", Cpaneld, "shopowner"),
        entry("web2", "Frankfurt 2", Whostmgrd, "support"),
        entry("mail1", "mail1", Webmaild, "postmaster@example.com"),
        entry("down", "Old reseller box", Whostmgrd, "root"),
        entry("ended", HOSTILE, Whostmgrd, "root"),
        entry("broken", "Broken", Whostmgrd, "root"),
    ]
}

/// 500 servers, of which every third has a second way in.
fn large_fleet() -> Vec<Entry> {
    let places = ["Frankfurt", "Helsinki", "Ashburn", "Singapore", "São Paulo"];
    let mut entries = Vec::new();
    for n in 1..=500 {
        let name = format!("{} {n}", places[n % places.len()]);
        let id = format!("web{n}");
        entries.push(entry(&id, &name, Service::Whostmgrd, "root"));
        if n % 3 == 0 {
            entries.push(entry(&id, &name, Service::Cpaneld, "customer"));
        }
    }
    entries
}

fn reference() -> ReferenceId {
    ReferenceId::from_bits(0x1234_5678_9abc)
}

fn problem(code: &'static str, title: &str) -> Problem {
    Problem {
        code,
        title: title.into(),
        what: "Panelgate waited 30 seconds for an answer and then gave up.".into(),
        todo: "Try again in a minute. If it stays, give the reference to an administrator.".into(),
        reference: reference(),
    }
}

fn failed(code: &'static str, title: &str, sign_in: Option<&str>) -> Failed {
    Failed { problem: problem(code, title), sign_in: sign_in.map(Into::into), step_up: None }
}

fn html(page: &Rendered) -> Response<Full<Bytes>> {
    let mut response = respond(StatusCode::OK, "text/html; charset=utf-8", page.html.as_bytes());
    let policy = page.content_security_policy.parse().unwrap();
    response.headers_mut().insert(http::header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn json(status: StatusCode, body: &impl serde::Serialize) -> Response<Full<Bytes>> {
    respond(status, "application/json", &serde_json::to_vec(body).unwrap())
}

fn not_found() -> Response<Full<Bytes>> {
    respond(StatusCode::NOT_FOUND, "text/plain", b"not found")
}

fn respond(status: StatusCode, content_type: &str, body: &[u8]) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header(http::header::CONTENT_TYPE, content_type)
        .body(Full::new(Bytes::copy_from_slice(body)))
        .unwrap()
}

async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

fn origin_of(listener: &TcpListener) -> Origin {
    format!("http://{}", listener.local_addr().unwrap()).parse().unwrap()
}

fn serve(listener: TcpListener, site: Arc<impl Answers>) {
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let site = Arc::clone(&site);
            let service = service_fn(move |request: Request<Incoming>| {
                let site = Arc::clone(&site);
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                    Ok::<_, Infallible>(site.answer(&parts.method, parts.uri.path(), &body))
                }
            });
            // A browser that goes away in the middle is no failure of a test.
            tokio::spawn(
                async move { http1::Builder::new().serve_connection(TokioIo::new(socket), service).await.ok() },
            );
        }
    });
}
