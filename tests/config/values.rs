//! What a good configuration says, value by value.

use std::time::Duration;

use panelgate::config::ClientCredential;
use panelgate::config::Config;
use panelgate::config::GroupsSource;
use panelgate::config::KeyFile;
use panelgate::config::Limits;
use panelgate::config::LogFormat;
use panelgate::config::PanelStyle;
use panelgate::model::Access;
use panelgate::model::AcrValue;
use panelgate::model::AssertionAudience;
use panelgate::model::GroupValues;
use panelgate::model::GroupsFrom;
use panelgate::model::IdTokenAlgorithm;
use panelgate::model::PushedRequests;
use panelgate::model::Right;
use panelgate::model::RsaPadding;
use panelgate::model::SecretRef;
use panelgate::model::ServerId;
use panelgate::model::Service;
use panelgate::model::TokenRef;
use panelgate::model::Trust;

use crate::site::Site;

#[test]
fn what_is_not_written_has_its_default() {
    let site = Site::new();
    for gone in [
        "[panels]\nstyle = \"ports\"\n",
        "[listen]\nconsole_port = 443\n",
        "[session]\nidle_minutes = 30\n",
        "[log]\nfilter = \"info\"\n",
        "[limits]\nconnections = 500\n",
    ] {
        site.replace("panelgate.toml", gone, "");
    }
    let config = site.load().unwrap();
    assert_eq!(config.panels, PanelStyle::Ports);
    assert_eq!(config.listen.addresses, ["0.0.0.0", "::"].map(|ip| ip.parse::<std::net::IpAddr>().unwrap()));
    assert_eq!(config.listen.console_port, 443);
    assert_eq!(config.session.idle, Duration::from_mins(30));
    assert_eq!(config.session.absolute, Duration::from_hours(10));
    assert_eq!((config.log.filter.as_str(), config.log.format), ("info", LogFormat::Text));
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.providers[0].credential, ClientCredential::Basic(SecretRef::File(site.path().join("secret"))));
    assert_eq!(config.providers[0].pushed_requests, PushedRequests::Auto);
    assert_eq!(config.providers[0].id_token_alg, IdTokenAlgorithm::Rs256);
    assert_eq!(config.providers[0].scopes, ["openid", "profile", "email"]);
    let (from, pointer, values) = (GroupsFrom::IdToken, "/groups".to_owned(), GroupValues::Names);
    assert_eq!(config.providers[0].groups, GroupsSource::Claim { from, pointer, values });
    assert_eq!(config.providers[0].leeway, Duration::from_mins(1));
    assert_eq!(config.providers[0].ca_file, None);
}

#[test]
fn what_is_written_counts() {
    let site = Site::new();
    for (old, new) in [
        ("\"ports\"", "\"hosts\""),
        ("\"https://connect.example.com\"", "\"https://connect.example.com:8443\""),
        ("console_port = 443", "console_port = 2087\naddresses = [\"127.0.0.1\"]"),
        (
            "client_id = \"panelgate\"",
            "client_id = \"gate\"\nclient_auth = \"post\"\nid_token_alg = \"EdDSA\"\nscopes = [\"openid\", \"groups\"]\n\
             groups = { from = \"userinfo\", pointer = \"/realm~1access/roles\" }\nleeway_seconds = 0\n\
             ca_file = \"chain.pem\"",
        ),
        ("\"file:secret\"", "\"env:CARGO_MANIFEST_DIR\""),
        ("idle_minutes = 30", "idle_minutes = 60\nabsolute_hours = 1"),
        ("filter = \"info\"", "filter = \"warn,panelgate=debug\"\nformat = \"json\""),
        ("connections = 500", "connections = 0x10\ndrain_seconds = 0"),
    ] {
        site.replace("panelgate.toml", old, new);
    }
    let config = site.load().unwrap();
    assert_eq!(config.warnings.list().len(), 1, "the certificate is not for the names of this style");
    assert_eq!(config.panels, PanelStyle::Hosts);
    assert_eq!(config.console.to_string(), "https://connect.example.com:8443");
    assert_eq!(config.listen.console_port, 2087, "the ports of panels are free in the other style");
    assert_eq!(config.listen.addresses.len(), 1);
    assert_eq!(config.providers[0].client_id, "gate");
    let secret = SecretRef::Env("CARGO_MANIFEST_DIR".into());
    assert_eq!(config.providers[0].credential, ClientCredential::Post(secret));
    assert_eq!(config.providers[0].id_token_alg, IdTokenAlgorithm::EdDsa);
    assert_eq!(config.providers[0].scopes, ["openid", "groups"]);
    let (from, pointer, values) = (GroupsFrom::Userinfo, "/realm~1access/roles".to_owned(), GroupValues::Names);
    assert_eq!(config.providers[0].groups, GroupsSource::Claim { from, pointer, values });
    assert_eq!(config.providers[0].leeway, Duration::ZERO);
    assert_eq!(config.providers[0].ca_file, Some(site.path().join("chain.pem")));
    assert_eq!(config.session.idle, config.session.absolute);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!((config.limits.connections, config.limits.drain_seconds), (16, 0));
}

