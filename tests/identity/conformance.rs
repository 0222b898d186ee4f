//! The table of the OpenID Foundation's relying party tests in `docs/identity.md`, held against the tests.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// What a test of the conformance suite is to us.
enum Row {
    /// It applies: there are tests here with its id in their names.
    Here(&'static str),
    /// It applies under another name, that of a test here.
    As(&'static str, &'static str),
    /// It does not apply, for this reason.
    Not(&'static str, &'static str),
}

use Row::As;
use Row::Here;
use Row::Not;

const CODE_ONLY: &str = "code flow only: nothing comes in the front channel that this test is about";
const NO_DYNAMIC: &str = "a provider is configured by hand and never registered with at run time";
const NO_PAGES: &str = "needs third-party cookies, which browsers no longer send";

/// The ids of `openid-certification/conformance-suite` (packages `openid/client`, `openid/client/config`,
/// `openid/client/logout`), and the modules of its FAPI 2.0 client plan that suit any relying party.
const ROWS: &[Row] = &[
    Here("oidcc-client-test"),
    Here("oidcc-client-test-invalid-iss"),
    Here("oidcc-client-test-missing-sub"),
    Here("oidcc-client-test-invalid-aud"),
    Here("oidcc-client-test-missing-aud"),
    Here("oidcc-client-test-missing-iat"),
    Here("oidcc-client-test-kid-absent-single-jwks"),
    Here("oidcc-client-test-kid-absent-multiple-jwks"),
    Here("oidcc-client-test-idtoken-sig-rs256"),
    Here("oidcc-client-test-idtoken-sig-none"),
    Here("oidcc-client-test-invalid-sig-rs256"),
    Here("oidcc-client-test-invalid-sig-hs256"),
    Here("oidcc-client-test-invalid-sig-es256"),
    Here("oidcc-client-test-userinfo-invalid-sub"),
    Here("oidcc-client-test-nonce-invalid"),
    Not("oidcc-client-test-nonce-unless-code-flow", CODE_ONLY),
    Here("oidcc-client-test-scope-userinfo-claims"),
    Here("oidcc-client-test-client-secret-basic"),
    Here("oidcc-client-test-userinfo-bearer-header"),
    Not("oidcc-client-test-userinfo-bearer-body", "the access token goes in the header, and in one place only"),
    Here("oidcc-client-test-userinfo-signed"),
    Here("oidcc-client-test-invalid-athash"),
    Not("oidcc-client-test-missing-athash", CODE_ONLY),
    Not("oidcc-client-test-invalid-chash", CODE_ONLY),
    Not("oidcc-client-test-missing-chash", CODE_ONLY),
    Not("oidcc-client-test-form-post-error", "answers come in the query: response_mode=form_post is never asked for"),
    Not(
        "oidcc-client-test-aggregated-claims",
        "groups come from one configured source and never from a token inside another",
    ),
    As("oidcc-client-test-distributed-claims", "groups_that_are_elsewhere_are_not_fetched"),
    Not("oidcc-client-test-mtls-endpoint-aliases", "there is no mutual TLS towards providers"),
    Here("oidcc-client-test-discovery-openid-config"),
    Here("oidcc-client-test-discovery-jwks-uri-keys"),
    Here("oidcc-client-test-discovery-issuer-mismatch"),
    Here("oidcc-client-test-signing-key-rotation"),
    Here("oidcc-client-test-signing-key-rotation-just-before-signing"),
    Not("oidcc-client-test-discovery-webfinger-acct", NO_DYNAMIC),
    Not("oidcc-client-test-discovery-webfinger-url", NO_DYNAMIC),
    Not("oidcc-client-test-dynamic-registration", NO_DYNAMIC),
    Not("oidcc-client-test-request-uri-signed-rs256", "pushed authorization requests (RFC 9126) take its place"),
    Not("oidcc-client-test-request-uri-signed-none", "pushed authorization requests (RFC 9126) take its place"),
    Here("oidcc-client-test-refresh-token"),
    Here("oidcc-client-test-refresh-token-invalid-issuer"),
    Here("oidcc-client-test-refresh-token-invalid-sub"),
    Not("oidcc-client-test-3rd-party-init-login", "a sign-in is only begun by our own pages"),
    Here("oidcc-client-test-rp-init-logout"),
    Here("oidcc-client-test-rp-init-logout-other-state"),
    Here("oidcc-client-test-rp-init-logout-no-state"),
    Here("oidcc-client-test-rp-backchannel-rpinitlogout"),
    Here("oidcc-client-test-rp-backchannel-rpinitlogout-alg-none"),
    Here("oidcc-client-test-rp-backchannel-rpinitlogout-no-event"),
    Here("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-event"),
    Here("oidcc-client-test-rp-backchannel-rpinitlogout-with-nonce"),
    Here("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-alg"),
    Here("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-aud"),
    Here("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-iss"),
    Here("oidcc-client-test-rp-frontchannel-rpinitlogout"),
    Here("oidcc-client-test-rp-frontchannel-opinitlogout"),
    Not("oidcc-client-test-session-management", NO_PAGES),
    As("fapi2-discovery-issuer-mismatch", "oidcc_client_test_discovery_issuer_mismatch"),
    Here("fapi2-invalid-authorization-response-iss"),
    Here("fapi2-remove-authorization-response-iss"),
    As(
        "fapi2-ensure-authorization-response-with-invalid-state-fails",
        "fapi2_invalid_state_fails_before_the_code_is_used",
    ),
    As("fapi2-ensure-authorization-response-with-invalid-missing-state-fails", "fapi2_missing_state_fails"),
    As("fapi2-invalid-iss", "oidcc_client_test_invalid_iss"),
    Here("fapi2-invalid-missing-iss"),
    As("fapi2-invalid-aud", "oidcc_client_test_invalid_aud"),
    As("fapi2-invalid-missing-aud", "oidcc_client_test_missing_aud"),
    Here("fapi2-invalid-secondary-aud"),
    As("fapi2-valid-aud-as-array", "fapi2_valid_aud_as_array_and_token_type_case_insensitivity"),
    Here("fapi2-invalid-expired-exp"),
    Here("fapi2-invalid-missing-exp"),
    As("fapi2-invalid-nonce", "oidcc_client_test_nonce_invalid"),
    Here("fapi2-invalid-missing-nonce"),
    As("fapi2-invalid-null-alg", "oidcc_client_test_idtoken_sig_none"),
    Here("fapi2-invalid-alternate-alg"),
    As("fapi2-token-type-case-insensitivity", "fapi2_valid_aud_as_array_and_token_type_case_insensitivity"),
    As(
        "fapi2-token-endpoint-response-without-expires_in",
        "fapi2_valid_aud_as_array_and_token_type_case_insensitivity",
    ),
];

/// Where the table stands on the page.
const BEGIN: &str = "<!-- the table is made by tests/identity/conformance.rs -->\n";
const END: &str = "<!-- end of the table -->\n";

fn id(row: &Row) -> &'static str {
    match row {
        Here(id) | As(id, _) | Not(id, _) => id,
    }
}

