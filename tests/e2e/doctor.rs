//! `panelgate doctor`: all well in a whole world, and for each thing that is broken its line and what to do.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use lab::cpsrvd::AccountLoginAccess;
use lab::cpsrvd::ApiToken;
use lab::cpsrvd::CookieIpValidation;
use lab::gateway::Gateway;
use lab::loopback::Loopback;
use lab::pki::Identity;
use lab::postgres::Postgres;
use lab::provider::EndpointFault;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use serde_json::Value;
use tokio::process::Command;

use crate::stage::BINARY;
use crate::stage::in_both_styles;

/// What the command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// One finding, as a program reads it.
struct Found {
    part: String,
    about: String,
    state: String,
    says: String,
    advice: String,
}

impl Said {
    fn findings(&self) -> Vec<Found> {
        let document: Value = serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found = |found: &Value| Found {
            part: text(&found["part"]),
            about: text(&found["about"]),
            state: text(&found["state"]),
            says: text(&found["says"]),
            advice: text(&found["advice"]),
        };
        document["findings"].as_array().unwrap().iter().map(found).collect()
    }

    /// That there is this finding, and what decides the exit code is its state.
    #[track_caller]
    pub(crate) fn has(&self, part: &str, state: &str, says: &str, advice: &str) {
        let findings = self.findings();
        let found = findings.iter().find(|found| found.part == part && found.says.contains(says));
        let found = found.unwrap_or_else(|| panic!("no {part} says {says:?}: {}", self.out));
        assert_eq!(found.state, state, "{says}: {}", self.out);
        assert!(found.advice.contains(advice), "{says}: {} instead of {advice}", found.advice);
        let is_wrong = findings.iter().any(|found| found.state == "wrong");
        assert_eq!(self.code, i32::from(is_wrong), "{}", self.out);
    }
}

/// Runs it on the world's files, on a machine that knows the world's authority.
async fn doctor(world: &World, arguments: &[&str]) -> Said {
    run(world, &world.config(), arguments, true).await
}

pub(crate) async fn json(world: &World) -> Said {
    doctor(world, &["--format", "json"]).await
}

pub(crate) async fn run(world: &World, config: &Path, arguments: &[&str], knows_authority: bool) -> Said {
    run_as(Command::new(BINARY), world, config, arguments, knows_authority).await
}

/// The same with another beginning of the command line, which must come to the same.
pub(crate) async fn run_as(
    mut command: Command,
    world: &World,
    config: &Path,
    arguments: &[&str],
    knows_authority: bool,
) -> Said {
    command.arg("doctor").args(arguments).arg("--config").arg(config);
    if knows_authority {
        command.env("SSL_CERT_FILE", world.authority_file());
    }
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let said = Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) };
    for secret in world.secrets() {
        assert!(!said.out.contains(&secret) && !said.err.contains(&secret), "a secret is shown");
    }
    said
}