#[test]
fn a_trial_on_localhost_needs_no_certificates() {
    let site = Site::new();
    site.replace("panelgate.toml", "https://connect.example.com", "http://connect.localhost:8080");
    site.replace("panelgate.toml", "[tls]\ncertificates = [{ chain = \"chain.pem\", key = \"key.pem\" }]\n", "");
    site.replace("panelgate.toml", "https://idp.example.com", "http://127.0.0.1:9000/realms/a");
    site.replace("panelgate.toml", "[listen]\nconsole_port = 443\n", "");
    let config = site.load().unwrap();
    assert!(config.certificates.is_empty());
    assert_eq!(config.listen.console_port, 8080, "the origin's port");
    assert_eq!(config.providers[0].issuer, "http://127.0.0.1:9000/realms/a", "as it was written");
}

#[test]
fn the_directory_is_read_with_its_lines() {
    let site = Site::new();
    let config = site.load().unwrap();
    let directory = &config.directory;
    let web1 = &directory.servers[&"web1".parse().unwrap()];
    assert_eq!((web1.name.as_str(), web1.host.to_string().as_str()), ("web1", "web1.hosting.example"));
    let token = TokenRef::Outside(SecretRef::File(site.path().join("token")));
    assert_eq!(web1.api_token, token, "relative to the file it stands in");
    assert_eq!(web1.access, Access::Restricted);
    assert_eq!(web1.source.to_string(), "directory.toml:1", "as the main file names it");
    let sandbox = &directory.servers[&"sandbox".parse().unwrap()];
    assert_eq!(sandbox.trust, Trust::CaFile(site.path().join("chain.pem")));
    assert_eq!(
        sandbox.access,
        Access::Unrestricted {
            services: vec![Service::Cpaneld],
            account: "demo".parse().unwrap(),
            customers: Vec::new(),
        }
    );
    assert_eq!(directory.role_groups.len(), 1);
    assert_eq!(directory.rules[0].source.to_string(), "directory.toml:21");
}

#[test]
fn conditions_are_read_to_the_moment() {
    let site = Site::new();
    site.replace(
        "directory.toml",
        "account = \"support\"",
        "account = \"support\"\ncustomers = [\"cpaneld\", \"webmaild\"]\nnetworks = [\"192.0.2.0/24\", \"2001:db8::1\"]\n\
         not_before = 2026-07-01T00:00:00+02:00\nexpires = \"2026-12-31T18:00:00Z\"\n\
         require = { max_age_minutes = 15, acr = [\"phr\", \"mfa\"] }",
    );
    site.replace("directory.toml", "account = \"demo\"", "account = \"demo\"\n");
    site.replace(
        "directory.toml",
        "connect = true",
        "connect = true\nrights = [\"review_access\"]\nprovider = \"sso\"",
    );
    let directory = site.load().unwrap().directory;
    let rule = &directory.rules[0];
    assert_eq!(rule.customers, [Service::Cpaneld, Service::Webmaild]);
    let conditions = &rule.conditions;
    assert_eq!(
        conditions.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["192.0.2.0/24", "2001:db8::1"]
    );
    assert_eq!(conditions.not_before.unwrap().to_string(), "2026-06-30T22:00:00.000Z");
    assert_eq!(conditions.expires.unwrap().to_string(), "2026-12-31T18:00:00.000Z");
    assert_eq!(conditions.require.max_age, Some(Duration::from_mins(15)));
    assert_eq!(conditions.require.acr.iter().map(AcrValue::as_str).collect::<Vec<_>>(), ["phr", "mfa"]);
    let group = directory.role_groups.values().next().unwrap();
    assert_eq!(group.rights, [Right::ReviewAccess]);
    assert_eq!(group.provider.as_ref().unwrap().as_str(), "sso");
}

