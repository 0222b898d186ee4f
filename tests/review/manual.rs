//! `docs/access.md` shows what the program really says, and the tests in `config/` pass.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// The examples of `config/`, as on the main branch and with the change that the manual reviews.
fn checkouts() -> TempDir {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    for checkout in ["main", "change"] {
        fs::create_dir(folder.path().join(checkout)).unwrap();
        for name in ["panelgate.toml", "directory.toml", "access-tests.toml"] {
            fs::copy(root.join("config").join(name), folder.path().join(checkout).join(name)).unwrap();
        }
    }
    let changed = folder.path().join("change/directory.toml");
    let directory = fs::read_to_string(&changed).unwrap();
    let (old, new) = ("servers = [\"web1\"]", "server_tags = [\"prod\"]");
    assert_eq!(directory.matches(old).count(), 1);
    fs::write(&changed, directory.replace(old, new)).unwrap();
    folder
}

/// What a shell says to a line, in the checkout of the main branch.
fn said(folder: &TempDir, line: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_panelgate")).parent().unwrap();
    let path = format!("{}:{}", program.display(), env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec 2>&1; {line}")]).current_dir(folder.path().join("main")).env("PATH", path);
    String::from_utf8(shell.output().unwrap().stdout).unwrap()
}

fn manual() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/access.md")).unwrap()
}

#[test]
fn the_defaults_of_whmcs_connect_are_two_lines() {
    let manual = manual();
    let (_, section) = manual.split_once("### Coming from WHMCS Connect").unwrap();
    let (_, block) = section.split_once("```toml\n").unwrap();
    let folder = checkouts();
    fs::write(folder.path().join("main/directory.toml"), block.split("```").next().unwrap()).unwrap();
    for (group, expected) in [("whmcs-full-administrators", "allowed: web1"), ("whmcs-sales", "denied: web1")] {
        let said = said(&folder, &format!("panelgate explain --config panelgate.toml --groups {group} --server web1"));
        assert!(said.starts_with(expected), "{group}: {said}");
    }
}

#[test]
fn the_manual_shows_what_the_program_says() {
    let (manual, folder) = (manual(), checkouts());
    let (mut shown, mut real, mut commands) = (String::new(), String::new(), 0);
    for block in manual.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        shown.push_str(block);
        for line in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
            commands += 1;
            write!(real, "$ {line}\n{}", said(&folder, line)).unwrap();
        }
    }
    assert!(commands > 5, "the manual shows commands");
    assert_eq!(shown, real);
}

#[test]
fn the_example_tests_pass_on_the_example_directory() {
    let said = said(&checkouts(), "panelgate access test --config panelgate.toml access-tests.toml; echo $?");
    assert_eq!(said, "5 tests passed\n0\n");
}
