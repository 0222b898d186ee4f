//! The table of bounds in `docs/wire.md` is the program's, and each bound has a test.

use std::fs;
use std::path::Path;

use panelgate::config::Limits;

/// All Rust files below a folder, as one text.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with(".venv") {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    text
}

#[test]
fn the_page_shows_every_bound_with_its_default_and_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/wire.md")).unwrap();
    let tests = sources(&root.join("tests")) + &sources(&root.join("src"));
    let (_, table) = page.split_once("| key of `[limits]` |").unwrap();
    let table = table.split("\n\n").next().unwrap();
    let mut rows = table.lines().filter(|line| line.starts_with("| `"));
    for limit in Limits::TABLE {
        let row = rows.next().unwrap_or_default();
        let mut cells = row.trim_matches(['|', ' ']).split(" | ");
        let mut cell = || cells.next().unwrap_or_default();
        assert_eq!(cell(), format!("`{}`", limit.name), "{row}");
        assert_eq!(cell(), format!("{} {}", limit.default, limit.unit), "{row}");
        assert!(cell().eq_ignore_ascii_case(limit.bounds), "{row}: {}", limit.bounds);
        let test = cell().trim_matches('`');
        assert!(tests.contains(&format!("fn {test}(")), "{}: there is no test {test}", limit.name);
    }
    assert_eq!(rows.next(), None);
}
