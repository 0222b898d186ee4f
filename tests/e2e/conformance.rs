//! A standard suite for WebSockets, the Autobahn test suite, on its way through the gateway: whatever it makes of
//! a server is what it makes of the same server behind a panel, over HTTP/1.1 and HTTP/2.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use lab::autobahn;
use lab::autobahn::Report;
use lab::browser::Http;
use lab::world::Style;

use crate::stage::Stage;

/// Where the echo server stands below the security token.
const PATH: &str = "/3rdparty/echo/";

/// What the groups of cases are about, in the suite's own words.
const GROUPS: [(u32, &str); 8] = [
    (1, "framing"),
    (2, "pings and pongs"),
    (3, "reserved bits"),
    (4, "opcodes"),
    (5, "fragmentation"),
    (6, "UTF-8"),
    (7, "closing"),
    (10, "auto-fragmentation"),
];

/// How often each verdict was given in a group.
fn verdicts(report: &Report, group: u32) -> String {
    let mut counted: BTreeMap<&str, u32> = BTreeMap::new();
    for (_, verdict) in report.iter().filter(|(case, _)| case.group() == group) {
        *counted.entry(&verdict.behavior).or_default() += 1;
    }
    let counted: Vec<String> = counted.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    counted.join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_changes_nothing_of_what_a_standard_suite_finds() {
    let stage = Stage::new(Style::Ports).await;
    let echo = autobahn::echo().await.unwrap();
    stage.world.server(1).install_tool(PATH, echo.address()).unwrap();
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let path = format!("/{}{PATH}", panel.url.path().split('/').nth(1).unwrap());
    let browser = Arc::new(browser);
    let http_1 = autobahn::door(&browser, &panel, &path, Http::One).await.unwrap();
    let http_2 = autobahn::door(&browser, &panel, &path, Http::Two).await.unwrap();
    let (direct, http_1, http_2) = tokio::try_join!(
        autobahn::play(echo.address(), &autobahn::CASES),
        autobahn::play(http_1.address(), &autobahn::CASES),
        autobahn::play(http_2.address(), &autobahn::CASES),
    )
    .unwrap();

    let mut table = String::new();
    for (group, about) in GROUPS {
        let [direct, http_1, http_2] = [&direct, &http_1, &http_2].map(|report| verdicts(report, group));
        writeln!(table, "CONFORMANCE | {group} | {about} | {direct} | {http_1} | {http_2} |").unwrap();
    }
    for (case, verdict) in direct.iter().filter(|(_, verdict)| verdict.behavior != "OK") {
        writeln!(table, "NOT-OK | {case} | {} |", verdict.behavior).unwrap();
    }
    print(&table);
    assert_eq!(direct.len(), 247, "cases are missing");
    let failed =
        |report: &Report| report.values().filter(|v| v.behavior == "FAILED" || v.behavior_close == "FAILED").count();
    assert_eq!(failed(&direct), 0, "the echo server itself");
    for (way, report) in [("HTTP/1.1", &http_1), ("HTTP/2", &http_2)] {
        assert_eq!(direct.keys().collect::<Vec<_>>(), report.keys().collect::<Vec<_>>());
        let others: Vec<String> = direct
            .iter()
            .filter(|(case, verdict)| report[case] != **verdict)
            .map(|(case, verdict)| format!("{case}: {verdict:?}, and through the gateway {:?}", report[case]))
            .collect();
        assert!(others.is_empty(), "over {way}: {others:#?}");
    }
}

fn print(table: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr().lock(), "{table}").unwrap();
}