pub(crate) fn change(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

fn write_certificate(world: &World, identity: &Identity) {
    fs::write(world.folder().join("gateway.pem"), &identity.certificate).unwrap();
    fs::write(world.folder().join("gateway.key"), &identity.key).unwrap();
}

/// A token as `servers add --mint` makes it, but for its end.
fn proper(name: &str) -> ApiToken {
    let acls = ["create-user-session", "list-accts", "basic-system-info", "manage-api-tokens"];
    ApiToken { acls: Some(acls.map(str::to_owned).to_vec()), ..ApiToken::new("root", name) }
}

fn take(world: &World, number: usize, token: &ApiToken) {
    world.server(number).add_token(token.clone());
    fs::write(world.folder().join(format!("web{number}-token")), &token.secret).unwrap();
}

/// A world in which nothing is to be found fault with, under names that resolve without DNS.
pub(crate) async fn healthy(style: Style, more: &str) -> World {
    healthy_at("https://connect.localhost", style, more).await
}

/// The same with the console at this origin.
pub(crate) async fn healthy_at(console: &str, style: Style, more: &str) -> World {
    let console = console.to_owned();
    let more = format!("[limits]\nconnections = 100\n{more}");
    let world = World::start(Plan { console, more, ..Plan::tls(style) }).await.unwrap();
    let mut names = vec!["connect.localhost".to_owned(), "*.connect.localhost".to_owned()];
    if style == Style::Hosts {
        names.extend((1..=3).map(|number| format!("*.web{number}.connect.localhost")));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    write_certificate(&world, &world.authority.issue(&names).unwrap());
    for number in 1..=3 {
        take(&world, number, &proper("panelgate-proper"));
    }
    world
}

in_both_styles! {
    async fn a_healthy_world_is_well(style: Style) {
        let world = healthy(style, "").await;
        let said = doctor(&world, &[]).await;
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        let panels = if style == Style::Ports { 3 } else { 9 };
        for line in [
            &*format!("well    names connect.localhost: leads to 127.0.0.1, and so do the names of all panels ({panels})"),
            "well    certificates connect.localhost, *.connect.localhost",
            &*format!("well    provider sso: {} answers, with ", world.issuer()),
            "well    store ",
            "there is no store yet: the first start makes it",
            "well    audit ",
            &*format!("well    port {}:443: free", world.gateway()),
            "well    machine open files: a program started from here may have ",
            "well    server web1: cPanel & WHM 11.134.0.44; the token may call ",
            "well    server web2: cPanel & WHM 11.134.0.44, certificate until ",
            "\n0 wrong, 0 remarks, ",
        ] {
            assert!(said.out.contains(line), "{line}\n{}", said.out);
        }
        assert!(!world.folder().join("state").exists() && !world.audit_file().exists(), "a look changes nothing");
        // The same beside a gateway that runs.
        let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
        let said = doctor(&world, &[]).await;
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        let holder = format!("port {}:443: held by panelgate ({})", world.gateway(), gateway.pid().unwrap());
        for line in [&*holder, "open files: the running gateway may have ", "takes writes, answers in ", "\n0 wrong, 0 remarks, "] {
            assert!(said.out.contains(line), "{line}\n{}", said.out);
        }
        assert_eq!(gateway.stop().await.unwrap().code, Some(0));
    }
}

#[tokio::test]
async fn names_and_certificates_that_browsers_would_refuse_are_told() {
    let world = healthy(Style::Ports, "").await;
    let issue = |names: &[&str]| world.authority.issue(names).unwrap();
    write_certificate(&world, &issue(&["connect.localhost"]));
    let says = "no certificate is valid for web1.connect.localhost, web2.connect.localhost, web3.connect.localhost";
    json(&world).await.has("certificates", "wrong", says, "get one for connect.localhost and *.connect.localhost");
    let all = ["connect.localhost", "*.connect.localhost"];
    let ended = world.authority.issue_until(&all, 1_600_000_000).unwrap();
    write_certificate(&world, &ended);
    json(&world).await.has("certificates", "wrong", "it ended on 2020-09-13", "renew it (docs/operations.md");
    // The authority's own certificate is missing, and this machine does not know it.
    let whole = issue(&all);
    let (leaf, _) = whole.certificate.split_at(whole.certificate.rfind("-----BEGIN").unwrap());
    write_certificate(&world, &Identity { certificate: leaf.to_owned(), ..whole.clone() });
    let said = run(&world, &world.config(), &["--format", "json"], false).await;
    said.has("certificates", "wrong", "the certificate of whoever signed it is missing", "fullchain.pem");
    write_certificate(&world, &whole);
    let said = run(&world, &world.config(), &["--format", "json"], false).await;
    said.has("certificates", "remark", "no authority that this machine knows", "an authority of your own");

    change(&world.config(), "connect.localhost", "connect.panelgate.invalid");
    let said = json(&world).await;
    let names: Vec<Found> = said.findings().into_iter().filter(|found| found.part == "names").collect();
    let [found] = names.as_slice() else { panic!("{}", said.out) };
    // Where there is no DNS at all, that is what is told.
    assert!(found.says == "the console's name leads nowhere" || found.says == "DNS does not answer", "{}", found.says);
    assert_eq!((found.state.as_str(), found.about.as_str()), ("wrong", "connect.panelgate.invalid"));
    assert!(found.advice.contains("no other name was looked up"), "{}", found.advice);
}

#[tokio::test]
async fn a_provider_that_nobody_could_sign_in_at_is_told() {
    let world = healthy(Style::Ports, "").await;
    let config = world.config();
    let issuer = format!("\"{}\"", world.issuer());
    for (wrong, says, advice) in [
        (format!("\"{}/\"", world.issuer()), "it speaks for another issuer", "only without a slash at the end"),
        ("\"https://idp.localhost:1\"".to_owned(), "no connection could be made", "see that this machine reaches"),
    ] {
        change(&config, &issuer, &wrong);
        json(&world).await.has("provider", "wrong", says, advice);
        change(&config, &wrong, &issuer);
    }
    world.provider.set(|wrong| wrong.discovery = Some(EndpointFault::Garbage));
    json(&world).await.has("provider", "wrong", "not a clean JSON object", "/.well-known/openid-configuration");
    world.provider.set(|wrong| wrong.discovery = None);
    change(
        &config,
        "ca_file = \"authority.pem\"\n[state]",
        "id_token_alg = \"EdDSA\"\nca_file = \"authority.pem\"\n[state]",
    );
    json(&world).await.has("provider", "wrong", "the configured ID token algorithm is not offered", "id_token_alg");
}

#[tokio::test]
async fn a_store_or_log_that_cannot_be_used_is_told() {
    let world = healthy(Style::Ports, "").await;
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    assert_eq!(gateway.stop().await.unwrap().code, Some(0));
    let file = world.folder().join("state/panelgate.db");
    let newer = "import sqlite3, sys\nsqlite3.connect(sys.argv[1]).execute('PRAGMA user_version = ' + sys.argv[2])\n";
    let set = async |version: &str| {
        let done = Command::new("python3").args(["-c", newer]).arg(&file).arg(version).status().await.unwrap();
        assert!(done.success());
    };
    set("9999").await;
    json(&world).await.has("store", "wrong", "it has layout 9999, and this version knows up to", "Roll back");
    set("1").await;
    json(&world).await.has(
        "store",
        "remark",
        "it has layout 1: the next start of this version brings it",
        "back it up",
    );
    fs::write(&file, "this is no database, however long one looks at it").unwrap();
    json(&world).await.has("store", "wrong", "the store cannot be used", "Restore");
    fs::remove_file(&file).unwrap();

    // A file where a folder should be.
    change(&world.config(), "file = \"audit.jsonl\"", "file = \"gateway.pem/audit.jsonl\"");
    json(&world).await.has("audit", "wrong", "it cannot be written", "give the gateway's user the folder");
    let port = lab::loopback::localhost_port().unwrap();
    change(
        &world.config(),
        "file = \"gateway.pem/audit.jsonl\"",
        &format!("file = \"audit.jsonl\"\nsyslog = \"tcp:127.0.0.1:{port}\""),
    );
    json(&world).await.has("audit", "wrong", "syslog cannot be reached", "[audit] syslog");
}

#[tokio::test]
async fn ports_and_limits_that_would_stop_it_are_told() {
    let world = healthy(Style::Ports, "").await;
    let other = TcpListener::bind((world.gateway(), 2087)).unwrap();
    let mine = format!("(process {})", std::process::id());
    json(&world).await.has("port", "wrong", &mine, "stop that program");
    drop(other);
    let address = format!("addresses = [\"{}\"]", world.gateway());
    change(&world.config(), &address, "addresses = [\"192.0.2.1\"]");
    change(&world.config(), "connections = 100\n", "connections = 1000000\n");
    let said = json(&world).await;
    said.has("port", "wrong", "it cannot be listened on", "write an address of this machine");
    said.has("machine", "remark", "limits.connections asks for 2000256", "LimitNOFILE");
}

#[tokio::test]
async fn a_server_that_would_not_open_is_told() {
    let world = healthy(Style::Ports, "").await;
    let directory = world.folder().join("directory.toml");
    let nobody = Loopback::claim().unwrap();
    let address = |ip| format!("address = \"{ip}\"");
    change(&directory, &address(world.server(1).ip()), &address(nobody.ip()));
    json(&world).await.has(
        "server",
        "wrong",
        "WHM (port 2087): the connection was refused",
        "firewall lets this machine",
    );
    change(&directory, &address(nobody.ip()), &address(world.server(1).ip()));

    let pin = format!("{{ pins = [\"sha256/{}\"] }}", world.server(1).spki_sha256());
    let other = "{ pins = [\"sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"] }";
    change(&directory, &pin, other);
    let shown = format!("it shows sha256/{}", world.server(1).spki_sha256());
    json(&world).await.has("server", "wrong", &shown, "at the server's own console why");
    change(&directory, other, "\"public\"");
    json(&world).await.has(
        "server",
        "wrong",
        "no authority that this machine knows vouches",
        "or pin its key: sha256/",
    );
    change(&directory, "\"public\"", &pin);
    let authority = fs::read_to_string(world.authority_file()).unwrap();
    let stranger = lab::pki::Authority::new().unwrap();
    fs::write(world.folder().join("stranger.pem"), stranger.pem()).unwrap();
    change(&directory, "ca_file = \"authority.pem\"", "ca_file = \"stranger.pem\"");
    let said = json(&world).await;
    said.has("server", "wrong", "WHM (port 2087): the certificate is not trusted", "whether `trust` is right");
    said.has(
        "server",
        "wrong",
        "cPanel (port 2083): the certificate is not trusted",
        "see which certificate cPanel has",
    );
    change(&directory, "ca_file = \"stranger.pem\"", "ca_file = \"authority.pem\"");
    assert_eq!(fs::read_to_string(world.authority_file()).unwrap(), authority);

    let refused = ApiToken { whitelist_ips: vec!["192.0.2.1".into()], ..proper("elsewhere") };
    take(&world, 1, &refused);
    json(&world).await.has("server", "wrong", "the server refused the API token", "its allow-list has this machine's");
    take(&world, 1, &ApiToken { acls: Some(vec!["list-accts".into()]), ..proper("weak") });
    let said = json(&world).await;
    said.has("server", "wrong", "the token lacks the privilege create-user-session", "Manage API Tokens");
    said.has("server", "remark", "the token lacks the privilege basic-system-info", "Manage API Tokens");
    world.server(1).switch(|switches| switches.api_security_policy = true);
    json(&world).await.has("server", "wrong", "a security policy of the server answered", "\"API requests\" off");
    world.server(1).switch(|switches| switches.api_security_policy = false);

    // A token with root's whole power reads the settings.
    take(&world, 1, &ApiToken { acls: None, ..proper("whole") });
    let said = json(&world).await;
    said.has("server", "remark", "the token may everything that root may", "--mint");
    assert!(!said.out.contains("maxcpsrvdconnections"), "{}", said.out);
    world.server(1).switch(|switches| {
        switches.account_login_access = AccountLoginAccess::Owner;
        switches.handler_cap = 150;
        switches.require_ssl = false;
        switches.cookie_ip_validation = CookieIpValidation::Disabled;
    });
    let said = json(&world).await;
    for (says, advice) in [
        ("account_login_access is \"owner\": root may not open", "let owner and root in"),
        ("takes 150 connections (maxcpsrvdconnections), and a gateway may use 160", "limits.requests_per_server"),
        ("passwords without TLS on 2082, 2086 and 2095", "Always redirect to SSL/TLS"),
        ("its sessions are not tied to an address", "strict"),
    ] {
        said.has("server", "remark", says, advice);
    }
    assert_eq!(said.code, 0, "remarks are no failure");
}

