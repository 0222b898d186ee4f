//! `panelgate explain`.

use std::fmt::Write as _;

use crate::house::House;

/// The answer to each question, headed by the question.
fn answers(house: &House, questions: &[&[&str]]) -> String {
    let mut all = String::new();
    for question in questions {
        let mut arguments = vec!["explain"];
        arguments.extend_from_slice(question);
        writeln!(all, "$ panelgate {}\n{}", arguments.join(" "), house.run(&arguments)).unwrap();
    }
    all
}

#[test]
fn what_is_allowed() {
    let said = answers(
        &House::new(),
        &[
            &["--groups", "whm-support", "--server", "web1", "--service", "whostmgrd", "--account", "support"],
            &["--groups", "whm-support,whm-night-shift,staff", "--server", "web1"],
            &["--groups", "whm-support", "--groups", "whm-admins", "--server", "web1", "--service", "whostmgrd"],
            &["--groups", "whm-support", "--server", "sandbox", "--account", "demo"],
            &["--group", "CN=dev,OU=\"R&D\"", "--server", "sandbox", "--service", "webmaild"],
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn what_is_denied_for_each_reason() {
    let said = answers(
        &House::new(),
        &[
            &["--groups", "staff", "--server", "web1", "--service", "whostmgrd", "--account", "support"],
            &["--groups", "staff", "--server", "web11"],
            &["--groups", "auditors", "--server", "web2", "--service", "whostmgrd"],
            &["--groups", "auditors", "--server", "web1", "--service", "whostmgrd", "--account", "audit"],
            &["--groups", "whm-support", "--server", "web11", "--service", "whostmgrd"],
            &["--groups", "whm-support", "--server", "web2", "--service", "whostmgrd", "--account", "root"],
            &["--groups", "whm-support", "--server", "spare"],
            &["--groups", "whm-support", "--server", "web1", "--service", "cpaneld", "--account", "support"],
            &["--groups", "whm-support", "--server", "web1", "--service", "whostmgrd", "--account", "root"],
            &["--groups", "whm-support", "--server", "sandbox", "--service", "whostmgrd"],
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn a_group_cannot_command_the_terminal() {
    let said = House::new().run(&["explain", "--group", "\u{1b}[2J\u{202e}x", "--server", "sandbox"]);
    assert!(said.out.contains("none through \\u{1b}[2J\\u{202e}x, which no role group lists"), "{said}");
    // The directory has such a group too.
    assert!(said.out.contains("\\u{1b}[31mred (R&D <lab>)"), "{said}");
}

#[test]
fn of_many_role_groups_the_first_are_named() {
    let house = House::new();
    let mut more = std::fs::read_to_string(house.path().join("directory.toml")).unwrap();
    for number in 10..30 {
        write!(more, "[[role_groups]]\nname = \"Group {number}\"\nidp_groups = [\"g{number}\"]\nconnect = true\n")
            .unwrap();
    }
    house.write("directory.toml", &more);
    let said = house.run(&["explain", "--groups", "staff", "--server", "sandbox"]);
    assert!(said.out.contains("or g18 (Group 18) or one of 13 more\n"), "{said}");
}

#[test]
fn wrong_arguments_exit_with_64() {
    let house = House::new();
    for (arguments, told) in [
        (&["explain", "--server", "web1"][..], "--groups"),
        (&["explain", "--groups", "staff"], "--server"),
        (&["explain", "--groups", "staff", "--server", "Web_1"], "only lower-case letters"),
        (&["explain", "--groups", "staff", "--server", "web1", "--service", "whm"], "whostmgrd, cpaneld, webmaild"),
        (&["explain", "--groups", "staff", "--server", "web1", "--account", "a b"], "only letters, digits"),
    ] {
        let said = house.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (64, ""), "{said}");
        assert!(said.err.contains(told), "{said}");
    }
}