#[test]
fn tags_become_the_servers_that_bear_all_of_them() {
    let all = ["web1", "web2", "web3"];
    let tags = ["tags = [\"prod\", \"eu\"]", "tags = [\"eu\", \"prod\", \"old\"]", "tags = [\"prod\"]"];
    let server = |(id, tags): (&str, &str)| {
        format!(
            "[[servers]]\nid = \"{id}\"\n{tags}\nhost = \"{id}.hosting.example\"\ntrust = \"public\"\n\
             api_account = \"root\"\napi_token = \"file:token\"\naccess = \"restricted\"\n"
        )
    };
    let servers: Vec<String> = all.into_iter().zip(tags).map(server).collect();
    let servers = servers.concat();
    for (rule, expected) in [
        ("server_tags = [\"prod\"]", &["web1", "web2", "web3"][..]),
        ("server_tags = [\"prod\", \"eu\"]", &["web1", "web2"]),
        ("server_tags = [\"eu\", \"old\"]", &["web2"]),
        // What is named and what bears the tags: each once.
        ("servers = [\"web3\", \"web2\"]\nserver_tags = [\"eu\"]", &["web3", "web2", "web1"]),
        ("servers = [\"web3\"]", &["web3"]),
    ] {
        let site = Site::new();
        let rest = "[[role_groups]]\nname = \"Support\"\nidp_groups = [\"whm-support\"]\nconnect = true\n[[rules]]\n\
                    role_group = \"Support\"\nservices = [\"whostmgrd\"]\naccount = \"support\"\n";
        site.write("directory.toml", format!("{servers}{rest}{rule}\n"));
        let directory = site.load().unwrap().directory;
        let named: Vec<&str> = directory.rules[0].servers.iter().map(ServerId::as_str).collect();
        assert_eq!(named, expected, "{rule}");
    }
}

#[test]
fn the_directory_alone_needs_nothing_outside_the_two_files() {
    let site = Site::new();
    let whole = site.load().unwrap().directory;
    for gone in ["secret", "token", "chain.pem", "key.pem"] {
        std::fs::remove_file(site.path().join(gone)).unwrap();
    }
    site.replace("panelgate.toml", "client_id =", "clint_id =");
    assert!(site.load().is_err());
    let alone = Config::directory_only(&site.main_file()).unwrap();
    assert_eq!(format!("{alone:?}"), format!("{whole:?}"));

    // What the directory itself says is checked all the same.
    site.replace("directory.toml", "api_token = \"file:token\"\naccess = \"r", "api_token = \"hunter2\"\naccess = \"r");
    site.replace("directory.toml", "role_group = \"Support\"", "role_group = \"Suport\"");
    let problems = Config::directory_only(&site.main_file()).unwrap_err();
    let keys: Vec<&str> = problems.list().iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["servers.api_token", "rules.role_group"]);
    assert!(!problems.to_string().contains("hunter2"));

    site.replace("panelgate.toml", "directory = \"directory.toml\"\n", "");
    let problems = Config::directory_only(&site.main_file()).unwrap_err();
    assert_eq!(problems.list()[0].message, "`directory` is missing");
}

#[test]
fn the_version_is_that_of_the_document() {
    let site = Site::new();
    let version = |site: &Site| site.load().unwrap().directory.version.to_string();
    site.write("directory.toml", "");
    // SHA-256 of nothing (FIPS 180-4).
    assert_eq!(version(&site), "e3b0c44298fc1c14");
    site.write("directory.toml", "# one change\n");
    assert_ne!(version(&site), "e3b0c44298fc1c14");
}

#[test]
fn a_key_and_a_directory_take_the_place_of_secret_and_claim() {
    let site = Site::new();
    let account = r#"{"client_email": "a@b", "private_key": "k", "token_uri": "https://t.example"}"#;
    site.write("google.json", account);
    site.replace(
        "panelgate.toml",
        "client_secret = \"file:secret\"",
        "client_auth = \"private_key_jwt\"\n\
         client_key = { file = \"key.pem\", id = \"k1\", rsa = \"PS256\", audience = \"token_endpoint\" }\n\
         par = \"require\"\nother_audiences = [\"project\"]\n\
         required_claims = [{ claim = \"hd\", value = \"example.com\" }]\n\
         groups = { from = \"google_directory\", service_account = \"google.json\", acting_as = \"admin@example.com\" }",
    );
    let provider = site.load().unwrap().providers.remove(0);
    let key = KeyFile {
        file: site.path().join("key.pem"),
        id: Some("k1".into()),
        certificate: None,
        rsa: RsaPadding::Pss,
        audience: AssertionAudience::TokenEndpoint,
    };
    assert_eq!(provider.credential, ClientCredential::PrivateKey(key));
    assert_eq!(provider.pushed_requests, PushedRequests::Require);
    assert_eq!(provider.other_audiences, ["project"]);
    assert_eq!(provider.required_claims["hd"], "example.com");
    let account = Some((site.path().join("google.json"), "admin@example.com".to_owned()));
    let endpoint = "https://admin.googleapis.com".parse().unwrap();
    assert_eq!(provider.groups, GroupsSource::GoogleDirectory { endpoint, account });
}
