//! `panelgate import whmcs`: from a real `MariaDB` in WHMCS's schema, and from a double of its API.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use lab::mariadb::MariaDb;
use lab::pki::Authority;
use lab::whmcs::IDENTIFIER;
use lab::whmcs::SCHEMA;
use lab::whmcs::SECRET;
use lab::whmcs::WhmcsApi;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::house::Said;

/// What the client is told, as the manual has it.
const CLIENT: [&str; 5] = ["--batch", "--raw", "--skip-column-names", "--default-character-set=utf8mb4", "whmcs"];

/// The example of WHMCS's manual (server access control): role 1 may open servers 1 and 3, role 2 only server 2; a
/// server for every role; and what cannot be carried. Passwords and access hashes must never be seen again.
const HOUSE: &str = "
    INSERT INTO tbladminroles (id, name) VALUES
        (1, 'Full Administrator'), (2, 'Sales = \"Operator\"'), (3, 'Support Operator'), (4, 'Night shift');
    INSERT INTO tbladminperms (roleid, permid) VALUES (1, 1), (1, 131), (2, 131), (3, 14), (4, 131);
    INSERT INTO tbladmins (roleid, username, password, disabled) VALUES
        (1, 'ada', 'HASH-OF-A-PASSWORD', 0), (2, 'ben', '', 0), (3, 'cleo', '', 0), (4, 'dora', '', 1);
    INSERT INTO tblservers (id, name, hostname, ipaddress, type, username, password, accesshash, secure, port, active, disabled) VALUES
        (1, 'Web 1', 'web1.hosting.example', '192.0.2.1', 'cpanel', 'root', 'ENCRYPTED-PASSWORD', 'ACCESS-HASH-1', 'on', NULL, 1, 0),
        (2, 'Web 2', 'WEB2.hosting.example', '192.0.2.2', 'cpanel', 'root', 'ENCRYPTED-PASSWORD', 'ACCESS-HASH-2', 'on', 2087, 0, 0),
        (3, 'Resellers', 'web3.hosting.example', '', 'cpanel', 'reseller', 'ENCRYPTED-PASSWORD', '', '', 2086, 0, 0),
        (4, 'Everybody''s', 'web4.hosting.example', 'not an address', 'cpanel', 'root', '', 'ACCESS-HASH-4', 'on', 0, 0, 0),
        (5, 'Old', 'old.hosting.example', '192.0.2.5', 'cpanel', 'root', '', 'ACCESS-HASH-5', 'on', NULL, 0, 1),
        (6, 'Plesk', 'plesk.hosting.example', '192.0.2.6', 'plesk', 'admin', '', 'ACCESS-HASH-6', 'on', NULL, 0, 0),
        (7, 'Number', '', '192.0.2.7', 'cpanel', 'root', '', 'ACCESS-HASH-7', 'on', NULL, 0, 0),
        (8, 'Nowhere', 'https://web8/whm', '', 'cpanel', 'root', '', 'ACCESS-HASH-8', 'on', NULL, 0, 0),
        (9, 'Twin', 'web1.hosting.example', '192.0.2.1', 'cpanel', 'other', '', 'ACCESS-HASH-9', 'on', NULL, 0, 0);
    INSERT INTO tblserversssoperms (server_id, role_id) VALUES
        (1, 1), (3, 1), (2, 2), (5, 1), (7, 99), (9, 3), (1000, 1);
    INSERT INTO tblservergroups (id, name, filltype) VALUES (1, 'Shared Hosting (EU)', 1), (2, '!!!', 1);
    INSERT INTO tblservergroupsrel (groupid, serverid) VALUES (1, 1), (1, 2), (2, 2), (1, 1000);
";

/// A main file for the directory: nothing else of it matters here.
const MAIN: &str = r#"directory = "directory.toml"
[console]
origin = "http://connect.localhost:8080"
[panels]
style = "ports"
[listen]
console_port = 8080
[[providers]]
id = "sso"
name = "Example SSO"
issuer = "https://idp.example.com"
client_id = "panelgate"
client_secret = "env:LAB_WHMCS_SECRET"
[state]
directory = "state"
[audit]
file = "audit.jsonl"
[vault]
master_key = "env:LAB_WHMCS_SECRET"
"#;

