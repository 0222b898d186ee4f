//! Transfers over HTTP/1.1 and HTTP/2: parts of a file, and bodies that are packed for a script.

use http_body_util::BodyExt as _;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Http;
use lab::browser::Page;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Planted;
use lab::world::Style;

use crate::stage::Stage;

/// Somebody in front of a cPanel, with a browser of each protocol.
struct Desk {
    stage: Stage,
    browsers: [(Http, Browser); 2],
    panel: Page,
}

impl Desk {
    async fn new() -> Self {
        let stage = Stage::new(Style::Ports).await;
        let (two, console) = stage.signed_in("sam").await;
        let panel = two.open(&console, "web2", "cpaneld", "bob").await.unwrap();
        let one = Browser::over(&stage.world, Http::One).unwrap();
        one.steal_cookies(&two);
        Self { stage, browsers: [(Http::One, one), (Http::Two, two)], panel }
    }

    fn server(&self) -> &Cpsrvd {
        self.stage.world.server(2)
    }

    /// `fetch()` of a path in the panel.
    fn ask(&self, path: &str) -> Ask<'_> {
        let token = self.panel.url.path().split('/').nth(1).unwrap();
        let url = self.panel.resolve(&format!("/{token}{path}")).unwrap();
        Ask::get(Errand::Fetch, url.as_str()).by(&self.panel)
    }
}

#[tokio::test]
async fn a_download_is_resumed_where_it_broke_off() {
    let desk = Desk::new().await;
    let lines = [("Content-Range", "bytes 5-9/10"), ("Accept-Ranges", "bytes"), ("ETag", "\"v1\"")];
    desk.server().plant("/part", Planted::page("56789", &lines).status(206));
    for (http, browser) in &desk.browsers {
        desk.server().forget();
        let ask = desk.ask("/part").header("range", "bytes=5-").header("if-range", "\"v1\"");
        let part = browser.ask(ask).await.unwrap();
        assert_eq!((part.status, &*part.text()), (206, "56789"), "{http:?}");
        for (name, value) in lines {
            assert_eq!(part.header(name).as_deref(), Some(value), "{http:?} {name}");
        }
        let heard = desk.server().requests().pop().unwrap();
        assert_eq!((heard.header("range"), heard.header("if-range")), (Some("bytes=5-"), Some("\"v1\"")), "{http:?}");
    }
}

/// The body is no gzip at all: whoever unpacks it on the way trips.
#[tokio::test]
async fn what_is_packed_for_a_script_stays_packed() {
    let desk = Desk::new().await;
    let body: Vec<u8> = (0..50_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    desk.server().plant("/packed", Planted::page(body.clone(), &[("Content-Encoding", "gzip")]));
    for (http, browser) in &desk.browsers {
        desk.server().forget();
        let answer = browser.stream(desk.ask("/packed")).await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], "gzip", "{http:?}");
        assert!(answer.into_body().collect().await.unwrap().to_bytes() == body, "{http:?}: another body");
        assert_eq!(desk.server().requests().pop().unwrap().header("accept-encoding"), Some("gzip"), "{http:?}");
    }
}
