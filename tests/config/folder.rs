//! The directory as a folder of files, and the rules of it beside each other.

use std::fmt::Write as _;
use std::fs;

use panelgate::config::Config;

use crate::site::DIRECTORY;
use crate::site::Site;

/// A site whose directory is the folder `directory`: servers, people and rules in files of their own.
fn site() -> Site {
    let site = Site::new();
    site.replace("panelgate.toml", "directory = \"directory.toml\"", "directory = \"directory\"");
    let (servers, others) = DIRECTORY.split_at(DIRECTORY.find("[[role_groups]]").unwrap());
    let (people, rules) = others.split_at(others.find("[[rules]]").unwrap());
    let secrets = |text: &str| text.replace("file:token", "file:../token").replace("\"chain.pem\"", "\"../chain.pem\"");
    site.write("directory/20-people.toml", people);
    site.write("directory/10-servers.toml", secrets(servers));
    site.write("directory/rules.toml", rules);
    site
}

#[test]
fn a_folder_counts_as_one_document() {
    let site = site();
    // What an editor leaves behind and what is no TOML is not read.
    site.write("directory/.#rules.toml", "garbage");
    site.write("directory/README.md", "garbage");
    assert_eq!(site.said(), "");
    let directory = site.load().unwrap().directory;
    assert_eq!(directory.servers.len(), 2);
    assert_eq!(directory.rules[0].source.to_string(), "directory/rules.toml:1");
    assert_eq!(directory.servers.values().next_back().unwrap().source.to_string(), "directory/10-servers.toml:1");
    let alone = Config::directory_only(&site.path().join("directory")).unwrap();
    assert_eq!(alone.version, directory.version, "without a main file too");
    let in_folder = Config::directory_only(site.path()).unwrap();
    assert_eq!(in_folder.version, directory.version, "the main file of a folder is found");
}

#[test]
fn each_file_counts_for_the_version_and_for_the_next_look() {
    let site = site();
    let before = site.load().unwrap();
    assert!(before.sources.contains(&site.path().join("directory")), "files that come are noticed");
    assert!(before.sources.contains(&site.path().join("directory/rules.toml")));
    site.write("directory/30-nothing.toml", "# a comment\n");
    let more = site.load().unwrap();
    assert_ne!(more.directory.version, before.directory.version);
    fs::remove_file(site.path().join("directory/30-nothing.toml")).unwrap();
    assert_eq!(site.load().unwrap().directory.version, before.directory.version);
}

/// Something that is done to a good site.
type Spoil<'s> = &'s dyn Fn(&Site);

#[test]
fn what_is_wrong_is_told_with_its_file() {
    let mut all = String::new();
    let name_of = |text: &str| text.replace("\"web1\"", "\"web9\"");
    let cases: [(&str, Spoil<'_>); 8] = [
        ("a server twice", &|site| {
            let servers = fs::read_to_string(site.path().join("directory/10-servers.toml")).unwrap();
            let first = servers.split("[[servers]]").nth(1).unwrap();
            site.write("directory/15-more.toml", format!("[[servers]]{first}"));
        }),
        ("a role group twice", &|site| {
            let people = fs::read_to_string(site.path().join("directory/20-people.toml")).unwrap();
            site.write("directory/21-people.toml", people);
        }),
        ("a reference to nothing", &|site| {
            let rules = fs::read_to_string(site.path().join("directory/rules.toml")).unwrap();
            site.write("directory/rules.toml", name_of(&rules));
        }),
        ("a misspelt section", &|site| site.write("directory/x.toml", "[[rule]]\nrole_group = \"Support\"\n")),
        ("two broken files", &|site| {
            site.write("directory/x.toml", "[[rules]\n");
            site.write("directory/y.toml", "= 1\n");
        }),
        ("no text", &|site| site.write("directory/x.toml", b"# \xff\n")),
        ("no file", &|site| {
            fs::remove_dir_all(site.path().join("directory"))
                .and_then(|()| fs::create_dir(site.path().join("directory")))
                .unwrap();
        }),
        ("no folder", &|site| fs::remove_dir_all(site.path().join("directory")).unwrap()),
    ];
    for (name, spoil) in cases {
        let site = site();
        spoil(&site);
        writeln!(all, "=== {name}\n{}", site.said().trim_end()).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn rules_that_add_nothing_or_overlap() {
    let mut all = String::new();
    let rule = |more: &str| {
        format!("[[rules]]\nrole_group = \"Support\"\nservers = [\"web1\"]\naccount = \"support\"\n{more}\n")
    };
    for (name, rules) in [
        ("the same twice", vec!["services = [\"whostmgrd\"]", "services = [\"whostmgrd\"]"]),
        (
            "a part of a later one",
            vec!["services = [\"whostmgrd\"]\nnetworks = [\"10.1.0.0/16\"]", "services = [\"whostmgrd\", \"cpaneld\"]"],
        ),
        (
            "a narrower condition in each",
            vec![
                "services = [\"whostmgrd\"]\nnetworks = [\"10.1.0.0/16\"]",
                "services = [\"whostmgrd\"]\nrequire = { max_age_minutes = 15 }",
            ],
        ),
        (
            "a stricter sign-in beside a weaker one",
            vec![
                "services = [\"whostmgrd\"]\nrequire = { max_age_minutes = 15, acr = [\"a\", \"b\"] }",
                "services = [\"whostmgrd\"]\nrequire = { max_age_minutes = 5, acr = [\"a\"] }",
            ],
        ),
        ("expired", vec!["services = [\"whostmgrd\"]", "services = [\"cpaneld\"]\nexpires = 2020-01-01T00:00:00Z"]),
        (
            "times that overlap",
            vec![
                "services = [\"whostmgrd\"]\nexpires = 2099-02-01T00:00:00Z",
                "services = [\"whostmgrd\"]\nnot_before = 2099-01-01T00:00:00Z\nexpires = 2099-03-01T00:00:00Z",
            ],
        ),
        (
            "times that meet",
            vec![
                "services = [\"whostmgrd\"]\nexpires = 2099-02-01T00:00:00Z",
                "services = [\"whostmgrd\"]\nnot_before = 2099-02-01T00:00:00Z\nexpires = 2099-03-01T00:00:00Z",
            ],
        ),
    ] {
        let site = Site::new();
        let (others, _) = DIRECTORY.split_once("[[rules]]").unwrap();
        let rules: Vec<String> = rules.iter().map(|more| rule(more)).collect();
        site.write("directory.toml", format!("{others}{}", rules.concat()));
        writeln!(all, "=== {name}\n{}", site.said().trim_end()).unwrap();
    }
    insta::assert_snapshot!(all);
}
