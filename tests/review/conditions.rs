//! Conditions, hops and rights in every command.

use std::fmt::Write as _;

use crate::house::House;

/// The house where Administrators may go on to customers, need a fresh sign-in from the office, and lose all of it
/// with the year.
fn house() -> House {
    let house = House::new();
    house.replace(
        "account = \"root\"\n\n[[rules]]",
        "account = \"root\"\ncustomers = [\"cpaneld\"]\nnetworks = [\"192.0.2.0/24\"]\n\
         not_before = 2026-01-01T00:00:00Z\nexpires = 2027-01-01T00:00:00Z\n\
         require = { max_age_minutes = 15, acr = [\"phr\"] }\n\n[[rules]]",
    );
    house.replace(
        "idp_groups = [\"whm-admins\"]",
        "idp_groups = [\"whm-admins\"]\nprovider = \"sso\"\nrights = [\"review_access\"]",
    );
    house
}

#[test]
fn an_explanation_for_each_of_them() {
    let house = house();
    let known = ["--at", "2026-06-01T12:00:00Z", "--from", "192.0.2.7", "--signed-in-since", "2026-06-01T11:50:00Z"];
    let mut all = String::new();
    for (name, instead, further) in [
        ("all of them met", &[][..], &["--acr", "phr"][..]),
        ("something left open", &[], &[]),
        ("too early", &["--at", "2025-12-31T23:59:59Z"], &[]),
        ("too late", &["--at", "2027-01-01T00:00:00Z"], &[]),
        ("from elsewhere", &["--from", "198.51.100.1"], &[]),
        ("of another class", &[], &["--acr", "pwd"]),
        ("signed in long ago", &["--signed-in-since", "2026-06-01T11:00:00Z"], &[]),
        ("of another provider", &[], &["--provider", "customers"]),
        ("to a customer", &[], &["--through", "root", "--service", "cpaneld", "--account", "bob"]),
        ("to a customer's mail", &[], &["--through", "root", "--service", "webmaild"]),
    ] {
        let mut arguments = vec!["explain", "--groups", "whm-admins", "--server", "web1"];
        let given = known.chunks(2).filter(|pair| pair.first() != instead.first());
        arguments.extend(given.flatten().copied());
        arguments.extend_from_slice(instead);
        arguments.extend_from_slice(further);
        writeln!(all, "=== {name}\n{}", house.run(&arguments)).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn an_explanation_for_programs() {
    let house = house();
    let mut all = String::new();
    for (format, server) in [("json", "web1"), ("csv", "web1"), ("json", "spare"), ("csv", "spare")] {
        let person = ["explain", "--groups", "whm-admins,x", "--at", "2026-06-01T12:00:00Z"];
        let arguments = [&person[..], &["--server", server, "--format", format]].concat();
        writeln!(all, "=== {format} {server}\n{}", house.run(&arguments)).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_matrix_shows_them() {
    let house = house();
    let mut all = String::new();
    for format in ["table", "csv", "json"] {
        let said = house.run(&["access", "matrix", "--role-group", "Administrators", "--format", format]);
        writeln!(all, "=== {format}\n{said}").unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_diff_says_whether_they_widen() {
    let mut all = String::new();
    for (name, old, new) in [
        ("written in another way", "2027-01-01T00:00:00Z", "2027-01-01T02:00:00+02:00"),
        ("a month longer", "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"),
        ("a month shorter", "2027-01-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("a further network", "[\"192.0.2.0/24\"]", "[\"192.0.2.0/24\", \"2001:db8::/32\"]"),
        ("a smaller network", "192.0.2.0/24", "192.0.2.0/25"),
        ("the same network in two", "[\"192.0.2.0/24\"]", "[\"192.0.2.0/25\", \"192.0.2.128/25\"]"),
        ("an older sign-in", "max_age_minutes = 15", "max_age_minutes = 60"),
        ("a further class", "[\"phr\"]", "[\"phr\", \"phrh\"]"),
        ("no strength at all", "require = { max_age_minutes = 15, acr = [\"phr\"] }\n", ""),
        ("customers' mail too", "[\"cpaneld\"]\nnetworks", "[\"cpaneld\", \"webmaild\"]\nnetworks"),
        ("another right", "\"review_access\"", "\"review_access\", \"end_sessions\""),
        ("any provider", "provider = \"sso\"\n", ""),
    ] {
        let house = house();
        house.write("old/directory.toml", &std::fs::read_to_string(house.path().join("directory.toml")).unwrap());
        house.replace(old, new);
        let said = house.run(&["access", "diff", "old/panelgate.toml", "panelgate.toml"]);
        writeln!(all, "=== {name}\n{said}").unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn directories_are_compared_without_a_main_file() {
    let house = House::new();
    let old = std::fs::read_to_string(house.path().join("directory.toml")).unwrap();
    let (servers, rest) = old.split_at(old.find("[[role_groups]]").unwrap());
    for (name, content) in [("split/servers.toml", servers), ("split/rest.toml", rest)] {
        std::fs::create_dir_all(house.path().join("split")).unwrap();
        house.write(name, content);
    }
    let mut all = String::new();
    for new in ["split", "directory.toml", "panelgate.toml", "."] {
        let said = house.run(&["access", "diff", "old/directory.toml", new]);
        writeln!(all, "=== old/directory.toml {new}\n{said}").unwrap();
    }
    house.write("split/rest.toml", &rest.replace("connect = false", "connect = true"));
    writeln!(all, "=== old split\n{}", house.run(&["access", "diff", "old", "split"])).unwrap();
    insta::assert_snapshot!(all);
}

#[test]
fn tests_suppose_them() {
    let house = house();
    let test = |more: &str| {
        format!("[[tests]]\ngroups = [\"whm-admins\"]\nserver = \"web1\"\nservice = \"whostmgrd\"\n{more}\n\n")
    };
    house.write(
        "tests.toml",
        &[
            test("expect = \"allow as root\""),
            test("at = 2027-01-01T00:00:00Z\nexpect = \"deny: expired\""),
            test("at = 2025-06-01T00:00:00Z\nexpect = \"deny: not_yet_valid\""),
            test("from = \"198.51.100.1\"\nexpect = \"deny: source_not_in_rule\""),
            test("signed_in_minutes_ago = 16\nexpect = \"deny: stronger_sign_in_needed\""),
            test("provider = \"customers\"\nexpect = \"deny: no_role_group\""),
            test("acr = \"phr\"\nat = 2026-06-01T00:00:00Z\nfrom = \"192.0.2.1\"\nexpect = \"allow\""),
            test("expect = \"deny: expired\""),
        ]
        .concat(),
    );
    let mut all = String::new();
    for format in ["table", "csv", "json"] {
        let said = house.run(&["access", "test", "tests.toml", "--format", format]);
        writeln!(all, "=== {format}\n{said}").unwrap();
    }
    insta::assert_snapshot!(all);
}