#[tokio::test]
async fn one_server_alone_and_the_end_of_its_token() {
    let world = healthy(Style::Ports, "").await;
    for token in world.server(1).tokens_of("root") {
        world.server(1).revoke_token("root", &token.name);
    }
    let soon = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 24 * 3600;
    take(&world, 1, &ApiToken { expires_at: Some(soon), ..proper("ends") });
    let said = doctor(&world, &["--server", "web1", "--format", "json"]).await;
    said.has("server", "remark", "the token ends on ", "panelgate token rotate web1");
    assert_eq!(said.findings().len(), 1, "{}", said.out);
    let said = doctor(&world, &["--server", "web2", "--server", "web3"]).await;
    assert!(said.code == 0 && said.out.ends_with("\n0 wrong, 0 remarks, 2 well\n"), "{}", said.out);
    let said = doctor(&world, &["--server", "web9"]).await;
    assert!(said.code == 64 && said.err.contains("no server `web9`; did you mean `web"), "{}", said.err);
    fs::write(world.config(), "nonsense").unwrap();
    assert_eq!(doctor(&world, &[]).await.code, 78);
}

/// Servers that take connections and say nothing, which is what takes longest.
#[tokio::test]
async fn five_hundred_silent_servers_are_looked_at_together() {
    let silent = Loopback::claim().unwrap();
    let _sockets = [2083, 2087, 2096].map(|port| TcpListener::bind(silent.at(port)).unwrap());
    let world = healthy(Style::Ports, "upstream_connect_seconds = 1\n").await;
    let directory = fs::read_to_string(world.folder().join("directory.toml")).unwrap();
    let silent_one = |number: u32| {
        format!(
            "\n[[servers]]\nid = \"s{number}\"\nname = \"s{number}\"\nhost = \"s{number}.example\"\naddress = \"{}\"\n\
             trust = \"public\"\napi_account = \"root\"\napi_token = \"file:web1-token\"\naccess = \"restricted\"\n",
            silent.ip()
        )
    };
    let directory: String = std::iter::once(directory).chain((0..500).map(silent_one)).collect();
    fs::write(world.folder().join("directory.toml"), directory).unwrap();
    let said = json(&world).await;
    let timed_out = said.findings().into_iter().filter(|found| found.says.contains("no connection within 1 s")).count();
    assert_eq!(timed_out, 500, "{}", said.err);
    said.has("server", "wrong", "no connection within 1 s", "see that the server is up");
    said.has("server", "well", "cPanel & WHM 11.134.0.44", "");
}

