//! All review commands in a pipeline: what they need, where they write, and what they exit with.

use std::process::Stdio;

use crate::house::House;

const EXPLAIN: &[&str] = &["explain", "--groups", "staff", "--server", "web1"];
const MATRIX: &[&str] = &["access", "matrix"];
const DIFF: &[&str] = &["access", "diff", "old/panelgate.toml", "panelgate.toml"];
const TEST: &[&str] = &["access", "test", "tests.toml"];

/// A house in which each command has something to say, and what each exits with.
fn house() -> (House, [(&'static [&'static str], i32); 4]) {
    let house = House::new();
    house.replace("connect = false", "connect = true");
    let test = "[[tests]]\ngroups = [\"staff\"]\nserver = \"web1\"\nservice = \"cpaneld\"\nexpect = \"allow\"\n";
    house.write("tests.toml", test);
    (house, [(EXPLAIN, 1), (MATRIX, 0), (DIFF, 2), (TEST, 1)])
}

#[test]
fn a_reader_that_stops_reading_changes_no_answer() {
    let (house, commands) = house();
    for (arguments, code) in commands {
        let mut child = house.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn the_environment_or_an_argument_names_the_configuration() {
    let (house, commands) = house();
    for (arguments, code) in commands {
        assert_eq!(house.run(arguments).code, code, "{arguments:?}");
        let mut elsewhere = house.command(arguments);
        elsewhere.env_remove("PANELGATE_CONFIG");
        if arguments != DIFF {
            elsewhere.args(["--config", "panelgate.toml"]);
        }
        assert_eq!(elsewhere.output().unwrap().status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn problems_of_the_directory_are_messages_and_exit_with_78() {
    let (house, commands) = house();
    house.replace("role_group = \"Auditors\"", "role_group = \"Auditor\"");
    for (arguments, _) in commands {
        let said = house.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (78, ""), "{said}");
        assert!(said.err.ends_with("error: the configuration has 1 problem\n"), "{said}");
    }
}

#[test]
fn every_command_tells_its_exit_codes() {
    let house = House::new();
    for command in [&["explain"][..], &["access", "matrix"], &["access", "diff"], &["access", "test"]] {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let said = house.run(&arguments);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said}");
        assert!(said.out.contains("Exit codes: 0 "), "{said}");
    }
}
