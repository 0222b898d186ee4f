//! `panelgate access matrix`.

use crate::house::House;

fn matrix(arguments: &[&str]) -> String {
    let all: Vec<&str> = ["access", "matrix"].into_iter().chain(arguments.iter().copied()).collect();
    House::new().run(&all).to_string()
}

#[test]
fn all_of_it() {
    insta::assert_snapshot!(matrix(&[]));
}

#[test]
fn who_reaches_a_server() {
    insta::assert_snapshot!(matrix(&["--server", "web1"]), @r"
    ROLE GROUP      IDP GROUPS                    SERVER  SERVICE    ACCOUNT  WHEN    WRITTEN AT
    Administrators  whm-admins                    web1    whostmgrd  root     always  directory.toml:58
    Administrators  whm-admins                    web1    cpaneld    root     always  directory.toml:58
    Support         whm-support, whm-night-shift  web1    whostmgrd  support  always  directory.toml:64, 70
    Support         whm-support, whm-night-shift  web1    webmaild   support  always  directory.toml:70
    exit 0
    ");
    insta::assert_snapshot!(matrix(&["--server", "spare"]), @r"
    ROLE GROUP  IDP GROUPS  SERVER  SERVICE  ACCOUNT  WHEN  WRITTEN AT
    exit 0
    ");
}

#[test]
fn what_a_role_group_reaches() {
    insta::assert_snapshot!(matrix(&["--role-group", "Support"]), @r"
    ROLE GROUP  IDP GROUPS                    SERVER   SERVICE    ACCOUNT  WHEN    WRITTEN AT
    Support     whm-support, whm-night-shift  sandbox  cpaneld    demo     always  directory.toml:28
    Support     whm-support, whm-night-shift  sandbox  webmaild   demo     always  directory.toml:28
    Support     whm-support, whm-night-shift  web1     whostmgrd  support  always  directory.toml:64, 70
    Support     whm-support, whm-night-shift  web1     webmaild   support  always  directory.toml:70
    exit 0
    ");
    insta::assert_snapshot!(matrix(&["--role-group", "Auditors"]), @r"
    ROLE GROUP  IDP GROUPS  SERVER  SERVICE  ACCOUNT  WHEN  WRITTEN AT
    exit 0
    ");
}

#[test]
fn as_csv() {
    insta::assert_snapshot!(matrix(&["--format", "csv"]));
}

#[test]
fn as_json() {
    insta::assert_snapshot!(matrix(&["--format", "json", "--server", "web1"]));
    let said = House::new().run(&["access", "matrix", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document.get("access").unwrap().as_array().unwrap().len(), 12);
}

#[test]
fn as_a_page() {
    insta::assert_snapshot!(matrix(&["--format", "html", "--date", "2026-07-01"]));
}

#[test]
fn the_page_of_one_server_or_role_group_shows_nothing_else() {
    let one = matrix(&["--format", "html", "--date", "2026-07-01", "--server", "web1"]);
    for (text, is_shown) in [("Administrators", true), ("web2", false), ("&#38;D", false), ("Auditors", false)] {
        assert_eq!(one.contains(text), is_shown, "{text}");
    }
    let one = matrix(&["--format", "html", "--date", "2026-07-01", "--role-group", "Auditors"]);
    for (text, is_shown) in [("Opens no server.", true), ("may not connect", true), ("web1", false), ("Support", false)]
    {
        assert_eq!(one.contains(text), is_shown, "{text}");
    }
}

#[test]
fn the_page_is_one_file_without_scripts() {
    let page = matrix(&["--format", "html", "--date", "2026-07-01"]);
    for never in ["<script", "<link", "<img", "src=", "href=", "url(", "@import", "javascript:", "<shared>", "<lab>"] {
        assert!(!page.contains(never), "{never}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn wrong_arguments_exit_with_64() {
    let house = House::new();
    for (arguments, told) in [
        (&["--server", "web11"][..], "error: the directory has no server `web11`; did you mean `web1`?\n"),
        (&["--role-group", "support"], "error: the directory has no role group `support`; did you mean `Support`?\n"),
        (&["--role-group", "Sales"], "error: the directory has no role group `Sales`\n"),
        (&["--role-group", ""], "error: the directory has no role group ``\n"),
        (&["--server", "web1", "--role-group", "Support"], "cannot be used with"),
        (&["--format", "html"], "--date <DATE>"),
        (&["--format", "html", "--date", "soon"], "invalid value 'soon'"),
        (&["--format", "xml"], "[possible values: table, json, csv, html]"),
        (&["--date", "2026-07-01"], "error: only the page of --format html bears a --date\n"),
    ] {
        let all: Vec<&str> = ["access", "matrix"].into_iter().chain(arguments.iter().copied()).collect();
        let said = house.run(&all);
        assert_eq!((said.code, said.out.as_str()), (64, ""), "{said}");
        assert!(said.err.contains(told), "{said}");
    }
}
