//! `docs/cpsrvd.md` lists the behaviours of the double as the code has them.

use std::path::Path;

use lab::cpsrvd::behaviours;

const BEGIN: &str = "<!-- behaviours -->\n";
const END: &str = "<!-- /behaviours -->";

#[test]
fn the_page_lists_the_behaviours_of_the_double() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cpsrvd.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once(BEGIN).expect("the page has a place for the table");
    let (shown, _) = rest.split_once(END).expect("the table has an end");
    let table = table();
    assert!(shown == table, "the table in docs/cpsrvd.md should be:\n{BEGIN}{table}{END}");
}

fn table() -> String {
    let head = "| | behaviour | evidence | governed by |\n| --- | --- | --- | --- |\n".to_owned();
    behaviours::ALL.iter().fold(head, |table, row| {
        format!("{table}| {} | {} | {} | {} |\n", row.number, row.title, row.evidence, row.switch)
    })
}
