//! Files that nobody would write: an answer for each, never a panic, and nothing that a terminal obeys.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::site::DIRECTORY;
use crate::site::MAIN;
use crate::site::Site;

/// A good file with one part of it replaced by another text.
fn spoilt(good: &'static str) -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "\\PC{0,12}",
        "[\\[\\]{}=\"'.,#\\n\\r\\t\\x00\\x1b\u{e9}\u{202e}a1_-]{0,12}",
        any::<Index>().prop_map(move |from| good.lines().nth(from.index(good.lines().count())).unwrap().to_owned()),
    ];
    (any::<Index>(), any::<Index>(), part).prop_map(move |(from, length, part)| {
        let (from, length) = (from.index(good.len() + 1), length.index(good.len() + 1));
        // Mostly small changes, so that what follows is still read.
        let length = if length % 4 == 0 { length } else { length % 8 };
        let to = from.saturating_add(length).min(good.len());
        format!("{}{part}{}", good.get(..from).unwrap(), good.get(to..).unwrap())
    })
}

fn has_an_answer(site: &Site, name: &str, text: &str) -> Result<(), TestCaseError> {
    site.write(name, text);
    let answer = site.load();
    let said = match &answer {
        Ok(config) => config.warnings.to_string(),
        Err(problems) => problems.to_string(),
    };
    let obeyed = said.chars().find(|letter| letter.is_control() && *letter != '\n');
    prop_assert_eq!(obeyed, None, "{}", said);
    if let Err(problems) = answer {
        prop_assert!(!problems.list().is_empty());
        prop_assert!(!said.contains("without a reason"), "{}", said);
    }
    Ok(())
}

#[test]
fn any_change_to_the_main_file_has_an_answer() {
    let site = Site::new();
    proptest!(|(text in spoilt(MAIN))| has_an_answer(&site, "panelgate.toml", &text)?);
}

#[test]
fn any_change_to_the_directory_has_an_answer() {
    let site = Site::new();
    proptest!(|(text in spoilt(DIRECTORY))| has_an_answer(&site, "directory.toml", &text)?);
}

#[test]
fn deep_nesting_is_a_problem_and_no_overflow() {
    let site = Site::new();
    for deep in [format!("a = {}", "[".repeat(100_000)), format!("a{} = 1", ".a".repeat(100_000))] {
        site.write("directory.toml", deep);
        assert!(!site.load().unwrap_err().list().is_empty());
    }
}