/// Everything that a person could have typed into WHMCS to break out of a document.
const HOSTILE: &str = "
    INSERT INTO tbladminroles (id, name) VALUES
        (1, 'a\\\"]\nconnect = true\n[[rules]]'), (2, 'a\\\"]\nconnect = true\n[[rules]]'), (3, ''), (4, REPEAT('é', 90)),
        (5, CONCAT('x', CHAR(27), '[2J', CHAR(0), CHAR(127), CONVERT(X'E280AE' USING utf8mb4), '\\\\'));
    INSERT INTO tbladminperms (roleid, permid) SELECT id, 131 FROM tbladminroles;
    INSERT INTO tbladmins (roleid, username) SELECT id, 'someone' FROM tbladminroles;
    INSERT INTO tblservers (id, name, hostname, ipaddress, type, username, secure, active, disabled) VALUES
        (1, CONCAT('\\\"\napi_token = \\\"file:/etc/shadow\\\"\n#', CHAR(27), '[31m'), 'whm.one.example', '::1', 'cpanel', 'root', 'on', 1, 0),
        (2, '', 'cpanel.two.example', '', 'cpanel', 'ro\not\\\"', 'on', 1, 0),
        (3, REPEAT('long ', 100), 'a.example\\\"\n[[rules]]', '192.0.2.3', 'cpanel', 'root', 'on', 1, 0),
        (4, 'web', 'web.one.example', '', 'cpanel', 'root', 'on', 1, 0),
        (5, 'web', 'web.two.example', '', 'cpanel', 'root', 'on', 1, 0),
        (6, 'web', 'web.two.example', '', 'cpanel', 'root', 'on', 1, 0),
        (7, 'ünïcode', '', '2001:db8::7', 'cpanel', 'root', 'on', 1, 0),
        (2147483647, '../../etc', 'last.example', '', 'cpanel', 'root', 'on', 1, 0);
";

struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_panelgate"));
        command.args(arguments).current_dir(self.path()).env("LAB_WHMCS_SECRET", SECRET);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        drop(stdin.write_all(input.as_bytes()).await);
        drop(stdin);
        Said::from(child.wait_with_output().await.unwrap())
    }
}

/// A database with these rows, and what it answers to the query that the program prints.
async fn asked(desk: &Desk, rows: &str) -> MariaDb {
    let database = MariaDb::start().await.unwrap();
    database.ask("CREATE DATABASE whmcs CHARACTER SET utf8mb4").await.unwrap();
    // As WHMCS sets it: what is left out is empty.
    database.client(&CLIENT, &format!("SET sql_mode = ''; {SCHEMA} {rows}")).await.unwrap();
    let query = desk.run(&["import", "whmcs", "--print-query"], "").await;
    assert_eq!(query.code, 0, "{query}");
    let answer = database.client(&CLIENT, &query.out).await.unwrap();
    fs::write(desk.path().join("whmcs.jsonl"), answer).unwrap();
    database
}

const IMPORT: [&str; 4] = ["import", "whmcs", "--database", "whmcs.jsonl"];

async fn import(desk: &Desk, more: &[&str]) -> Said {
    desk.run(&[&IMPORT, more].concat(), "").await
}

