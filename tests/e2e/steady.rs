//! Steady work: what requests cost beside themselves, counted.

use lab::world::Style;
use serde_json::Value;

use crate::stage::Stage;

/// Requests of one person in one panel.
const REQUESTS: usize = 1000;

/// What the gateway asks the store by itself, however many requests there are.
const BY_ITSELF: [&str; 5] = [
    "FROM notices",
    "leases",
    "DELETE FROM records WHERE expires_at",
    "SELECT count(*) FROM records",
    "SELECT key, owner, expires_at, label FROM records",
];

#[tokio::test]
async fn no_more_than_one_request_in_a_hundred_touches_the_store() {
    let stage = Stage::with(Style::Ports, "[log]\nfilter = \"warn,sqlx::query=debug\"\nformat = \"json\"\n").await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let before = statements(&stage).len();
    assert!(before > 0, "signing in and opening a panel write to the store, and the log shows it");
    for _ in 0..REQUESTS {
        assert_eq!(browser.fetch(&panel, panel.url.as_str()).await.unwrap().status, 200);
    }
    // When the end of the session is in the log, so is all that came before it.
    browser.submit(&console, "/sign-out", &[]).await.unwrap();
    stage.gateway.wait_for_output("OR owner = ").await.unwrap();
    let mut after = statements(&stage).split_off(before);
    let end = after.iter().position(|statement| statement.contains("OR owner = ")).unwrap();
    after.truncate(end);
    assert!(after.len() * 100 <= REQUESTS, "{} statements for {REQUESTS} requests: {after:#?}", after.len());
}

/// What was asked of the store on behalf of people, so far.
fn statements(stage: &Stage) -> Vec<String> {
    let output = stage.gateway.output();
    let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let asked = lines.filter(|line| line["target"] == "sqlx::query").map(|line| {
        // A short statement stands in its summary alone.
        let text =
            format!("{} {}", line["summary"].as_str().unwrap(), line["db.statement"].as_str().unwrap_or_default());
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    asked.filter(|text| !BY_ITSELF.iter().any(|own| text.contains(own))).collect()
}
