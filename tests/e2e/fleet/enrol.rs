//! Enrolling servers: what is asked, said and written, and every way in which it is refused.

use std::fs;

use lab::browser::Browser;
use lab::cpsrvd::ApiToken;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::VersionShape;
use lab::gateway::Gateway;
use lab::world::DIRECTORY;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;

use super::MASTER_KEY;
use super::Said;
use super::panelgate;
use crate::stage::BINARY;

/// A world that knows web1 and web2, with a third server outside.
pub(super) async fn two_servers() -> World {
    let (first, rest) = DIRECTORY.split_once("[[servers]]\n{web3}").unwrap();
    let (_, rest) = rest.split_once("[[role_groups]]").unwrap();
    let directory = format!("{first}[[role_groups]]{rest}").replace(", \"web3\"", "");
    let more = "[vault]\nmaster_key = \"file:master-key\"\n[fleet]\nwatch_minutes = 0\naddresses = [\"127.0.0.1\"]\n"
        .to_owned();
    let world = World::start(Plan { more, directory: Some(directory), ..Plan::tls(Style::Ports) }).await.unwrap();
    fs::write(world.folder().join("master-key"), MASTER_KEY).unwrap();
    world
}

/// The arguments that enrol the third server.
fn add<'a>(address: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["servers", "add", "web3", "--host", "web3.hosting.example", "--address", address];
    arguments.extend_from_slice(more);
    arguments
}

pub(super) async fn enrol(world: &World, more: &[&str], input: &str) -> Said {
    let address = world.server(3).ip().to_string();
    panelgate(world, &add(&address, more), input.as_bytes()).await
}

fn directory(world: &World) -> String {
    fs::read_to_string(world.folder().join("directory.toml")).unwrap()
}

fn token(user: &str, name: &str, acls: Option<&[&str]>) -> ApiToken {
    let acls = acls.map(|acls| acls.iter().map(ToString::to_string).collect());
    ApiToken { acls, ..ApiToken::new(user, name) }
}

fn names(server: &Cpsrvd) -> Vec<String> {
    server.tokens_of("root").into_iter().map(|token| token.name).collect()
}

#[tokio::test]
async fn a_server_is_enrolled_with_a_token_that_can_do_what_is_needed_and_opens() {
    let world = two_servers().await;
    let server = world.server(3);
    let given = server.token_for("root");
    let said = enrol(
        &world,
        &["--account", "root", "--mint", "--token-name", "panelgate", "--name", "Shop \"3\""],
        &format!("yes\n{given}\n"),
    )
    .await
    .done();
    for text in [
        &*format!("pin          sha256/{}", server.spki_sha256()),
        "NO AUTHORITY VOUCHES FOR IT",
        "cPanel & WHM 11.134.0.44",
        "can open panels",
        "TOO MUCH: it may everything that root may",
    ] {
        assert!(said.err.contains(text), "{text}: {}", said.err);
    }
    assert!(said.out.contains("the token that was given is revoked"), "{}", said.out);
    assert!(!said.out.contains(&given) && !said.err.contains(&given));
    // One token is left, with a name, few privileges, an end and the gateway's address.
    let tokens = server.tokens_of("root");
    let [minted] = tokens.as_slice() else { panic!("{tokens:?}") };
    assert!(minted.name.starts_with("panelgate-20"), "{}", minted.name);
    let acls = minted.acls.clone().unwrap();
    assert_eq!(acls, ["create-user-session", "list-accts", "basic-system-info", "manage-api-tokens"]);
    assert_eq!(minted.whitelist_ips, ["127.0.0.1"]);
    let days = (minted.expires_at.unwrap() - minted.create_time).div_ceil(24 * 3600);
    assert_eq!(days, 90);
    // With a rule for it, it opens.
    let text = directory(&world);
    assert!(text.contains("api_token = \"vault:web3\"") && text.contains("name = \"Shop \\\"3\\\"\""), "{text}");
    fs::write(
        world.folder().join("directory.toml"),
        text.replace("[\"web1\", \"web2\"]", "[\"web1\", \"web2\", \"web3\"]"),
    )
    .unwrap();
    let _gateway = Gateway::spawn(BINARY, &world).await.unwrap();
    let browser = Browser::new(&world).unwrap();
    let console = browser.sign_in("ada").await.unwrap();
    let panel = browser.open(&console, "web3", "whostmgrd", "root").await.unwrap();
    assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
}