#[tokio::test]
async fn servers_roles_and_access_come_out_of_the_database() {
    let desk = Desk::new();
    let database = asked(&desk, HOUSE).await;
    // Nothing that opens anything has left the database.
    let answer = desk.read("whmcs.jsonl");
    for secret in ["ACCESS-HASH", "ENCRYPTED-PASSWORD", "HASH-OF-A-PASSWORD", "ada"] {
        assert!(!answer.contains(secret), "{secret}: {answer}");
    }
    let mut all = String::new();
    let roles = ["--role", "Full Administrator=whm-admins", "--role", "Sales = \"Operator\"=cn=sales,dc=example"];
    let said = import(&desk, &[&roles, ["--role", "1=oncall"].as_slice(), &["--out", "fleet"]].concat()).await;
    write!(all, "{said}\n=== fleet/directory.toml\n{}", desk.read("fleet/directory.toml")).unwrap();
    let diff = ["access", "diff", "fleet/whmcs.toml", "fleet/directory.toml"];
    let narrowed = desk.run(&diff, "").await;
    write!(all, "\n=== access diff, with a role that nobody named a group for\n{narrowed}").unwrap();
    // With a group for each role, nobody gains or loses.
    let said = import(&desk, &[&roles, ["--role", "4=whm-night"].as_slice(), &["--out", "whole"]].concat()).await;
    assert_eq!(said.code, 1, "{said}");
    let same = desk.run(&["access", "diff", "whole/whmcs.toml", "whole/directory.toml"], "").await;
    write!(all, "\n=== access diff, with groups for all\n{same}").unwrap();
    // Old reach against new, role by role, once somebody takes root from the sales people.
    let edited = desk.read("whole/directory.toml");
    let (before, sales) = edited.split_once("[[rules]]\nrole_group = \"Sales").unwrap();
    let sales = sales.replacen("account = \"root\"", "account = \"sales\"", 1);
    fs::write(desk.path().join("whole/directory.toml"), format!("{before}[[rules]]\nrole_group = \"Sales{sales}"))
        .unwrap();
    let changed = desk.run(&["access", "diff", "whole/whmcs.toml", "whole/directory.toml"], "").await;
    write!(all, "\n=== access diff, after sales became a reseller\n{changed}").unwrap();
    insta::assert_snapshot!(all);
    // With a main file that has a vault, it is all that a gateway needs.
    fs::write(desk.path().join("fleet/panelgate.toml"), MAIN).unwrap();
    let said = desk.run(&["check", "--config", "fleet/panelgate.toml"], "").await;
    assert!(said.code == 0 && !said.err.contains("error"), "{said}");
    // The documented example, asked of what came out.
    for (group, server, expected) in [
        ("whm-admins", "web1", 0),
        ("oncall", "web3", 0),
        ("whm-admins", "web2", 1),
        ("cn=sales,dc=example", "web2", 0),
        ("cn=sales,dc=example", "web3", 1),
        ("whm-admins", "web4", 0),
        ("cn=sales,dc=example", "web4", 0),
        ("(no group is named yet for role 4 of WHMCS)", "web4", 1),
    ] {
        let question = ["explain", "--config", "fleet/directory.toml", "--group", group, "--server", server];
        let said = desk.run(&question, "").await;
        assert_eq!(said.code, expected, "{group} {server}: {said}");
    }
    // As programs read it; and what is there already stays as it is.
    let said = import(&desk, &["--format", "json", "--out", "third"]).await;
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["roles"][0]["servers_before"], 3);
    assert_eq!(report["roles"][0]["servers_now"], 0);
    let said = import(&desk, &["--out", "third"]).await;
    assert!(said.code == 70 && said.err.contains("cannot make the folder third"), "{said}");
    // Without --raw the client doubles backslashes: that is seen, and not guessed at.
    let query = desk.run(&["import", "whmcs", "--print-query"], "").await.out;
    let escaped = ["--batch", "--skip-column-names", "--default-character-set=utf8mb4", "whmcs"];
    fs::write(desk.path().join("escaped.jsonl"), database.client(&escaped, &query).await.unwrap()).unwrap();
    let said = desk.run(&["import", "whmcs", "--database", "escaped.jsonl", "--out", "fourth"], "").await;
    assert!(said.code == 70 && said.err.contains("run it with --batch --raw"), "{said}");
    // An answer that broke off would open servers to everybody.
    let lines: Vec<&str> = answer.lines().filter(|line| !line.contains("\"permission\"")).collect();
    fs::write(desk.path().join("broken.jsonl"), lines.join("\n")).unwrap();
    let said = desk.run(&["import", "whmcs", "--database", "broken.jsonl", "--out", "fourth"], "").await;
    assert!(said.code == 70 && said.err.contains("is not whole") && !desk.path().join("fourth").exists(), "{said}");
    // A role that WHMCS does not have.
    let said = import(&desk, &["--role", "Administrator=x", "--out", "fourth"]).await;
    assert!(said.code == 64 && said.err.contains("there is no such role; there are Full Administrator"), "{said}");
}

#[tokio::test]
async fn no_name_breaks_out_of_the_document() {
    let desk = Desk::new();
    let _database = asked(&desk, HOSTILE).await;
    let said = import(&desk, &["--account", "root", "--out", "fleet"]).await;
    let directory = desk.read("fleet/directory.toml");
    insta::assert_snapshot!(format!("{said}\n=== fleet/directory.toml\n{directory}"));
    assert!(!directory.contains("/etc/shadow\"\n") && directory.matches("[[rules]]\nrole_group").count() == 0);
    // Nobody may connect before somebody has named a group.
    assert_eq!(directory.matches("\nconnect = false\n").count(), 5);
    assert_eq!(directory.matches("\nconnect = true\n").count(), 0);
    let matrix = desk.run(&["access", "matrix", "--config", "fleet/directory.toml", "--format", "csv"], "").await;
    assert_eq!((matrix.code, matrix.out.lines().count()), (0, 1), "{matrix}");
}

