//! Every kind of problem and warning, word for word.

use std::fmt::Write as _;

use crate::site::DIRECTORY;
use crate::site::MAIN;
use crate::site::Site;

/// One change to a good configuration, and the name of what it breaks.
struct Case<'c>(&'c str, &'c str, &'c str);

/// What is said about each change alone.
fn said(file: &str, cases: &[Case<'_>]) -> String {
    let mut all = String::new();
    for Case(name, old, new) in cases {
        let site = Site::new();
        site.write("garbage.pem", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
        site.write("empty", "");
        let other = lab::pki::self_signed(&["other.example"]).unwrap();
        site.write("other.pem", other.certificate);
        site.write("other-key.pem", other.key);
        site.write_with_mode("open-key.pem", std::fs::read(site.path().join("key.pem")).unwrap(), 0o644);
        site.write_with_mode("open-secret", "secret", 0o644);
        site.replace(file, old, new);
        writeln!(all, "=== {name}\n{}", site.said().trim_end()).unwrap();
    }
    all
}

#[test]
fn a_good_configuration_says_nothing() {
    assert_eq!(Site::new().said(), "");
}

#[test]
fn about_sections_and_keys() {
    let said = said(
        "panelgate.toml",
        &[
            Case("misspelt key", "issuer =", "isuer ="),
            Case("key that resembles no other", "name =", "banana ="),
            Case("misspelt section", "[listen]", "[lisen]"),
            Case("key at the top", "directory = \"d", "colour = 1\ndirectory = \"d"),
            Case("unknown key of an inline table", "key = \"key.pem\" }", "key = \"key.pem\", kee = 1 }"),
            Case("missing key", "client_id = \"panelgate\"\n", ""),
            Case("missing key at the top", "directory = \"directory.toml\"\n", ""),
            Case("missing section", "[state]\ndirectory = \"state\"\n", ""),
            Case("number for a text", "name = \"Example SSO\"", "name = 5"),
            Case("text for a number", "connections = 500", "connections = \"500\""),
            Case("fraction for a number", "connections = 500", "connections = 500.5"),
            Case("text for a list", "[{ chain = \"chain.pem\", key = \"key.pem\" }]", "\"chain.pem\""),
            Case("text for a section", "[log]\nfilter = \"info\"\n", "[log.x]\n"),
            Case("list for a section", "[session]", "[[session]]"),
            Case("date for a text", "name = \"Example SSO\"", "name = 2026-01-01"),
            Case("section for a text", "name = \"Example SSO\"", "name = {}"),
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn about_the_network() {
    let said = said(
        "panelgate.toml",
        &[
            Case("no scheme", "\"https://connect.example.com\"", "\"connect.example.com\""),
            Case("origin with a path", "\"https://connect.example.com\"", "\"https://connect.example.com/\""),
            Case("clear text", "\"https://connect.example.com\"", "\"http://connect.example.com\""),
            Case("origin of an address", "\"https://connect.example.com\"", "\"https://192.0.2.1\""),
            Case("origin on a panel port", "\"https://connect.example.com\"", "\"https://connect.example.com:2087\""),
            Case(
                "long origin",
                "\"https://connect.example.com\"",
                "\"https://a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.g23456789.h23456789.\
                 i23456789.j23456789.k23456789.l23456789.m23456789.n23456789.o23456789.p23456789.q23456789.example\"",
            ),
            Case("certificates on localhost", "\"https://connect.example.com\"", "\"http://connect.localhost\""),
            Case("no certificates", "[tls]\ncertificates = [{ chain = \"chain.pem\", key = \"key.pem\" }]\n", ""),
            Case("style", "\"ports\"", "\"port\""),
            Case("console on a panel port", "console_port = 443", "console_port = 2083"),
            Case("port out of bounds", "console_port = 443", "console_port = 70000"),
            Case("address", "console_port = 443", "addresses = [\"localhost\"]"),
            Case("address twice", "console_port = 443", "addresses = [\"::1\", \"::1\"]"),
            Case("no addresses", "console_port = 443", "addresses = []"),
            Case("missing certificate", "\"chain.pem\"", "\"none.pem\""),
            Case("missing key file", "\"key.pem\"", "\"none.pem\""),
            Case("file without a certificate", "\"chain.pem\"", "\"empty\""),
            Case("broken certificate", "\"chain.pem\"", "\"garbage.pem\""),
            Case("certificate for a key", "\"key.pem\"", "\"chain.pem\""),
            Case("foreign key", "\"key.pem\"", "\"other-key.pem\""),
            Case(
                "certificate of other names",
                "\"chain.pem\", key = \"key.pem\"",
                "\"other.pem\", key = \"other-key.pem\"",
            ),
            Case("key that others can read", "\"key.pem\"", "\"open-key.pem\""),
            Case("certificate of the other style", "\"ports\"", "\"hosts\""),
            Case("empty path", "\"key.pem\"", "\"\""),
            Case("nothing leaves from here", "[tls]", "[upstream]\nsource = \"0.0.0.0\"\negress = \"both\"\n[tls]"),
            Case("plain HTTP on a panel port", "console_port = 443", "redirect_port = 2083"),
            Case("plain HTTP on the console's port", "console_port = 443", "redirect_port = 443"),
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn about_balancers() {
    let tls = "[tls]\ncertificates = [{ chain = \"chain.pem\", key = \"key.pem\" }]\n";
    let one = |lines: &str| format!("{tls}[balancer]\n{lines}");
    let good = "addresses = [\"192.0.2.10\"]\n";
    let with = |lines: &str| one(&format!("{good}{lines}"));
    let cases = [
        ("no addresses", one("client = \"forwarded\"\n")),
        ("no way", one(good)),
        ("another way", with("client = \"x-real-ip\"\n")),
        ("everybody", one("addresses = [\"0.0.0.0/0\"]\nclient = \"forwarded\"\n")),
        ("a wide network", one("addresses = [\"10.0.0.0/16\"]\nclient = \"forwarded\"\n")),
        ("a name", one("addresses = [\"lb.example.com\"]\nclient = \"forwarded\"\n")),
        ("TLS nowhere", with("client = \"forwarded\"\ntls = \"none\"\n")),
        ("certificates that nobody is shown", with("client = \"forwarded\"\ntls = \"balancer\"\n")),
        ("the PROXY protocol without TLS", with("client = \"proxy_protocol\"\ntls = \"balancer\"\n")),
    ];
    let cases: Vec<Case<'_>> = cases.iter().map(|(name, new)| Case(name, tls, new)).collect();
    insta::assert_snapshot!(said("panelgate.toml", &cases));
}

#[test]
fn about_the_provider() {
    let said = said(
        "panelgate.toml",
        &[
            Case("empty name", "\"Example SSO\"", "\" \""),
            Case("id that fits no address", "\"sso\"", "\"Our SSO\""),
            Case("section of before", "[[providers]]", "[provider]"),
            Case(
                "two with one id and issuer",
                "[[providers]]",
                "[[providers]]\nid = \"sso\"\nname = \"A\"\nissuer = \"https://idp.example.com\"\n\
                 client_id = \"a\"\nclient_secret = \"file:secret\"\n[[providers]]",
            ),
            Case("name of two lines", "\"Example SSO\"", "\"Example\\nSSO\""),
            Case("issuer without scheme", "\"https://idp.example.com\"", "\"idp.example.com\""),
            Case("issuer in clear text", "\"https://idp.example.com\"", "\"http://idp.example.com\""),
            Case("issuer with a query", "\"https://idp.example.com\"", "\"https://idp.example.com?a=b\""),
            Case("issuer with a password", "\"https://idp.example.com\"", "\"https://a:hunter2@idp.example.com\""),
            Case("issuer with a blank", "\"https://idp.example.com\"", "\"https://idp.example.com \""),
            Case("secret in clear", "\"file:secret\"", "\"hunter2\""),
            Case("secret with a scheme of another", "\"file:secret\"", "\"vault:hunter2\""),
            Case("secret of no variable", "\"file:secret\"", "\"env:hunter-2\""),
            Case("secret of another type", "\"file:secret\"", "[\"hunter2\"]"),
            Case("secret under a misspelt key", "client_secret = \"file:secret\"", "client_secrt = \"hunter2\""),
            Case("missing secret file", "\"file:secret\"", "\"file:none\""),
            Case("empty secret file", "\"file:secret\"", "\"file:empty\""),
            Case("missing variable", "\"file:secret\"", "\"env:PANELGATE_TEST_NEVER_SET\""),
            Case("secret that others can read", "\"file:secret\"", "\"file:open-secret\""),
            Case("client authentication", "client_id =", "client_auth = \"basics\"\nclient_id ="),
            Case("algorithm none", "client_id =", "id_token_alg = \"none\"\nclient_id ="),
            Case("algorithm with a shared secret", "client_id =", "id_token_alg = \"HS256\"\nclient_id ="),
            Case("scopes without openid", "client_id =", "scopes = [\"profile\"]\nclient_id ="),
            Case("two scopes in one", "client_id =", "scopes = [\"openid profile\"]\nclient_id ="),
            Case("pointer", "client_id =", "groups = { from = \"userinfo\", pointer = \"groups\" }\nclient_id ="),
            Case(
                "escape of a pointer",
                "client_id =",
                "groups = { from = \"id_token\", pointer = \"/~2\" }\nclient_id =",
            ),
            Case("groups from elsewhere", "client_id =", "groups = { from = \"ldap\", pointer = \"/a\" }\nclient_id ="),
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn about_groups_and_keys_at_the_provider() {
    let said = said(
        "panelgate.toml",
        &[
            Case(
                "value mode",
                "client_id =",
                "groups = { from = \"id_token\", pointer = \"/g\", values = \"csv\" }\nclient_id =",
            ),
            Case(
                "separator",
                "client_id =",
                "groups = { from = \"id_token\", pointer = \"/g\", values = \"separated\" }\nclient_id =",
            ),
            Case(
                "pointer into a directory",
                "client_id =",
                "groups = { from = \"graph\", pointer = \"/g\" }\nclient_id =",
            ),
            Case(
                "directory in clear text",
                "client_id =",
                "groups = { from = \"graph\", endpoint = \"http://graph.example.com\" }\nclient_id =",
            ),
            Case(
                "service account",
                "client_id =",
                "groups = { from = \"google_directory\", service_account = \"chain.pem\", acting_as = \"a@b\" }\nclient_id =",
            ),
            Case("pushed requests", "client_id =", "par = \"yes\"\nclient_id ="),
            Case("key without its method", "client_id =", "client_key = { file = \"key.pem\" }\nclient_id ="),
            Case(
                "key beside a secret",
                "client_id =",
                "client_auth = \"private_key_jwt\"\nclient_key = { file = \"key.pem\" }\nclient_id =",
            ),
            Case("method without its key", "client_secret = \"file:secret\"", "client_auth = \"private_key_jwt\""),
            Case(
                "key that is none",
                "client_secret = \"file:secret\"",
                "client_auth = \"private_key_jwt\"\nclient_key = { file = \"chain.pem\" }",
            ),
            Case("required claim", "client_id =", "required_claims = [{ claim = \"hd\" }]\nclient_id ="),
            Case("leeway", "client_id =", "leeway_seconds = 301\nclient_id ="),
            Case("authority", "client_id =", "ca_file = \"key.pem\"\nclient_id ="),
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn about_operation() {
    let said = said(
        "panelgate.toml",
        &[
            Case("idle for longer than at all", "idle_minutes = 30", "idle_minutes = 90\nabsolute_hours = 1"),
            Case("lifetime out of bounds", "idle_minutes = 30", "absolute_hours = 0"),
            Case("negative", "idle_minutes = 30", "idle_minutes = -1"),
            Case("more than a number holds", "connections = 500", "connections = 99999999999999999999"),
            Case("limit below its bounds", "connections = 500", "connections = 1"),
            Case("misspelt limit", "connections = 500", "panel_session = 500"),
            Case("log filter", "filter = \"info\"", "filter = \"info,=loud=\""),
            Case("store without a key", "[log]", "[store]\npostgres = \"file:secret\"\n[log]"),
            Case(
                "database in the open",
                "[log]",
                "[store]\npostgres = \"postgres://u:p@db/x\"\nserver_key = \"file:secret\"\n[log]",
            ),
            Case("operations without an address", "[log]", "[operations]\n[log]"),
            Case("operations by name", "[log]", "[operations]\naddress = \"localhost:9090\"\n[log]"),
            Case("operations for everybody", "[log]", "[operations]\naddress = \"0.0.0.0:9090\"\n[log]"),
            Case("traces to nowhere", "[log]", "[telemetry]\nsample_percent = 101\n[log]"),
            Case(
                "traces with a password",
                "[log]",
                "[telemetry]\notlp_endpoint = \"https://me:secret@traces.example.com\"\n[log]",
            ),
            Case("traces in clear text", "[log]", "[telemetry]\notlp_endpoint = \"http://192.0.2.9:4318\"\n[log]"),
            Case("log format", "filter = \"info\"", "format = \"xml\""),
            Case("directory that is not there", "\"directory.toml\"", "\"folder/directory.toml\""),
            Case("no syslog", "file = \"audit.jsonl\"", "file = \"audit.jsonl\"\nsyslog = \"tls:log.example.com\""),
            Case("no answer to yes or no", "file = \"audit.jsonl\"", "file = \"audit.jsonl\"\nrequired = \"no\""),
            Case("tests that are no list", "directory = \"d", "access_tests = \"t.toml\"\ndirectory = \"d"),
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn about_servers() {
    let pin = "\"sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"";
    let twice = format!("{{ pins = [{pin}, {pin}] }}");
    let both = format!("{{ pins = [{pin}], ca_file = \"chain.pem\" }}");
    let ca = "{ ca_file = \"chain.pem\" }";
    let said = said(
        "directory.toml",
        &[
            Case("no label", "id = \"sandbox\"", "id = \"Sand_Box\""),
            Case("reserved label", "id = \"sandbox\"", "id = \"whm\""),
            Case("server twice", "id = \"sandbox\"", "id = \"web1\""),
            Case("server without an id", "id = \"sandbox\"\n", ""),
            Case("host with a port", "\"sandbox.hosting.example\"", "\"sandbox.hosting.example:2087\""),
            Case("address", "trust = \"public\"", "trust = \"public\"\naddress = \"web1\""),
            Case("no trust", "trust = \"public\"\n", ""),
            Case("trust in everything", "\"public\"", "\"any\""),
            Case("empty trust", ca, "{}"),
            Case("two kinds of trust", ca, &both),
            Case("short pin", ca, "{ pins = [\"sha256/47DEQpj8\"] }"),
            Case("pin of another hash", ca, "{ pins = [\"sha1/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"] }"),
            Case("pin twice", ca, &twice),
            Case("no pins", ca, "{ pins = [] }"),
            Case("missing authority", "\"chain.pem\"", "\"none.pem\""),
            Case("account", "\"api\"", "\"api user\""),
            Case(
                "token in clear",
                "api_account = \"api\"\napi_token = \"file:token\"",
                "api_account = \"api\"\napi_token = \"HUNTER2\"",
            ),
            Case("access", "\"unrestricted\"", "\"unrestrict\""),
            Case("unrestricted without services", "services = [\"cpaneld\"]\n", ""),
            Case("unrestricted without an account", "account = \"demo\"\n", ""),
            Case(
                "services of a restricted server",
                "access = \"restricted\"",
                "access = \"restricted\"\nservices = [\"cpaneld\"]",
            ),
            Case("unknown service", "[\"cpaneld\"]", "[\"cpanel\"]"),
            Case("no services", "[\"cpaneld\"]", "[]"),
            Case("service twice", "[\"cpaneld\"]", "[\"cpaneld\", \"cpaneld\"]"),
            Case("root for everybody", "account = \"demo\"", "account = \"root\""),
            Case("no tag", "id = \"sandbox\"", "id = \"sandbox\"\ntags = [\"EU\"]"),
            Case("tag twice", "id = \"sandbox\"", "id = \"sandbox\"\ntags = [\"eu\", \"eu\"]"),
            Case("one tag without a list", "id = \"sandbox\"", "id = \"sandbox\"\ntags = \"eu\""),
            Case("server that nobody can open", "servers = [\"web1\"]", "servers = [\"sandbox\"]"),
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn about_role_groups_and_rules() {
    let said = said(
        "directory.toml",
        &[
            Case(
                "role group twice",
                "[[rules]]",
                "[[role_groups]]\nname = \"Support\"\nidp_groups = [\"x\"]\nconnect = true\n[[rules]]",
            ),
            Case("empty group", "[\"whm-support\"]", "[\"\"]"),
            Case("no groups", "[\"whm-support\"]", "[]"),
            Case("group twice", "[\"whm-support\"]", "[\"whm-support\", \"whm-support\"]"),
            Case("group with a blank", "\"whm-support\"", "\"whm-support \""),
            Case("connect as a text", "connect = true", "connect = \"yes\""),
            Case("nobody may connect", "connect = true", "connect = false"),
            Case("unknown role group", "role_group = \"Support\"", "role_group = \"Suport\""),
            Case("role group that resembles no other", "role_group = \"Support\"", "role_group = \"Sales\""),
            Case("unknown server", "servers = [\"web1\"]", "servers = [\"web1\", \"web11\"]"),
            Case("server that resembles no other", "servers = [\"web1\"]", "servers = [\"mail\"]"),
            Case("rule without servers", "servers = [\"web1\"]", "servers = []"),
            Case("rule without an account", "account = \"support\"\n", ""),
            Case("rule for an unrestricted server", "servers = [\"web1\"]", "servers = [\"web1\", \"sandbox\"]"),
            Case("one section for a list", "[[rules]]", "[rules]"),
            Case("control characters", "role_group = \"Support\"", "role_group = \"\\u001b[2JSupport\\u202e\""),
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn about_conditions_and_rights() {
    let rule = |name, key| Case(name, "account = \"support\"\n", key);
    let said = said(
        "directory.toml",
        &[
            rule("misspelt condition", "account = \"support\"\nexpire = 2026-12-31T18:00:00Z\n"),
            rule("no networks", "account = \"support\"\nnetworks = []\n"),
            rule("what is no network", "account = \"support\"\nnetworks = [\"office\"]\n"),
            rule("address within a network", "account = \"support\"\nnetworks = [\"192.0.2.7/24\"]\n"),
            rule("mapped address", "account = \"support\"\nnetworks = [\"::ffff:192.0.2.7\"]\n"),
            rule("network twice", "account = \"support\"\nnetworks = [\"192.0.2.0/24\", \"192.0.2.0/24\"]\n"),
            rule("network within another", "account = \"support\"\nnetworks = [\"10.1.0.0/16\", \"10.0.0.0/8\"]\n"),
            rule("every address", "account = \"support\"\nnetworks = [\"0.0.0.0/0\", \"2001:db8::/32\"]\n"),
            rule("day without a time", "account = \"support\"\nexpires = 2026-12-31\n"),
            rule("time without a zone", "account = \"support\"\nexpires = 2026-12-31T18:00:00\n"),
            rule("what is no date", "account = \"support\"\nnot_before = \"tomorrow\"\n"),
            rule("number for a date", "account = \"support\"\nnot_before = 20261231\n"),
            rule(
                "window that never opens",
                "account = \"support\"\nnot_before = 2026-12-31T18:00:00+01:00\nexpires = \"2026-12-31T17:00:00Z\"\n",
            ),
            rule("nothing required", "account = \"support\"\nrequire = {}\n"),
            rule("sign-in of this moment", "account = \"support\"\nrequire = { max_age_minutes = 0 }\n"),
            rule("misspelt requirement", "account = \"support\"\nrequire = { max_age = 15 }\n"),
            rule("two words for a class", "account = \"support\"\nrequire = { acr = [\"a b\"] }\n"),
            rule("no classes", "account = \"support\"\nrequire = { acr = [] }\n"),
            rule("customers of nobody", "account = \"support\"\ncustomers = [\"whostmgrd\"]\n"),
            Case("customers without WHM", "[\"whostmgrd\"]", "[\"cpaneld\"]\ncustomers = [\"webmaild\"]"),
            Case("condition on a server", "account = \"demo\"\n", "account = \"demo\"\nnetworks = [\"10.0.0.0/8\"]\n"),
            Case("customers on a restricted server", "\"restricted\"", "\"restricted\"\ncustomers = [\"cpaneld\"]"),
            Case("right that is none", "connect = true", "connect = true\nrights = [\"review\"]"),
            Case("no rights", "connect = true", "connect = true\nrights = []"),
            Case("rights without connect", "connect = true", "connect = false\nrights = [\"end_sessions\"]"),
            Case("provider that is no id", "connect = true", "connect = true\nprovider = \"Example SSO\""),
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn about_providers_of_role_groups() {
    let site = Site::new();
    site.replace("panelgate.toml", "id = \"sso\"", "id = \"staff\"");
    site.replace("directory.toml", "connect = true", "connect = true\nprovider = \"stuff\"");
    insta::assert_snapshot!(site.said());
}

#[test]
fn about_tags_in_rules() {
    let mut all = String::new();
    for (name, rule) in [
        ("misspelt tag", "server_tags = [\"prdo\"]"),
        ("tag that resembles no other", "server_tags = [\"prod\", \"warehouse\"]"),
        ("tags that no server bears together", "server_tags = [\"eu\", \"us\"]"),
        ("no tags", "server_tags = []"),
        ("what cannot be a tag", "servers = [\"web1\"]\nserver_tags = [\"*\"]"),
        ("unrestricted servers only", "servers = [\"web1\"]\nserver_tags = [\"us\"]"),
        ("an unrestricted server among others", "server_tags = [\"prod\"]"),
        ("neither servers nor tags", ""),
    ] {
        let site = Site::new();
        site.replace("directory.toml", "id = \"web1\"", "id = \"web1\"\ntags = [\"prod\", \"eu\"]");
        site.replace("directory.toml", "id = \"sandbox\"", "id = \"sandbox\"\ntags = [\"prod\", \"us\"]");
        site.replace("directory.toml", "servers = [\"web1\"]", rule);
        writeln!(all, "=== {name}\n{}", site.said().trim_end()).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn tags_that_cannot_be_read_are_not_reported_again_in_rules() {
    for (old, new) in
        [("id = \"web1\"", "id = \"web1\"\ntags = [\"prod\", \"EU\"]"), ("id = \"web1\"\n", "tags = [\"prod\"]\n")]
    {
        let site = Site::new();
        site.replace("directory.toml", old, new);
        site.replace("directory.toml", "servers = [\"web1\"]", "server_tags = [\"prod\"]");
        assert_eq!(site.load().unwrap_err().list().len(), 1, "{new}");
    }
}

#[test]
fn about_broken_syntax() {
    let said = said(
        "panelgate.toml",
        &[
            Case("two errors at once", "name = \"Example SSO\"\nissuer =", "name = Example\nissuer \""),
            Case("key twice", "filter = \"info\"", "filter = \"info\"\nfilter = \"warn\""),
            Case("section twice", "[limits]", "[log]"),
            Case("secret without an end", "client_secret = \"file:secret\"", "client_secret = \"hunter2"),
            Case("secret in broken syntax", "client_secret = \"file:secret\"", "'client_secret' = hunter2"),
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn about_whole_files() {
    let mut all = String::new();
    let site = Site::new();
    site.write("directory.toml", [b"[[servers]]\nid = \"caf".as_slice(), b"\xe9\"\n"].concat());
    writeln!(all, "=== directory in another encoding\n{}", site.said()).unwrap();

    site.write("directory.toml", vec![b'#'; 50 * 1024 * 1024 + 1]);
    writeln!(all, "=== directory of more than 50 MiB\n{}", site.said()).unwrap();

    site.write("directory.toml", "");
    writeln!(all, "=== empty directory\n{}", site.said()).unwrap();

    site.write("panelgate.toml", b"\xff");
    writeln!(all, "=== main file in another encoding\n{}", site.said()).unwrap();

    site.write("panelgate.toml", "");
    writeln!(all, "=== empty main file\n{}", site.said()).unwrap();

    std::fs::remove_file(site.main_file()).unwrap();
    writeln!(all, "=== no main file\n{}", site.said()).unwrap();
    insta::assert_snapshot!(all);
}

#[test]
fn no_message_shows_a_secret() {
    // Whatever is wrong with the line or near it, what may be a secret is not shown.
    for (old, new) in [
        ("\"file:secret\"", "\"hunter2\""),
        ("\"file:secret\"", "\"\"\"hunter2\"\"\""),
        ("\"file:secret\"", "'hunter2'"),
        ("\"file:secret\"", "[\"hunter2\"]"),
        ("\"file:secret\"", "{ value = \"hunter2\" }"),
        ("\"file:secret\"", "\"hunter2"),
        ("\"file:secret\"", "hunter2"),
        ("client_secret = \"file:secret\"", "client_secrt = \"hunter2\""),
        ("client_secret = \"file:secret\"", "secret = \"hunter2\"\nbanana = \"hunter2\""),
        ("client_secret = \"file:secret\"", "client_secret = \"hunter2\"\nclient_secret = \"hunter2\""),
        ("name = \"Example SSO\"", "name = 1\napi_token = \"hunter2\""),
        ("client_secret = \"file:secret\"", "client_secrt = \"hunter2"),
        ("client_secret = \"file:secret\"", "oidc = { client_secret = \"hunter2\" }"),
        ("client_secret = \"file:secret\"", "oidc.client_secret = \"hunter2\""),
        ("client_secret = \"file:secret\"", "oidc = [[\"hunter2\"]]"),
    ] {
        let site = Site::new();
        site.replace("panelgate.toml", old, new);
        let problems = site.load().unwrap_err();
        assert!(!problems.to_string().contains("hunter2"), "{new}:\n{problems}");
        assert!(!format!("{problems:?}").contains("hunter2"), "{new}");
    }
    assert!(!format!("{:?}", Site::new().load().unwrap()).contains("a client secret"));
}

#[test]
fn line_endings_and_a_byte_order_mark_change_nothing() {
    let site = Site::new();
    site.write("panelgate.toml", format!("\u{feff}{}", MAIN.replace('\n', "\r\n")));
    site.write("directory.toml", DIRECTORY.replace('\n', "\r\n"));
    assert_eq!(site.said(), "");
    site.replace("panelgate.toml", "issuer =", "isuer =");
    let problems = site.load().unwrap_err();
    let found: Vec<_> = problems.list().iter().map(|p| (p.line, p.key.as_str())).collect();
    assert_eq!(found, [(Some(10), "providers.issuer"), (Some(13), "providers.isuer")]);
}
