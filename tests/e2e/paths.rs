//! Paths with odd bytes that panels need: `docs/wire.md` lists them, and each reaches the server as it was said.

use crate::edge::OWN;
use crate::edge::Panel;
use crate::edge::WHM;
use crate::frames::Frames;
use crate::frames::Outcome;
use crate::raw::Raw;

const PAGE: &str = include_str!("../../docs/wire.md");

/// The paths of the page's table.
fn listed() -> Vec<&'static str> {
    let (_, section) = PAGE.split_once("\n## Paths with odd bytes\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.rsplit_once(" | `")?.1.strip_suffix("` |"));
    rows.collect()
}

async fn over_http_1(panel: &Panel, path: &str) -> u16 {
    let mut raw = Raw::connect(&panel.stage, "web1.connect.example.com", 2087).await;
    raw.exchange(&format!("GET {path} HTTP/1.1\r\nHost: {WHM}\r\n{}{OWN}\r\n", panel.auth)).await.0
}

async fn over_http_2(panel: &Panel, path: &str) -> Outcome {
    let mut frames = Frames::connect(&panel.stage, "web1.connect.example.com", 2087).await;
    let cookie = panel.auth.trim_end().strip_prefix("Cookie: ").unwrap();
    let fields: [(&str, &[u8]); 6] = [
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", WHM.as_bytes()),
        (":path", path.as_bytes()),
        ("cookie", cookie.as_bytes()),
        ("sec-fetch-site", b"same-origin"),
    ];
    frames.head(1, &fields, true).await;
    frames.outcome(1).await
}

#[tokio::test]
async fn the_paths_that_panels_need_reach_the_server_as_they_are() {
    let panel = Panel::new().await;
    let token = panel.home.trim_end_matches('/');
    let listed = listed();
    assert!(listed.len() > 10, "{listed:?}");
    for path in listed {
        let path = format!("{token}{path}");
        panel.stage.world.server(1).forget();
        let one = over_http_1(&panel, &path).await;
        let two = over_http_2(&panel, &path).await;
        assert!((one, two) != (400, Outcome::Answered(400)), "{path}: refused");
        let requests = panel.stage.world.server(1).requests();
        let sent: Vec<_> = requests.iter().map(|request| &*request.target).collect();
        assert_eq!(sent, [&path, &path]);
    }
}

/// What looks alike and could mean another file, or none of the File Manager's, is not repaired.
#[tokio::test]
async fn what_looks_like_them_and_could_mean_more_is_refused() {
    let panel = Panel::new().await;
    let token = panel.home.trim_end_matches('/');
    for path in [
        "/viewer/home%2f..%2froot/x",
        "/viewer/home%2f%2e%2e%2froot/x",
        "/viewer/home%2f%2fbob/x",
        "/viewer/%2fhome%2fbob/x",
        "/viewer/home%2Fbob/x",
        "/viewer/home%5cbob/x",
        "/viewer/home%00bob/x",
        "/viewer/home%252fbob/x",
        "/viewer/home%2fbob/..",
        "/viewer/home%2fbob/a%2fb",
        "/viewer/home%2fbob/a/b",
        "/frontend/home%2fbob/x",
        "/x/viewer/home%2fbob/x",
    ] {
        let path = format!("{token}{path}");
        assert_eq!(over_http_1(&panel, &path).await, 400, "{path}");
        assert_eq!(over_http_2(&panel, &path).await, Outcome::Answered(400), "{path}");
    }
    assert!(panel.stage.world.server(1).requests().is_empty());
}