/// The names of all tests, in every file of the tests.
fn tests_in(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_in(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut lines = text.lines().map(str::trim);
            while let Some(line) = lines.next() {
                if !line.ends_with("test]") {
                    continue;
                }
                let name = lines.next().and_then(|line| line.split_once("fn ")).map(|(_, rest)| rest);
                found.extend(name.and_then(|rest| rest.split_once('(')).map(|(name, _)| name.to_owned()));
            }
        }
    }
}

/// The tests that carry an id, and no longer one.
fn carrying<'t>(id: &str, tests: &'t [String]) -> Vec<&'t str> {
    let of = |id: &str| id.replace('-', "_");
    let carries = |test: &str, id: &str| {
        test.strip_prefix(of(id).as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    let longest = |test: &str| ROWS.iter().map(self::id).filter(|id| carries(test, id)).max_by_key(|id| id.len());
    tests.iter().map(String::as_str).filter(|test| longest(test) == Some(id)).collect()
}

fn table() -> String {
    let mut tests = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for room in ["tests/identity", "tests/e2e"] {
        tests_in(&root.join(room), &mut tests);
    }
    tests.sort();
    let mut table = String::from("| test of the suite | here |\n|---|---|\n");
    for row in ROWS {
        let result = match row {
            Not(_, reason) => format!("does not apply: {reason}"),
            As(_, name) => {
                assert!(tests.iter().any(|test| test == name), "there is no test {name}");
                format!("tested as `{name}`")
            }
            Here(id) => {
                let names: Vec<String> = carrying(id, &tests).iter().map(|name| format!("`{name}`")).collect();
                if names.is_empty() { "**no test yet**".to_owned() } else { format!("tested: {}", names.join(", ")) }
            }
        };
        writeln!(table, "| `{}` | {result} |", id(row)).unwrap();
    }
    table
}

/// With `UPDATE_DOCS=1` it writes the table instead.
#[test]
fn the_table_of_conformance_tests_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/identity.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has a place for the table");
    let (shown, after) = rest.split_once(END).expect("the table has an end");
    let made = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(shown, made, "run this test with UPDATE_DOCS=1");
}
