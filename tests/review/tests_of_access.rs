//! `panelgate access test`.

use std::fmt::Write as _;

use crate::house::House;

const GOOD: &str = r#"[[tests]]
groups = ["whm-support"]
server = "web1"
service = "whostmgrd"
account = "support"
expect = "allow"

[[tests]]
groups = ["whm-support"]
server = "web1"
service = "whostmgrd"
expect = "allow as support"

[[tests]]
groups = ["whm-support", "whm-admins"]
server = "web1"
service = "whostmgrd"
expect = "allow as root, support"

[[tests]]
groups = ["auditors"]
server = "web2"
service = "whostmgrd"
expect = "deny: no_connect_permission"

[[tests]]
groups = []
server = "no-such-server"
service = "cpaneld"
expect = "deny"
"#;

#[test]
fn what_passes() {
    let house = House::new();
    house.write("tests.toml", GOOD);
    house.write("more.toml", GOOD);
    insta::assert_snapshot!(house.run(&["access", "test", "tests.toml"]), @r"
    5 tests passed
    exit 0
    ");
    insta::assert_snapshot!(house.run(&["access", "test", "tests.toml", "more.toml"]), @r"
    10 tests passed
    exit 0
    ");
}

#[test]
fn what_fails() {
    let house = House::new();
    let failing = GOOD
        .replace("account = \"support\"\nexpect = \"allow\"", "account = \"root\"\nexpect = \"allow\"")
        .replace("allow as root, support", "allow as support")
        .replace("deny: no_connect_permission", "deny: no_rule_for_server")
        .replace("expect = \"deny\"", "expect = \"allow as root\"");
    house.write("tests.toml", &failing);
    insta::assert_snapshot!(house.run(&["access", "test", "tests.toml"]));
}

#[test]
fn files_that_are_no_tests() {
    let house = House::new();
    let mut all = String::new();
    for (name, old, new) in [
        ("misspelt key", "account = \"support\"", "acount = \"support\""),
        ("missing key", "expect = \"allow\"\n", ""),
        ("unknown service", "service = \"cpaneld\"", "service = \"cpanel\""),
        ("no server's id", "\"no-such-server\"", "\"No Server\""),
        ("expectation", "expect = \"deny\"", "expect = \"denied\""),
        ("expectation of a misspelt reason", "no_connect_permission", "no_connect"),
        ("expectation of no account", "allow as support", "allow as a b"),
        ("no groups", "groups = []", "groups = \"\""),
        ("empty group", "[\"auditors\"]", "[\"\"]"),
        ("other sections", "groups = []", "groups = []\n[rules]"),
    ] {
        assert_eq!(GOOD.matches(old).count(), 1, "{old:?} stands once");
        house.write("tests.toml", &GOOD.replace(old, new));
        writeln!(all, "=== {name}\n{}", house.run(&["access", "test", "tests.toml"])).unwrap();
    }
    for (name, text) in [("nothing", ""), ("no TOML", "[[tests]\n")] {
        house.write("tests.toml", text);
        writeln!(all, "=== {name}\n{}", house.run(&["access", "test", "tests.toml"])).unwrap();
    }
    writeln!(all, "=== no file\n{}", house.run(&["access", "test", "none.toml"])).unwrap();
    insta::assert_snapshot!(all);
}

#[test]
fn problems_of_all_files_and_the_directory_are_shown_at_once() {
    let house = House::new();
    house.replace("role_group = \"Auditors\"", "role_group = \"Auditor\"");
    house.write("good.toml", GOOD);
    let said = house.run(&["access", "test", "good.toml", "one.toml", "two.toml"]);
    assert_eq!((said.code, said.out.as_str()), (78, ""), "{said}");
    for told in ["did you mean `Auditors`?", "one.toml", "two.toml"] {
        assert!(said.err.contains(told), "{said}");
    }
    assert_eq!(house.run(&["access", "test"]).code, 64);
}
