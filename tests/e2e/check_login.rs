//! `panelgate check --login`: one sign-in without a gateway, told in kinds and not in values.

use std::process::Stdio;

use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::provider::EndpointFault;
use lab::provider::IdTokenFault;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::BufReader;
use tokio::process::Child;
use tokio::process::ChildStderr;
use tokio::process::Command;
use tokio::time::timeout;

use crate::products::certified;
use crate::products::sign_in_with;
use crate::stage::BINARY;
use crate::stage::PATIENCE;
use crate::stage::Stage;

/// The command while it waits for the address.
struct Waiting {
    child: Child,
    messages: BufReader<ChildStderr>,
    /// Where to sign in.
    address: String,
}

/// What it said: exit code, result, further messages.
type Said = (i32, String, String);

impl Waiting {
    async fn start(world: &World) -> Self {
        let mut child = Command::new(BINARY)
            .args(["check", "--login", "--config"])
            .arg(world.config())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut messages = BufReader::new(child.stderr.take().unwrap());
        let mut address = String::new();
        while !address.starts_with("http") {
            address.clear();
            let read = timeout(PATIENCE, messages.read_line(&mut address)).await.unwrap().unwrap();
            assert_ne!(read, 0, "it ended before it asked");
        }
        Self { child, messages, address: address.trim().to_owned() }
    }

    async fn paste(mut self, line: &str) -> Said {
        let mut input = self.child.stdin.take().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        drop(input);
        let mut messages = String::new();
        self.messages.read_to_string(&mut messages).await.unwrap();
        let output = timeout(PATIENCE, self.child.wait_with_output()).await.unwrap().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap(), messages)
    }
}

/// Signs in at the world's provider; gives the address to which it sends the browser.
async fn way_back(browser: &Browser, address: &str, user: &str) -> String {
    let form = browser.visit(address).await.unwrap();
    let request = form.field("request").unwrap();
    let fields = [("request", &*request), ("login", user), ("password", user)];
    let submit = form.resolve("/sign-in").unwrap();
    let answer = browser.ask(Ask::get(Errand::Page, submit.as_str()).by(&form).form(&fields).once()).await.unwrap();
    answer.header("location").unwrap()
}

async fn said(world: &World, user: &str) -> Said {
    let waiting = Waiting::start(world).await;
    let back = way_back(&Browser::new(world).unwrap(), &waiting.address, user).await;
    waiting.paste(&back).await
}

#[tokio::test]
async fn it_tells_what_came_and_what_it_is_worth_and_no_more() {
    let stage = Stage::new(Style::Ports).await;
    let waiting = Waiting::start(&stage.world).await;
    let browser = stage.browser();
    let back = way_back(&browser, &waiting.address, "sam").await;
    // The gateway that runs there knows nothing of it, and leaves the code alone.
    assert_eq!(browser.visit(&back).await.unwrap().status, 400);
    let (code, told, _) = waiting.paste(&back).await;
    assert_eq!(code, 0, "{told}");
    for words in [
        "The sign-in with Example SSO is verified\n",
        "  subject  sub-of-sam\n",
        "The ID token holds (what the values are, not what they say)\n",
        "groups              a list of 2 texts\n",
        "email               a text of 15 characters\n",
        "\nGroups, from /groups in the ID token\n  whm-support\n  staff\n",
        "\nRole groups\n  Support\n",
        "This person may connect.",
        "refresh  granted",
    ] {
        assert!(told.contains(words), "{words} in {told}");
    }
    for never in ["sam@example.com", "Sam Support", "eyJ"] {
        assert!(!told.contains(never), "{never} in {told}");
    }
    let code = url::Url::parse(&back).unwrap().query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    assert!(!told.contains(&code));
    assert!(browser.cookie("connect.example.com", "__Host-panelgate-session").is_none(), "nobody is signed in by it");
    assert_eq!(stage.outcomes("sign_in"), ["failed sign_in_unknown"]);
}

#[tokio::test]
async fn what_gives_nothing_or_fails_is_said() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let (code, told, _) = said(&world, "nia").await;
    assert_eq!(code, 1);
    assert!(told.contains("  marketing\n") && told.contains("no role group of the directory lists one"), "{told}");

    world.provider.set(|wrong| wrong.id_token = vec![IdTokenFault::wrong("groups", 7)]);
    let (code, told, _) = said(&world, "ada").await;
    assert_eq!(code, 1);
    assert!(
        told.contains("  the groups could not be read: what should be groups is not of the configured shape"),
        "{told}"
    );
    assert!(told.contains("groups              a number\n"), "{told}");

    world.provider.set(|wrong| wrong.id_token = vec![IdTokenFault::wrong("aud", "somebody-else")]);
    let (code, told, said_) = said(&world, "ada").await;
    assert_eq!((code, told.as_str()), (1, ""));
    assert!(said_.contains("it is meant for another audience"), "{said_}");

    world.provider.set(|wrong| wrong.id_token.clear());
    for line in ["", "nonsense", "https://evil.example/callback/sso?code=x&state=y"] {
        let (code, _, said) = Waiting::start(&world).await.paste(line).await;
        assert_eq!(code, 64, "{line}");
        assert!(said.contains("this is not the address that the provider sends people back to"), "{said}");
    }
    // Another sign-in's answer is not this one's.
    let other = Waiting::start(&world).await;
    let back = way_back(&Browser::new(&world).unwrap(), &other.address, "ada").await;
    assert_eq!(Waiting::start(&world).await.paste(&back).await.0, 1);

    world.provider.set(|wrong| wrong.discovery = Some(EndpointFault::Garbage));
    let output =
        Command::new(BINARY).args(["check", "--login", "--config"]).arg(world.config()).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("discovery document") && said.contains("not a clean JSON object"), "{said}");
}

#[tokio::test]
async fn at_the_certified_provider() {
    let world = World::start(Plan::tls(Style::Ports)).await.unwrap();
    let product = certified(&world).await;
    sign_in_with(&world, &product);
    let waiting = Waiting::start(&world).await;
    let browser = Browser::new(&world).unwrap();
    let form = browser.visit(&waiting.address).await.unwrap();
    let fields = [("login", "ann"), ("password", "ann-pw")];
    // Nobody serves the console: the browser cannot go where it is sent, and shows the address.
    let (mut url, mut ask) = (form.url.to_string(), Some(fields));
    let back = loop {
        let errand = Ask::get(Errand::Page, &url).by(&form).once();
        let errand = match &ask {
            Some(fields) => errand.form(fields),
            None => errand,
        };
        let answer = browser.ask(errand).await.unwrap();
        let next = answer.resolve(&answer.header("location").unwrap()).unwrap().to_string();
        if next.starts_with(world.console()) {
            break next;
        }
        (url, ask) = (next, None);
    };
    let (code, told, said) = waiting.paste(&back).await;
    assert_eq!(code, 0, "{told}{said}");
    assert!(told.contains("  subject  ann\n") && told.contains("\nRole groups\n  Administrators\n"), "{told}");
    assert!(told.contains("refresh  not granted"), "{told}");
}
