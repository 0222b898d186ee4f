//! Public clients, written by others for the real server, against the double (`tests/clients`).
//!
//! What counts is both what a client makes of the answers, and that it really asked in its own way. They
//! know two ports only, so the double's address of its own is what makes room for them.

use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Fault;
use lab::cpsrvd::RecordedRequest;
use lab::cpsrvd::Settings;
use lab::loopback::Loopback;
use lab::pki::Authority;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Longest that a client may take.
const DEADLINE: Duration = Duration::from_mins(2);

/// A double with a certificate for its address, and a folder for the clients.
struct Bench {
    double: Cpsrvd,
    folder: TempDir,
    authority: Authority,
    _address: Loopback,
}

impl Bench {
    async fn new() -> Self {
        let address = Loopback::claim().unwrap();
        let authority = Authority::new().unwrap();
        let ip = address.ip().to_string();
        let identity = Some(authority.issue(&["web1.hosting.example", &ip]).unwrap());
        let settings = Settings { identity, ..Settings::new("web1.hosting.example", address.ip()) };
        let double = Cpsrvd::start(settings).await.unwrap();
        let folder = tempfile::Builder::new().prefix("clients-").tempdir().unwrap();
        Self { double, folder, authority, _address: address }
    }

    /// Runs a client's script, and gives what it understood.
    async fn run(&self, script: &str) -> Value {
        let python = folder().join(".venv/bin/python");
        assert!(
            python.exists(),
            "in tests/clients, first run: python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
        );
        let ca_file = self.folder.path().join("authority.pem");
        std::fs::write(&ca_file, self.authority.pem()).unwrap();
        let place = json!({
            "ip": self.double.ip(),
            "ca_file": ca_file,
            "home": self.folder.path(),
            "root_token": self.double.token_for("root"),
            "bob_token": self.double.token_for("bob"),
            "accesshash": self.double.accesshash(),
        });
        let mut child = Command::new(python)
            .args(["-I", "-B", "-c", START, script])
            .current_dir(folder())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(place.to_string().as_bytes()).await.unwrap();
        let output = tokio::time::timeout(DEADLINE, child.wait_with_output()).await.expect("in time").unwrap();
        assert!(output.status.success(), "{script} failed: the messages above say why");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The requests to paths that begin like this.
    fn requests(&self, prefix: &str) -> Vec<RecordedRequest> {
        self.double.requests().into_iter().filter(|request| request.path().starts_with(prefix)).collect()
    }

    #[track_caller]
    fn request(&self, prefix: &str) -> RecordedRequest {
        self.requests(prefix).into_iter().next().unwrap_or_else(|| panic!("nothing asked for {prefix}"))
    }

    /// The authorization schemes that were used, as they were spelt.
    fn schemes(&self) -> Vec<String> {
        let requests = self.double.requests();
        let given = requests.iter().filter_map(|request| request.header("Authorization"));
        let mut schemes: Vec<String> = given.map(|value| value.split(' ').next().unwrap().to_owned()).collect();
        schemes.sort_unstable();
        schemes.dedup();
        schemes
    }
}

/// Isolated from the user's own Python, but with this folder's modules.
const START: &str = "import runpy, sys; sys.path.insert(0, '.'); runpy.run_path(sys.argv[1])";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Whether a text is a security token.
fn is_security_token(text: &str) -> bool {
    text.strip_prefix("/cpsess").is_some_and(|digits| digits.len() == 10 && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[tokio::test]
async fn whambampy_opens_a_session_and_calls_under_its_security_token() {
    let bench = Bench::new().await;
    let heard = bench.run("with_whambampy.py").await;

    let token = heard["security_token"].as_str().unwrap();
    assert!(is_security_token(token), "{token}");
    assert_eq!(heard["hostname"]["data"]["hostname"], "web1.hosting.example");
    assert_eq!(heard["hostname"]["metadata"]["result"], 1);
    assert!(heard["version"]["data"]["version"].as_str().unwrap().starts_with("11."));
    assert_eq!(heard["accounts"]["data"]["acct"][0]["user"], "bob");
    assert_eq!(heard["accounts"]["data"]["acct"].as_array().unwrap().len(), 1);
    assert!(heard["tokens"]["data"]["tokens"].is_object());
    assert!(heard["cpanel"]["data"]["url"].as_str().unwrap().starts_with("https://web1.hosting.example:2083/cpsess"));
    let reason = |case: &str| {
        assert_eq!(heard[case]["metadata"]["result"], 0, "{case}");
        heard[case]["metadata"]["reason"].as_str().unwrap()
    };
    assert!(reason("unknown_account").ends_with("You do not have a user named “nobody”."));
    assert!(reason("no_reseller").contains("Not a reseller"));
    assert_eq!(reason("unknown_function"), "Unknown app (\"listzones\") requested for this version (1) of the API.");
    for case in ["bad_token", "unknown_user", "no_whm"] {
        assert_eq!(heard[case]["error"], "PermissionError", "{case}");
    }

    let created = bench.request("/json-api/create_user_session");
    assert_eq!((&*created.method, created.status), ("GET", Some(200)));
    assert_eq!(created.target, "/json-api/create_user_session?api.version=1&user=root&service=whostmgrd");
    let called = bench.request("/json-api/gethostname");
    assert!(called.target.starts_with(&format!("{token}/json-api/gethostname?")), "{}", called.target);
    assert_eq!((called.header("Authorization"), called.header("Cookie")), (created.header("Authorization"), None));
    assert_eq!(bench.schemes(), ["whm"]);
    let refused = bench.requests("/json-api/create_user_session").iter().filter(|r| r.status == Some(403)).count();
    assert_eq!(refused, 3);
}

#[tokio::test]
async fn cpanel_api_reads_uapi_and_api_2_with_every_kind_of_credentials() {
    let bench = Bench::new().await;
    bench.double.switch(|switches| switches.allow_accesshash = true);
    bench.double.faults().inject("/execute/Email/list_pops_broken", 1, Fault::Html);
    let heard = bench.run("with_cpanel_api.py").await;

    assert_eq!((&heard["uapi"]["status"], &heard["uapi"]["errors"]), (&json!(1), &Value::Null));
    assert_eq!(heard["uapi"]["data"][0]["email"], "sales@bob.example");
    assert_eq!(heard["uapi_unknown"]["status"], 0);
    assert_eq!(heard["uapi_unknown"]["errors"], json!(["Could not find function 'test' in module 'Test'"]));
    for case in ["api2", "by_whm_token", "by_accesshash"] {
        assert_eq!(heard[case]["cpanelresult"]["data"][0]["email"], "sales@bob.example", "{case}");
        assert_eq!(heard[case]["cpanelresult"]["event"]["result"], 1, "{case}");
    }
    let unknown = &heard["api2_unknown"]["cpanelresult"];
    assert_eq!(unknown["error"], "Could not find function 'test' in module 'Test'");
    assert_eq!(heard["by_password"]["data"]["user"], "bob");
    assert!(heard["foreign_account"]["cpanelresult"]["error"].as_str().unwrap().contains("nobody"));
    // A 403 is no failure to this client: it reads the JSON that comes with it.
    let denied = &heard["bad_token"]["ok"]["cpanelresult"];
    assert_eq!((&denied["error"], &denied["data"]["result"]), (&json!("Access denied"), &json!("0")));
    assert_eq!(heard["page"]["error"], "BadResponse");

    let call = bench.request("/execute/Email/list_pops");
    assert_eq!((&*call.method, call.port), ("POST", 2083));
    let bridge = bench.requests("/json-api/cpanel");
    assert!(
        bridge.iter().all(|request| request.method == "POST" && request.body.contains("cpanel_jsonapi_apiversion=2"))
    );
    assert_eq!(bench.schemes(), ["Basic", "WHM", "cpanel", "whm"]);

    // An access hash that the server does not take any more is like any wrong secret.
    bench.double.switch(|switches| switches.allow_accesshash = false);
    let heard = bench.run("with_cpanel_api.py").await;
    assert_eq!(heard["by_accesshash"]["cpanelresult"]["error"], "Access denied");
}

#[tokio::test]
async fn aiocpanel_tells_credentials_calls_and_servers_apart() {
    let bench = Bench::new().await;
    bench.double.faults().inject("/execute/SSL/start_autossl_check", 1, Fault::ServerError);
    let heard = bench.run("with_aiocpanel.py").await;

    assert_eq!(heard["mailboxes"]["ok"][0]["email"], "sales@bob.example");
    let failed = |case: &str| (heard[case]["error"].as_str().unwrap(), heard[case]["text"].as_str().unwrap());
    let missing = "Could not find function 'list' in module 'DynamicDNS'";
    assert_eq!(failed("unknown_function"), ("CpanelApiError", missing));
    assert_eq!(failed("bad_token"), ("CpanelAuthError", "cPanel returned HTTP 403"));
    assert_eq!(failed("unknown_user"), ("CpanelAuthError", "cPanel returned HTTP 403"));
    assert_eq!(failed("broken_server"), ("CpanelConnectionError", "cPanel returned HTTP 500"));
    assert_eq!(failed("webcall"), ("CpanelApiError", "cPanel returned HTTP 404"));

    let call = bench.request("/execute/Email/list_pops");
    assert_eq!((&*call.method, call.port), ("GET", 2083));
    assert_eq!(bench.request("/cpanelwebcall/x").header("Authorization"), None);
    assert_eq!(bench.schemes(), ["cpanel"]);
}

#[tokio::test]
async fn pycpanel_speaks_the_oldest_version() {
    let bench = Bench::new().await;
    bench.double.switch(|switches| switches.allow_accesshash = true);
    let heard = bench.run("with_pycpanel.py").await;

    for case in ["functions", "by_accesshash", "by_password"] {
        assert!(heard[case].as_array().unwrap().contains(&json!("listaccts")), "{case}");
    }
    assert!(heard["version"]["version"].as_str().unwrap().starts_with("11."));
    assert_eq!(heard["version_1"]["data"]["version"], heard["version"]["version"]);
    assert_eq!(heard["unknown_function"], json!({"error": "Unknown App Requested: asdf"}));
    assert_eq!(heard["mailboxes"], json!([{"email": "sales@bob.example"}]));
    assert!(heard["as_xml"].as_str().unwrap().starts_with("<?xml"));
    assert_eq!(heard["bad_token"]["text"], "Access denied:  please check the username and hash/password.");

    let first = bench.request("/json-api/applist");
    assert_eq!((&*first.method, &*first.target, first.port), ("GET", "/json-api/applist", 2087));
    assert_eq!(bench.schemes(), ["Basic", "WHM"]);
}

#[tokio::test]
async fn cpanel_cli_reads_the_envelope_strictly() {
    let bench = Bench::new().await;
    let heard = bench.run("with_cpanel_cli.py").await;

    let out = |case: &str| -> Value {
        assert_eq!(heard[case]["code"], 0, "{}", heard[case]);
        serde_json::from_str(heard[case]["out"].as_str().unwrap()).unwrap()
    };
    assert_eq!(out("mailboxes"), json!([{"email": "sales@bob.example"}]));
    assert_eq!(out("account")["user"], "bob");
    let refused = |case: &str, text: &str| {
        assert_ne!(heard[case]["code"], 0, "{case}");
        assert!(heard[case]["err"].as_str().unwrap().contains(text), "{}", heard[case]);
    };
    refused("unknown_function", "Could not find function");
    refused("bad_token", "cPanel API request failed");
    refused("unknown_user", "cPanel API request failed");

    assert_eq!(bench.request("/execute/Email/list_pops").method, "POST");
    assert_eq!(bench.schemes(), ["cpanel"]);
}
