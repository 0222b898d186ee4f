//! The table of behaviours is whole, and every behaviour has a test.

use std::fs;
use std::path::Path;

use lab::cpsrvd::Switches;
use lab::cpsrvd::behaviours;

#[test]
fn every_behaviour_has_a_row_and_a_test() {
    let numbers: Vec<u8> = behaviours::ALL.iter().map(|behaviour| behaviour.number).collect();
    assert_eq!(numbers, (1..=60).collect::<Vec<_>>());

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cpsrvd");
    let sources: String =
        fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    let tests: Vec<&str> = sources.split("#[tokio::test]\nasync fn b").skip(1).collect();
    let missing: Vec<_> = behaviours::ALL
        .iter()
        .filter(|behaviour| !tests.iter().any(|test| test.starts_with(&format!("{:02}_", behaviour.number))))
        .map(ToString::to_string)
        .collect();
    assert!(missing.is_empty(), "no test for:\n{}", missing.join("\n"));
}

#[test]
fn every_switch_governs_a_behaviour() {
    let printed = format!("{:#?}", Switches::default());
    let fields = printed.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(':')).map(|(field, _)| field);
    let governs = |field: &str| {
        behaviours::ALL.iter().any(|behaviour| {
            behaviour.switch.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|word| word == field)
        })
    };
    let idle: Vec<_> = fields.filter(|field| !field.starts_with(' ') && !governs(field)).collect();
    assert!(idle.is_empty(), "{idle:?}");
}