#[tokio::test]
async fn every_refusal_says_why_and_changes_nothing() {
    let world = two_servers().await;
    let server = world.server(3);
    let before = directory(&world);
    let good = server.token_for("root");
    let pin = format!("sha256/{}", server.spki_sha256());
    let elsewhere = ApiToken { whitelist_ips: vec!["192.0.2.1".into()], ..token("root", "elsewhere", None) };
    let expired = ApiToken { expires_at: Some(1), ..token("root", "expired", None) };
    let weak = token("root", "weak", Some(&["list-accts"]));
    for token in [&elsewhere, &expired, &weak] {
        assert!(server.add_token(token.clone()));
    }
    let refused =
        "the server refused the token: it is mistyped, revoked or expired, not root's, or our address is not on";
    let wrong_pin = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let yes = |token: &str| format!("yes\n{token}\n");
    let root = ["--account", "root"];
    let cases: [(&[&str], String, &str, i32); 10] = [
        (&root, "no\n".into(), "nothing was changed", 1),
        (&root, String::new(), "nothing was changed", 1),
        (&root, yes("UWU28DCA23NKY76CN17MDPKM3O7EFQY8"), refused, 70),
        (&root, yes(&elsewhere.secret), refused, 70),
        (&root, yes(&expired.secret), refused, 70),
        (&root, yes(&server.token_for("support")), refused, 70),
        (&root, yes("two words"), "that is no API token", 70),
        (&root, yes(&weak.secret), "the token cannot open panels: give it the privilege create-user-session", 70),
        (
            &["--account", "root", "--pin", wrong_pin],
            format!("{good}\n"),
            &format!("the server's key has the pin {pin}"),
            70,
        ),
        (&["--account", "root", "--public"], format!("{good}\n"), "the system's authorities do not vouch", 70),
    ];
    for (arguments, input, expected, code) in cases {
        let said = enrol(&world, arguments, &input).await;
        assert!(said.err.contains(expected), "{expected}: {}", said.err);
        assert_eq!(said.code, code, "{}", said.err);
        assert_eq!(directory(&world), before);
    }
    // What a directory would not read is not written into it.
    for name in ["two\nlines", " ", &"x".repeat(101), "del\u{7f}"] {
        let said = enrol(&world, &["--account", "root", "--pin", &pin, "--name", name], &format!("{good}\n")).await;
        assert!(said.code == 70 && said.err.contains("a short text on one line"), "{}", said.err);
    }
    let whm = ["servers", "add", "whm", "--host", "web3.hosting.example", "--account", "root", "--pin", &pin];
    let said = panelgate(&world, &whm, format!("{good}\n").as_bytes()).await;
    assert!(said.code == 70 && said.err.contains("begins with whm for something else"), "{}", said.err);
    assert_eq!(directory(&world), before);
    // A server whose policy asks API calls for a second factor answers with a page.
    server.switch(|switches| switches.api_security_policy = true);
    let said = enrol(&world, &["--account", "root", "--pin", &pin], &format!("{good}\n")).await;
    assert!(said.err.contains("Configure Security Policies, switch \"API requests\" off"), "{}", said.err);
    server.switch(|switches| {
        switches.api_security_policy = false;
        switches.version_shape = VersionShape::Legacy;
    });
    // One that is known already.
    let address = world.server(1).ip().to_string();
    let known =
        ["servers", "add", "web1", "--host", "web1.hosting.example", "--address", &address, "--account", "root"];
    let said = panelgate(&world, &known, b"").await;
    assert!(said.err.contains("the directory has web1 already (directory.toml:"), "{}", said.err);
    // A dry run shows what would be written, for a server that answers in the old shape too.
    let said = enrol(&world, &["--account", "root", "--pin", &pin, "--dry-run"], &format!("{good}\n")).await.done();
    assert!(said.out.contains("api_token = \"vault:web3\"") && said.err.contains("nothing was changed"), "{said:?}");
    assert_eq!(directory(&world), before);
    let listed = panelgate(&world, &["vault", "list", "--format", "csv"], b"").await.done();
    assert_eq!(listed.out.lines().count(), 1, "no record is left: {}", listed.out);
    // A reseller's token is taken, and what that means is said.
    let reseller = server.token_for("support");
    let said = enrol(&world, &["--account", "support", "--pin", &pin], &format!("{reseller}\n")).await.done();
    assert!(said.err.contains("support is no root: it opens its own WHM and its customers' accounts"), "{}", said.err);
}

