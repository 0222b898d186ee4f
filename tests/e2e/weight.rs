//! What the console weighs on its way to a browser, for somebody who may open 500 servers.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use http::HeaderMap;
use http_body_util::BodyExt as _;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::world::DIRECTORY;
use lab::world::Plan;
use lab::world::Style;

use crate::stage::Stage;

/// The whole page as it is sent: HTML with the list, style sheet, scripts, mark.
const MOST: usize = 60_000;

const SERVERS: usize = 500;

fn directory() -> String {
    let mut text = DIRECTORY.to_owned();
    for number in 4..=SERVERS {
        write!(
            text,
            "[[servers]]\nid = \"web{number}\"\nname = \"Shared hosting {number}\"\n\
             host = \"web{number}.hosting.example\"\naddress = \"127.0.0.1\"\ntrust = {{ ca_file = \"authority.pem\" }}\n\
             api_account = \"root\"\napi_token = \"file:web1-token\"\naccess = \"restricted\"\n\
             [[rules]]\nrole_group = \"Administrators\"\nservers = [\"web{number}\"]\nservices = [\"whostmgrd\"]\n\
             account = \"root\"\n"
        )
        .unwrap();
    }
    text
}

#[tokio::test]
async fn the_console_with_500_servers_is_small_on_the_wire() {
    let stage = Stage::planned(Plan { directory: Some(directory()), ..Plan::tls(Style::Ports) }).await;
    let (browser, console) = stage.signed_in("ada").await;
    let html = console.text();
    assert_eq!(html.matches("role=\"option\"").count(), SERVERS);
    let assets: BTreeSet<&str> =
        html.split('"').filter(|text| text.starts_with("/assets/") && !text.contains(' ')).collect();
    assert!(assets.len() > 8, "{assets:?}");

    let (head, page) = sent(&browser, Ask::get(Errand::Page, &stage.console("/"))).await;
    assert_eq!(head["content-encoding"], "gzip");
    let mut total = page;
    for asset in assets {
        let (head, bytes) = sent(&browser, Ask::get(Errand::Fetch, &stage.console(asset)).by(&console)).await;
        assert_eq!(head["content-encoding"], "gzip", "{asset}");
        assert_eq!(head["vary"], "accept-encoding", "{asset}");
        total += bytes;
    }
    assert!(total < MOST, "{total} bytes, of which the page is {page}");
}

#[tokio::test]
async fn who_takes_no_gzip_gets_none_and_a_page_that_repeats_its_address_is_never_packed() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, _) = stage.signed_in("ada").await;
    for refusal in ["identity", "gzip;q=0", "br, gzip; q=0.0", ""] {
        let (head, _) =
            sent(&browser, Ask::get(Errand::Page, &stage.console("/")).header("accept-encoding", refusal)).await;
        assert!(!head.contains_key("content-encoding"), "{refusal}");
    }
    for wish in ["gzip", "br;q=1.0, GZIP;q=0.5"] {
        let (head, _) =
            sent(&browser, Ask::get(Errand::Page, &stage.console("/")).header("accept-encoding", wish)).await;
        assert_eq!(head["content-encoding"], "gzip", "{wish}");
    }
    let (head, _) = sent(&browser, Ask::get(Errand::Page, &stage.console("/s/web1/whostmgrd/chosen-by-a-link"))).await;
    assert!(!head.contains_key("content-encoding"), "sizes would tell what else it says");
}

/// The head of an answer, and the bytes of its body as they are sent.
async fn sent(browser: &Browser, ask: Ask<'_>) -> (HeaderMap, usize) {
    let response = browser.stream(ask).await.unwrap();
    assert_eq!(response.status(), 200);
    let (head, body) = response.into_parts();
    (head.headers, body.collect().await.unwrap().to_bytes().len())
}
