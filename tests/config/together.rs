//! Many problems in two files: all of them, in order, with the right lines.

use crate::site::DIRECTORY;
use crate::site::Site;

#[test]
fn twelve_different_problems_are_reported_at_once() {
    let site = Site::new();
    for (old, new) in [
        ("https://connect.example.com", "http://connect.example.com"),
        ("style =", "stile ="),
        ("console_port = 443", "console_port = 2087"),
        ("\"key.pem\"", "\"none.pem\""),
        ("client_id = \"panelgate\"\n", ""),
        ("\"file:secret\"", "\"in clear\""),
        ("idle_minutes = 30", "idle_minutes = 0"),
        ("filter = \"info\"", "filter = 5"),
    ] {
        site.replace("panelgate.toml", old, new);
    }
    for (old, new) in [
        ("id = \"web1\"", "id = \"WEB1\""),
        ("[\"cpaneld\"]", "[]"),
        ("connect = true", "conect = true"),
        ("role_group = \"Support\"", "role_group = \"Sales\""),
    ] {
        site.replace("directory.toml", old, new);
    }
    let problems = site.load().unwrap_err();
    let found: Vec<String> = problems
        .list()
        .iter()
        .map(|p| format!("{}:{} {}", site.without_folder(&p.file), p.line.unwrap(), p.key))
        .collect();
    assert_eq!(
        found,
        [
            "panelgate.toml:3 console.origin",
            "panelgate.toml:5 panels.stile",
            "panelgate.toml:7 listen.console_port",
            "panelgate.toml:9 tls.certificates.key",
            "panelgate.toml:10 providers.client_id",
            "panelgate.toml:14 providers.client_secret",
            "panelgate.toml:16 session.idle_minutes",
            "panelgate.toml:22 log.filter",
            "directory.toml:2 servers.id",
            "directory.toml:15 servers.services",
            // A misspelt key is two problems: one key too many, and one missing.
            "directory.toml:17 role_groups.connect",
            "directory.toml:20 role_groups.conect",
            "directory.toml:22 rules.role_group",
            "directory.toml:23 rules.servers",
        ]
    );
    assert!(problems.to_string().ends_with("error: the configuration has 14 problems\n"));
}

#[test]
fn a_wrong_definition_is_not_reported_again_where_it_is_used() {
    let site = Site::new();
    site.replace("directory.toml", "id = \"web1\"\n", "id = \"web1\"\nport = 2087\n");
    site.replace("directory.toml", "connect = true", "connect = 1");
    let keys: Vec<_> = site.load().unwrap_err().list().iter().map(|p| p.key.clone()).collect();
    assert_eq!(keys, ["servers.port", "role_groups.connect"]);
}

#[test]
fn thousands_of_problems_stay_a_readable_number() {
    let site = Site::new();
    site.write("directory.toml", format!("{DIRECTORY}{}", "[[rules]]\n".repeat(2000)));
    let problems = site.load().unwrap_err();
    assert_eq!(problems.list().len(), 1000);
    assert!(problems.to_string().ends_with("and 7000 more\n\nerror: the configuration has 8000 problems\n"));
}