#[tokio::test]
async fn of_two_operators_who_enrol_one_server_one_does() {
    let world = two_servers().await;
    let pin = format!("sha256/{}", world.server(3).spki_sha256());
    let token = format!("{}\n", world.server(3).token_for("root"));
    let arguments = ["--account", "root", "--pin", &pin];
    let (one, two) = tokio::join!(enrol(&world, &arguments, &token), enrol(&world, &arguments, &token));
    let (won, lost) = if one.code == 0 { (one, two) } else { (two, one) };
    assert_eq!((won.code, lost.code), (0, 70), "{}{}", won.err, lost.err);
    let known =
        lost.err.contains("somebody else has enrolled web3") || lost.err.contains("the directory has web3 already");
    assert!(known, "{}", lost.err);
    assert_eq!(directory(&world).matches("id = \"web3\"").count(), 1);
    let listed = panelgate(&world, &["vault", "list", "--format", "csv"], b"").await.done();
    assert!(listed.out.contains("web3,root"), "{}", listed.out);
}

#[tokio::test]
async fn a_list_is_read_as_a_whole_before_anything_is_done() {
    let world = two_servers().await;
    let (server, before) = (world.server(3), directory(&world));
    let list = world.folder().join("fleet.csv");
    let pin = format!("sha256/{}", server.spki_sha256());
    let good = format!("web3,web3.hosting.example,root,{},{pin},web3-token", server.ip());
    let header = "id,host,account,address,pin,token_file";
    let path = list.to_str().unwrap().to_owned();
    let run = async |text: String, more: &[&str]| {
        fs::write(&list, text).unwrap();
        let mut arguments = vec!["servers", "add-many", &path];
        arguments.extend_from_slice(more);
        panelgate(&world, &arguments, b"").await
    };
    for (text, expected) in [
        (format!("{good}\n"), "the first line has to be id,host"),
        (format!("{header}\n{good}\nweb4,not a host,root,,,t\n"), "line 3: not a DNS name"),
        (format!("{header}\n{good}\nweb4,h.example\n"), "line 3: 2 cells instead of 6"),
        (format!("{header}\n{good}\n{good}\n"), "line 3: web3 stands in the list twice"),
        (format!("{header}\nweb4,h.example,root,,,\n"), "tokens stand in files"),
    ] {
        let said = run(text, &[]).await;
        assert!(said.err.contains(expected) && said.err.contains("nothing was changed"), "{expected}: {}", said.err);
        assert_eq!((said.code, directory(&world)), (70, before.clone()));
    }
    let said = run(format!("{header}\n{good}\n"), &["--dry-run"]).await.done();
    assert!(said.out.contains("1 could be enrolled, 0 failed"), "{}", said.out);
    assert_eq!(directory(&world), before);
    // One that fails does not keep the others out.
    let other = good.replace("web3,", "web4,").replace(&pin, "");
    let said = run(format!("{header}\n{other}\n{good}\n"), &["--mint"]).await;
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.out.contains("1 enrolled, 1 failed"), "{}", said.out);
    assert!(said.err.contains("FAILED (line 2): no authority vouches for its certificate"), "{}", said.err);
    assert!(directory(&world).contains("vault:web3"));
    assert_eq!(names(server).len(), 2, "the given token stays: its name in WHM is not known");
}