#[tokio::test]
async fn a_shared_store_is_looked_at_without_a_change() {
    let mut database = Postgres::start().await.unwrap();
    let more = "[store]\npostgres = \"file:database\"\nserver_key = \"file:server-key\"\n";
    let world = healthy(Style::Ports, more).await;
    fs::write(world.folder().join("database"), database.url("panelgate")).unwrap();
    fs::write(world.folder().join("server-key"), "c2VydmVyLWtleS1zZXJ2ZXIta2V5LXNlcnZlci1rZXk=").unwrap();
    let said = json(&world).await;
    said.has("store", "remark", "it has layout 0: the next start of this version brings it to", "back it up");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(database.ask("panelgate", tables).await.unwrap(), "0", "a look makes no table");
    let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let said = json(&world).await;
    said.has("store", "well", "notifications arrive", "");
    gateway.stop().await.unwrap();
    database.ask("postgres", "ALTER DATABASE panelgate SET default_transaction_read_only = on").await.unwrap();
    json(&world).await.has("store", "wrong", "it takes no writes", "connect to the primary");
    database.ask("postgres", "ALTER DATABASE panelgate RESET default_transaction_read_only").await.unwrap();
    change(&world.config(), "connections = 100\n", "connections = 100\nstore_connections = 299\n");
    json(&world).await.has(
        "store",
        "remark",
        "it takes 300 connections, and one gateway may need 299",
        "max_connections",
    );
    database.kill().await.unwrap();
    let said = json(&world).await;
    said.has("store", "wrong", "cannot connect to the store", "see that the database runs");
    assert!(!said.out.contains("lab-database-password"), "{}", said.out);
}