fn listed() -> Value {
    json!([
        {"id": 3, "name": "Web 3", "hostname": "web3.hosting.example", "ipaddress": "192.0.2.3", "active": true,
            "activeServices": 12, "maxAllowedServices": 200, "percentUsed": 6, "module": "cpanel", "status": null},
        {"id": "4", "name": "Web 4", "hostname": "web4.hosting.example", "ipaddress": "", "active": "0", "module": "cpanel"},
        {"id": 5, "name": "Plesk", "hostname": "plesk.hosting.example", "ipaddress": "192.0.2.5", "active": 1, "module": "plesk"},
    ])
}

#[tokio::test]
async fn servers_come_out_of_the_api_and_nothing_shows_the_secret() {
    let desk = Desk::new();
    let authority = Authority::new().unwrap();
    let api = WhmcsApi::start(&authority).await.unwrap();
    api.list(listed());
    let at = api.url();
    fs::write(desk.path().join("ca.pem"), authority.pem()).unwrap();
    fs::write(desk.path().join("identifier"), IDENTIFIER).unwrap();
    let place = ["import", "whmcs", "--api", &at, "--account", "root"];
    let run = async |more: &[&str], input: &str| {
        let said = desk.run(&[&place, more].concat(), input).await;
        for secret in [IDENTIFIER, SECRET] {
            assert!(!said.out.contains(secret) && !said.err.contains(secret), "{said}");
        }
        said
    };
    let references = ["--ca-file", "ca.pem", "--identifier", "file:identifier", "--secret", "env:LAB_WHMCS_SECRET"];
    let with = |more: &[&'static str]| [&references, more].concat();
    let said = run(&with(&["--out", "fleet"]), "").await;
    insta::assert_snapshot!(format!("{said}\n=== fleet/directory.toml\n{}", desk.read("fleet/directory.toml")));
    assert!(!desk.path().join("fleet/whmcs.toml").exists());
    // Asked for, they are two lines of standard input.
    let both = format!("{IDENTIFIER}\n{SECRET}\n");
    let said = run(&["--ca-file", "ca.pem", "--out", "asked"], &both).await;
    assert_eq!((said.code, desk.read("asked/directory.toml")), (1, desk.read("fleet/directory.toml")), "{said}");
    // They are never arguments, and what was taken for one is not repeated.
    let said = run(&["--ca-file", "ca.pem", "--secret", SECRET, "--out", "no"], &both).await;
    assert!(said.code == 70 && said.err.contains("write file:PATH, env:NAME"), "{said}");
    let said = run(&["--out", "no"], &both).await;
    assert!(said.code == 70 && said.err.contains("WHMCS does not answer"), "no authority vouches: {said}");
    assert_eq!(api.forms().len(), 2, "nothing was sent to a stranger");
    let said = run(&["--ca-file", "ca.pem", "--out", "no"], "someone\nelse\n").await;
    assert!(said.err.contains("WHMCS refused (status 403): Authentication Failed"), "{said}");
    api.want_access_key("lab-access-key");
    let said = run(&with(&["--out", "no"]), "").await;
    assert!(said.err.contains("WHMCS refused (status 403): Invalid IP 127.0.0.1"), "{said}");
    fs::write(desk.path().join("key"), "lab-access-key").unwrap();
    assert_eq!(run(&with(&["--access-key", "file:key", "--out", "key-out"]), "").await.code, 1);
    for (status, body, expected) in [
        (307, "", "what answers at this address is not WHMCS's API (status 307)"),
        (200, "<!doctype html>", "is not WHMCS's API (status 200)"),
        (200, r#"{"result":"error","message":"no\u001b[2J"}"#, "WHMCS refused (status 200): no[2J"),
        (200, r#"{"result":"success","servers":[{"id":-1}]}"#, "is not WHMCS's API"),
        (200, r#"{"result":"success","servers":[{"id":1},{"id":"1"}]}"#, "there are two servers with the id 1"),
    ] {
        api.answer(status, body);
        let said = run(&with(&["--out", "no"]), "").await;
        assert!(said.code == 70 && said.err.contains(expected), "{expected}: {said}");
    }
    api.answer(200, &format!("\"{}\"", "x".repeat(17 * 1024 * 1024)));
    let said = run(&with(&["--out", "no"]), "").await;
    assert!(said.err.contains("longer than 16 MiB") && !desk.path().join("no").exists(), "{said}");
    let said =
        desk.run(&["import", "whmcs", "--api", "http://127.0.0.1/", "--account", "root", "--out", "no"], &both).await;
    assert!(said.err.contains("has to begin with https"), "{said}");
}
