//! The files of a company that is large enough for its size to show.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// Role groups in the directory; the person who signs in is in two of them.
const ROLE_GROUPS: usize = 50;

/// Who connects to a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// People, over TLS.
    Nobody,
    /// A balancer on this machine at which TLS ends.
    Balancer,
    /// People, over TLS, at the first or second of two gateways that share a database.
    Replica(usize),
}

/// `panelgate.toml`, with everything on that is on by default, and metrics. The load is one person at one address, so
/// what one person may have at once is as much as can be set.
pub(crate) fn main_file(console: &str, issuer: &str, gateway: IpAddr, front: Front, watch_minutes: u32) -> String {
    const TLS: &str = "[tls]\ncertificates = [{ chain = \"proxy.pem\", key = \"proxy.key\" }]\n";
    const BALANCER: &str =
        "[balancer]\naddresses = [\"127.0.0.1\"]\nclient = \"x_forwarded_for\"\ntls = \"balancer\"\n";
    const DATABASE: &str = "[store]\npostgres = \"file:database\"\nserver_key = \"file:server-key\"\n";
    let (state, more) = match front {
        Front::Nobody => ("state".to_owned(), TLS.to_owned()),
        Front::Balancer => ("balanced".to_owned(), BALANCER.to_owned()),
        Front::Replica(number) => (format!("replica-{number}"), format!("{DATABASE}{TLS}")),
    };
    format!(
        "directory = \"directory.toml\"\n\
         [console]\norigin = \"{console}\"\n\
         [listen]\naddresses = [\"{gateway}\"]\n\
         [[providers]]\nid = \"sso\"\nname = \"Benchmark SSO\"\nissuer = \"{issuer}\"\nclient_id = \"panelgate\"\n\
         client_secret = \"file:client-secret\"\nscopes = [\"openid\", \"profile\", \"email\", \"groups\"]\n\
         ca_file = \"authority.pem\"\n\
         [state]\ndirectory = \"{state}\"\n\
         [audit]\nfile = \"{state}-audit.jsonl\"\n\
         [operations]\naddress = \"{gateway}:9090\"\n\
         [fleet]\nwatch_minutes = {watch_minutes}\n\
         [limits]\npending_logins = 100000\npending_logins_per_address = 100000\nconnections_per_address = 1000000\n\
         requests_per_session = 10000\nrequests_per_panel_session = 200\nrequests_per_server = 10000\n{more}"
    )
}

/// `directory.toml`: all servers are at one address, and every rule gives three of them.
pub(crate) fn directory(address: IpAddr, servers: usize, rules: usize) -> String {
    let mut text = String::new();
    for number in 0..servers {
        let section = format!(
            "[[servers]]\nid = \"web{number}\"\nhost = \"web{number}.hosting.example\"\naddress = \"{address}\"\n\
             trust = {{ ca_file = \"authority.pem\" }}\napi_account = \"root\"\napi_token = \"file:token\"\n\
             access = \"restricted\"\n\n"
        );
        text.push_str(&section);
    }
    for number in 0..ROLE_GROUPS {
        let section =
            format!("[[role_groups]]\nname = \"Role {number}\"\nidp_groups = [\"group-{number}\"]\nconnect = true\n\n");
        text.push_str(&section);
    }
    // One person sees every server.
    let all: Vec<String> = (0..servers).map(|number| format!("\"web{number}\"")).collect();
    let all = all.join(", ");
    let section = format!(
        "[[role_groups]]\nname = \"Overseers\"\nidp_groups = [\"everything\"]\nconnect = true\n\n\
         [[rules]]\nrole_group = \"Overseers\"\nservers = [{all}]\nservices = [\"whostmgrd\"]\naccount = \"overseer\"\n\n"
    );
    text.push_str(&section);
    for number in 0..rules {
        let group = number % ROLE_GROUPS;
        // The first rule gives web0; the others walk through all servers.
        let given: BTreeSet<usize> = [number, number + 7, number + 31].map(|server| server % servers.max(1)).into();
        let given: Vec<String> = given.into_iter().map(|server| format!("\"web{server}\"")).collect();
        let given = given.join(", ");
        let account = if number < ROLE_GROUPS { "root".to_owned() } else { format!("role{number}") };
        let section = format!(
            "[[rules]]\nrole_group = \"Role {group}\"\nservers = [{given}]\n\
             services = [\"whostmgrd\"]\naccount = \"{account}\"\n\n"
        );
        text.push_str(&section);
    }
    text
}
