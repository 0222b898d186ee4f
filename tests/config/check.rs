//! `panelgate check`, by the real program.

use std::fmt::Write as _;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use crate::site::Site;

fn panelgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_panelgate"));
    command.args(arguments).env_remove("PANELGATE_CONFIG");
    command
}

fn check(site: &Site) -> Output {
    panelgate(&["check", "--config"]).arg(site.main_file()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_good_configuration_shows_its_posture() {
    let site = Site::new();
    site.replace("directory.toml", "account = \"demo\"", "account = \"root\"");
    site.replace(
        "directory.toml",
        "[[rules]]",
        "[[role_groups]]\nname = \"Guests\"\nidp_groups = [\"guests\"]\nconnect = false\n[[rules]]",
    );
    let spare = r#"[[servers]]
id = "spare"
host = "spare.hosting.example"
address = "192.0.2.7"
trust = { pins = ["sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="] }
api_account = "root"
api_token = "file:token"
access = "restricted"
[[role_groups]]
name = "Support""#;
    site.replace("directory.toml", "[[role_groups]]\nname = \"Support\"", spare);
    site.replace("panelgate.toml", "[log]", "[store]\npostgres = \"file:secret\"\nserver_key = \"file:secret\"\n[operations]\naddress = \"127.0.0.1:9090\"\n[balancer]\naddresses = [\"192.0.2.10\", \"2001:db8::/64\"]\nclient = \"x_forwarded_for\"\n[log]");
    let output = check(&site);
    assert_eq!(output.status.code(), Some(0));
    let posture = site.without_folder(&text(&output.stdout));
    insta::assert_snapshot!("posture", posture);
    let warnings = site.without_folder(&text(&output.stderr));
    insta::assert_snapshot!("warnings", warnings);
}

#[test]
fn the_other_style_and_clear_text_show_too() {
    let site = Site::new();
    site.replace("panelgate.toml", "https://connect.example.com", "http://connect.localhost:8080");
    site.replace("panelgate.toml", "[tls]\ncertificates = [{ chain = \"chain.pem\", key = \"key.pem\" }]\n", "");
    site.replace("panelgate.toml", "\"ports\"", "\"hosts\"");
    site.write("directory.toml", "");
    let output = check(&site);
    assert_eq!(output.status.code(), Some(0));
    let posture = site.without_folder(&text(&output.stdout));
    insta::assert_snapshot!("posture_of_a_trial", posture);
}

#[test]
fn problems_are_messages_and_exit_with_78() {
    let site = Site::new();
    site.replace("panelgate.toml", "issuer =", "isuer =");
    for command in ["check", "serve"] {
        let output = panelgate(&[command, "--config"]).arg(site.main_file()).output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{command}");
        assert_eq!(text(&output.stdout), "");
        let said = text(&output.stderr);
        assert!(said.contains("panelgate.toml:13:1"), "{said}");
        assert!(said.contains("did you mean `issuer`?"), "{said}");
        assert!(said.ends_with("error: the configuration has 2 problems\n"), "{said}");
        assert!(!said.contains('\u{1b}'), "no colours in a pipe");
    }
}

/// What programs read, with the exit code, for a configuration as it should be (with a warning) and a wrong one.
fn for_programs(format: &str) -> String {
    let site = Site::new();
    site.replace(
        "directory.toml",
        "[[rules]]",
        "[[role_groups]]\nname = \"Guests\"\nidp_groups = [\"guests, all\"]\nconnect = false\n[[rules]]",
    );
    site.replace("directory.toml", "account = \"support\"", "account = \"support\"\nexpires = 2020-01-01T00:00:00Z");
    let mut found = String::new();
    for issuer in ["issuer =", "isuer ="] {
        if issuer != "issuer =" {
            site.replace("panelgate.toml", "issuer =", issuer);
        }
        let output = panelgate(&["check", "--format", format, "--config"]).arg(site.main_file()).output().unwrap();
        assert_eq!(text(&output.stderr), "", "all of it is the result");
        writeln!(found, "{}exit {}", text(&output.stdout), output.status.code().unwrap()).unwrap();
    }
    site.without_folder(&found)
}

#[test]
fn programs_read_problems_warnings_and_posture() {
    insta::assert_snapshot!("for_programs_json", for_programs("json"));
    insta::assert_snapshot!("for_programs_csv", for_programs("csv"));
}

#[test]
fn the_environment_can_name_the_file() {
    let site = Site::new();
    let output = panelgate(&["check"]).env("PANELGATE_CONFIG", site.main_file()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn wrong_arguments_exit_with_64() {
    for arguments in [vec![], vec!["chek"], vec!["check", "--confg", "x"], vec!["check", "x"]] {
        let output = panelgate(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert_eq!(text(&output.stdout), "");
        assert!(text(&output.stderr).contains("Usage"), "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_answers() {
    for (argument, expected) in [("--help", "check"), ("--version", env!("CARGO_PKG_VERSION"))] {
        let output = panelgate(&[argument]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains(expected));
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let site = Site::new();
    let mut child = panelgate(&["check", "--config"])
        .arg(site.main_file())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
}
