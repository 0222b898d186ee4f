//! `panelgate access diff`.

use std::fmt::Write as _;

use crate::house::House;

fn diff(house: &House, format: &str) -> String {
    house.run(&["access", "diff", "old/panelgate.toml", "panelgate.toml", "--format", format]).to_string()
}

#[test]
fn each_kind_of_change() {
    let mut all = String::new();
    for (name, old, new) in [
        ("nothing", "connect = false", "connect  =  false"),
        ("other words for the same", "servers = [\"web1\"]", "server_tags = [\"eu\"]"),
        ("one of two rules that give the same", "[\"whostmgrd\", \"webmaild\"]", "[\"webmaild\"]"),
        ("a service less", "[\"whostmgrd\", \"cpaneld\"]", "[\"whostmgrd\"]"),
        ("another account", "account = \"root\"\n\n[[rules]]", "account = \"admin\"\n\n[[rules]]"),
        ("a tag more at a server", "id = \"spare\"", "id = \"spare\"\ntags = [\"prod\"]"),
        ("a tag less in a rule", "server_tags = [\"prod\", \"eu\"]", "server_tags = [\"prod\"]"),
        ("a group more", "idp_groups = [\"whm-admins\"]", "idp_groups = [\"whm-admins\", \"interns\"]"),
        ("a group less", "\"whm-support\", \"whm-night-shift\"", "\"whm-support\""),
        ("a group in a further role group", "\"whm-admins\"", "\"whm-admins\", \"whm-support\""),
        ("the connect permission", "connect = false", "connect = true"),
        (
            "an unrestricted server closes",
            "access = \"unrestricted\"\nservices = [\"cpaneld\", \"webmaild\"]\naccount = \"demo\"",
            "access = \"restricted\"",
        ),
        ("another machine", "host = \"web1.hosting.example\"", "host = \"db.hosting.example\""),
        (
            "another machine that is reached",
            "host = \"web2.hosting.example\"",
            "host = \"web2.hosting.example\"\naddress = \"192.0.2.2\"",
        ),
        ("another name of a role group", "name = \"Auditors\"", "name = \"Audit\""),
    ] {
        let house = House::new();
        if name == "another name of a role group" {
            house.replace("role_group = \"Auditors\"", "role_group = \"Audit\"");
        }
        house.replace(old, new);
        writeln!(all, "=== {name}\n{}", diff(&house, "table")).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn as_csv_and_json() {
    let house = House::new();
    house.replace("connect = false", "connect = true");
    house.replace("\"whm-support\", \"whm-night-shift\"", "\"whm-support\"");
    insta::assert_snapshot!("diff_as_csv", diff(&house, "csv"));
    insta::assert_snapshot!("diff_as_json", diff(&house, "json"));
}

#[test]
fn no_change_is_a_whole_answer_in_every_format() {
    let house = House::new();
    insta::assert_snapshot!(diff(&house, "table"), @r"
    stderr: same access: 0 gains, 0 losses
    exit 0
    ");
    insta::assert_snapshot!(diff(&house, "csv"), @r"
    change,role_groups,provider,idp_group,right,server,host,service,account,customers_of,when,written_at
    stderr: same access: 0 gains, 0 losses
    exit 0
    ");
    insta::assert_snapshot!(diff(&house, "json"), @r#"
    {
      "old_directory_version": "6435b9d62003f5fa",
      "new_directory_version": "6435b9d62003f5fa",
      "verdict": "same",
      "changes": []
    }
    stderr: same access: 0 gains, 0 losses
    exit 0
    "#);
}

#[test]
fn problems_of_both_are_messages_and_exit_with_78() {
    let house = House::new();
    house.replace("role_group = \"Auditors\"", "role_group = \"Auditor\"");
    let missing = house.run(&["access", "diff", "older/panelgate.toml", "panelgate.toml"]);
    assert_eq!((missing.code, missing.out.as_str()), (78, ""), "{missing}");
    assert!(
        missing.err.contains("older/panelgate.toml") && missing.err.contains("did you mean `Auditors`?"),
        "{missing}"
    );
    let wrong = house.run(&["access", "diff", "panelgate.toml"]);
    assert_eq!(wrong.code, 64, "{wrong}");
}
