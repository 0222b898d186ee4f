//! Whole sign-ins at OpenID Providers of others, through the program: npm oidc-provider, which is certified, and
//! `NanoIDP` from `PyPI`, which sends no groups in its ID tokens.

use std::path::Path;
use std::process::Stdio;

use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::gateway::Gateway;
use lab::loopback;
use lab::world::CLIENT_SECRET;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::process::ChildStdout;
use tokio::process::Command;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;

/// A provider that runs until it is dropped.
pub(crate) struct Product {
    issuer: String,
    /// Lines of the gateway's `[[providers]]` section about it.
    lines: &'static str,
    _child: Child,
    /// Held open: one that writes to a closed pipe ends.
    _output: Option<BufReader<ChildStdout>>,
}

/// npm oidc-provider, in `tests/provider`: Ann is an administrator.
pub(crate) async fn certified(world: &World) -> Product {
    let settings = json!({
        "client": {
            "id": "panelgate", "secret": CLIENT_SECRET, "alg": "RS256",
            "redirectUris": [format!("{}/callback/sso", world.console())],
            "postLogoutRedirectUris": [format!("{}/signed-out", world.console())],
        },
        "groupsInIdToken": true,
    });
    let mut child = Command::new("node")
        .arg("server.mjs")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/provider"))
        .env("SETTINGS", settings.to_string())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    timeout(PATIENCE, output.read_line(&mut line)).await.unwrap().unwrap();
    // Without `npm ci` in tests/provider there is no such line.
    let ready: Value = serde_json::from_str(&line).unwrap();
    let issuer = ready["issuer"].as_str().unwrap().to_owned();
    let lines = "scopes = [\"openid\", \"profile\", \"email\", \"groups\"]\n";
    Product { issuer, lines, _child: child, _output: Some(output) }
}

/// `NanoIDP`, which `scripts/setup` puts into `tests/provider/.venv`: Ann is an administrator there too.
async fn nanoidp(world: &World) -> Product {
    let port = loopback::localhost_port().unwrap();
    let issuer = format!("http://idp.localhost:{port}");
    let folder = world.folder().join("nanoidp");
    std::fs::create_dir(&folder).unwrap();
    let settings = json!({
        "config_version": 1,
        "server": { "host": "127.0.0.1", "port": port },
        "oauth": {
            "issuer": issuer, "audience": "panelgate", "token_expiry_minutes": 60,
            "clients": [{
                "client_id": "panelgate", "client_secret": CLIENT_SECRET, "description": "Panelgate",
                "redirect_uris": [format!("{}/callback/sso", world.console())],
            }],
        },
    });
    let ann = json!({ "password": "ann-pw", "email": "ann@example.com", "roles": ["USER"], "groups": ["whm-admins"] });
    // JSON is YAML.
    std::fs::write(folder.join("settings.yaml"), settings.to_string()).unwrap();
    let users = json!({ "config_version": 1, "users": { "ann": ann } });
    std::fs::write(folder.join("users.yaml"), users.to_string()).unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/provider/.venv/bin/nanoidp");
    let child = Command::new(program)
        .arg("--config")
        .arg(&folder)
        .args(["--port", &port.to_string()])
        // It writes its keys there.
        .current_dir(&folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(began.elapsed() < PATIENCE, "it starts in time");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let lines = "scopes = [\"openid\", \"profile\", \"email\", \"offline_access\"]\n\
                 groups = { from = \"userinfo\", pointer = \"/groups\" }\n";
    Product { issuer, lines, _child: child, _output: None }
}

/// Makes the product the world's provider, before the gateway starts.
pub(crate) fn sign_in_with(world: &World, product: &Product) {
    let main = std::fs::read_to_string(world.config()).unwrap();
    let (before, section) = main.split_once("[[providers]]\n").unwrap();
    let (_, after) = section.split_once("ca_file = \"authority.pem\"\n").unwrap();
    let Product { issuer, lines, .. } = product;
    let section = format!(
        "[[providers]]\nid = \"sso\"\nname = \"Another product\"\nissuer = \"{issuer}\"\nclient_id = \"panelgate\"\n\
         client_secret = \"file:client-secret\"\n{lines}"
    );
    std::fs::write(world.config(), format!("{before}{section}{after}")).unwrap();
}

async fn stage(start: impl AsyncFnOnce(&World) -> Product) -> (Stage, Product) {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let product = start(&world).await;
    sign_in_with(&world, &product);
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    (Stage { world, gateway }, product)
}

/// Signs in, opens a panel, and signs out again; the session is over then, whatever the provider does.
async fn whole_way(stage: &Stage, product: &Product, sub: &str, fill_in: impl AsyncFn(&Browser, &Page) -> Page) {
    let browser = stage.browser();
    let form = browser.visit(&stage.console("/s/web1/whostmgrd/root")).await.unwrap();
    assert!(form.url.as_str().starts_with(&product.issuer), "{}", form.url);
    let console = fill_in(&browser, &form).await;
    assert_eq!((console.status, console.url.as_str()), (200, &*stage.console("/s/web1/whostmgrd/root")));
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let event = stage.events().into_iter().find(|event| event["kind"] == "sign_in").unwrap();
    assert_eq!((&event["outcome"], &event["subject"]["sub"]), (&json!("succeeded"), &json!(sub)));
    assert_eq!(event["subject"]["iss"], product.issuer);
    assert!(event["groups"].as_array().unwrap().contains(&json!("whm-admins")), "{event}");

    let url = console.resolve("/sign-out").unwrap();
    let out = browser.ask(Ask::get(Errand::Page, url.as_str()).by(&console).form(&[]).once()).await.unwrap();
    assert_eq!(out.status, 303);
    let onward = out.header("location").unwrap();
    assert!(onward.starts_with(&product.issuer) && onward.contains("id_token_hint="), "the one there ends as well");
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 401);
    // A wrong password gets nobody in, and is no event of ours.
    let events = stage.outcomes("sign_in").len();
    let stranger = stage.browser();
    let form = stranger.visit(&stage.console("/")).await.unwrap();
    let address = form.resolve("").unwrap();
    let wrong = [("login", "ann"), ("username", "ann"), ("password", "wrong")];
    stranger.ask(Ask::get(Errand::Page, address.as_str()).by(&form).form(&wrong)).await.unwrap();
    assert!(stranger.cookie("connect.example.com", "__Host-panelgate-session").is_none());
    assert_eq!(stage.outcomes("sign_in").len(), events);
}

#[tokio::test]
async fn the_certified_provider() {
    let (stage, product) = stage(certified).await;
    whole_way(&stage, &product, "ann", async |browser: &Browser, form: &Page| {
        let fields = [("login", "ann"), ("password", "ann-pw")];
        browser.submit(form, form.url.as_str(), &fields).await.unwrap()
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_sends_groups_in_userinfo_only() {
    let (stage, product) = stage(nanoidp).await;
    whole_way(&stage, &product, "ann", async |browser: &Browser, form: &Page| {
        let transaction = form.field("transaction_id").unwrap();
        let fields = [("transaction_id", &*transaction), ("username", "ann"), ("password", "ann-pw")];
        browser.submit(form, form.url.as_str(), &fields).await.unwrap()
    })
    .await;
}
