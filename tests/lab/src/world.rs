//! A whole small hosting company: an OpenID Provider, three cPanel servers, and Panelgate's files for them.
//!
//! Three people work there: `ada`, a full administrator; `sam`, support, limited by rules; and `nia`, whose
//! groups give nothing. Each part listens on a loopback address of its own, on the ports it has in life.

use std::fs;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::cpsrvd::Cpsrvd;
use crate::cpsrvd::Settings as CpsrvdSettings;
use crate::loopback;
use crate::loopback::Loopback;
use crate::pki::Authority;
use crate::pki::Identity;
use crate::provider::Client;
use crate::provider::Misbehaviour;
use crate::provider::Provider;
use crate::provider::Settings as ProviderSettings;
use crate::provider::User;

/// The client secret that gateway and provider share.
pub const CLIENT_SECRET: &str = "lab-client-secret-0123456789-abcdefgh";

/// The shape of panel origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Services differ by port.
    Ports,
    /// Services differ by name.
    Hosts,
}

impl Style {
    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ports => "ports",
            Self::Hosts => "hosts",
        }
    }
}

/// What a world is made to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The shape of panel origins.
    pub style: Style,
    /// The console's origin: `https` gets certificates of the world's own authority.
    pub console: String,
    /// Where the gateway listens; nothing claims an address of its own.
    pub gateway: Option<IpAddr>,
    /// The provider's issuer, with the port it is to have; `:0` stands for one that is free.
    pub issuer: String,
    /// Where the provider listens; nothing claims an address of its own.
    pub provider: Option<IpAddr>,
    /// Shown on the provider's sign-in page.
    pub note: Option<String>,
    /// Whether there is a second provider, `contractors`, at `https://contractors.localhost`.
    ///
    /// One person has an account there: `kim`, with the groups that the administrators have at the first
    /// one, and with Ada's `sub`.
    pub contractors: bool,
    /// Lines added to the gateway's main configuration file. `{gateway}` stands for the gateway's own address.
    pub more: String,
    /// The directory, instead of the usual one. `{web1}` and so on stand for the servers' own lines
    /// (everything but the access).
    pub directory: Option<String>,
}

impl Plan {
    /// Real TLS everywhere, under example.com.
    ///
    /// The provider is a name below `localhost`: the one kind that leads here for everybody without DNS,
    /// the gateway's own process included (RFC 6761 section 6.3).
    pub fn tls(style: Style) -> Self {
        Self {
            style,
            console: "https://connect.example.com".into(),
            gateway: None,
            issuer: "https://idp.localhost:0".into(),
            provider: Some([127, 0, 0, 1].into()),
            note: None,
            contractors: false,
            more: String::new(),
            directory: None,
        }
    }

    /// For a look in a browser: plain HTTP under `localhost`, which browsers trust and resolve themselves.
    pub fn localhost() -> Self {
        Self {
            console: "http://connect.localhost:8080".into(),
            gateway: Some([127, 0, 0, 1].into()),
            issuer: "http://idp.localhost:9400".into(),
            provider: Some([127, 0, 0, 1].into()),
            note: Some("Try ada / ada, sam / sam or nia / nia.".into()),
            more: "[log]\nfilter = \"warn\"\n".into(),
            ..Self::tls(Style::Ports)
        }
    }
}

/// The files of one gateway among several.
#[derive(Debug)]
pub struct Replica {
    place: Loopback,
    folder: PathBuf,
    name: String,
}

impl Replica {
    /// Where it listens.
    pub fn ip(&self) -> IpAddr {
        self.place.ip()
    }

    /// Its operations address.
    pub fn operations(&self) -> SocketAddr {
        self.place.at(9090)
    }

    /// Its main configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.join(format!("panelgate-{}.toml", self.name))
    }

    /// Its audit file.
    pub fn audit_file(&self) -> PathBuf {
        self.folder.join(format!("audit-{}.jsonl", self.name))
    }
}

/// The running parts, and the folder with the gateway's files.
#[derive(Debug)]
pub struct World {
    /// Who vouches for the certificates.
    pub authority: Authority,
    /// The provider.
    pub provider: Provider,
    /// The second provider, if the plan has it.
    pub contractors: Option<Provider>,
    /// web1, web2 and web3.
    pub servers: [Cpsrvd; 3],
    plan: Plan,
    gateway: IpAddr,
    folder: TempDir,
    _addresses: Vec<Loopback>,
}

impl World {
    /// Starts the parts and writes the files.
    pub async fn start(mut plan: Plan) -> anyhow::Result<Self> {
        if let Some(issuer) = plan.issuer.strip_suffix(":0") {
            plan.issuer = format!("{issuer}:{}", loopback::localhost_port()?);
        }
        let mut addresses = Vec::new();
        let mut place = |fixed: Option<IpAddr>| -> anyhow::Result<IpAddr> {
            if let Some(ip) = fixed {
                return Ok(ip);
            }
            let claimed = Loopback::claim()?;
            let ip = claimed.ip();
            addresses.push(claimed);
            Ok(ip)
        };
        let (gateway, provider) = (place(plan.gateway)?, place(plan.provider)?);
        let ips = [place(None)?, place(None)?, place(None)?];
        let authority = Authority::new()?;
        let provider = Provider::start(provider_settings(&plan, provider, &authority)?).await?;
        let contractors =
            if plan.contractors { Some(Provider::start(contractors(&plan, &authority)?).await?) } else { None };
        let [one, two, three] = ips;
        let servers = [
            Cpsrvd::start(CpsrvdSettings::new("web1.hosting.example", one)).await?,
            Cpsrvd::start(CpsrvdSettings {
                identity: Some(authority.issue(&["web2.hosting.example"])?),
                ..CpsrvdSettings::new("web2.hosting.example", two)
            })
            .await?,
            Cpsrvd::start(CpsrvdSettings::new("web3.hosting.example", three)).await?,
        ];
        let folder = tempfile::Builder::new().prefix("panelgate-").tempdir()?;
        let world = Self { authority, provider, contractors, servers, plan, gateway, folder, _addresses: addresses };
        world.write_files()?;
        Ok(world)
    }

    /// The folder with the gateway's files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The gateway's main configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder().join("panelgate.toml")
    }

    /// The audit file.
    pub fn audit_file(&self) -> PathBuf {
        self.folder().join("audit.jsonl")
    }

    /// The authority's certificate, as a file.
    pub fn authority_file(&self) -> PathBuf {
        self.folder().join("authority.pem")
    }

    /// The console's origin.
    pub fn console(&self) -> &str {
        &self.plan.console
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        &self.plan.issuer
    }

    /// The shape of panel origins.
    pub fn style(&self) -> Style {
        self.plan.style
    }

    /// Where the gateway listens.
    pub fn gateway(&self) -> IpAddr {
        self.gateway
    }

    /// Where the gateway tells probes and collectors about itself, on an address of its own.
    pub fn operations(&self) -> SocketAddr {
        SocketAddr::new(self.gateway, 9090)
    }

    /// Where every name of this world leads, for a client that asks no DNS: the provider's names to the
    /// provider, all others to the gateway.
    pub fn resolve(&self, host: &str) -> IpAddr {
        let issuer = url::Url::parse(&self.plan.issuer).ok();
        let is_provider = issuer.is_some_and(|url| url.host_str() == Some(host));
        if is_provider { self.provider.address().ip() } else { self.gateway }
    }

    /// One more gateway for the same people: an address, a state folder and an audit file of its own, and
    /// everything else the world's. It makes sense with a database in the plan's lines.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn replica(&self, name: &str) -> anyhow::Result<Replica> {
        let replica = Replica { place: Loopback::claim()?, folder: self.folder().to_owned(), name: name.to_owned() };
        let text = self
            .main_file()
            .replace(&format!("\"{}\"", self.gateway), &format!("\"{}\"", replica.ip()))
            .replace(&format!("\"{}\"", self.operations()), &format!("\"{}\"", replica.operations()))
            .replace("\"state\"", &format!("\"state-{name}\""))
            .replace("\"audit.jsonl\"", &format!("\"audit-{name}.jsonl\""));
        fs::write(replica.config(), text)?;
        Ok(replica)
    }

    /// The server of this number, from 1.
    pub fn server(&self, number: usize) -> &Cpsrvd {
        match number {
            1 => &self.servers[0],
            2 => &self.servers[1],
            _ => &self.servers[2],
        }
    }

    /// Secrets that must never be written anywhere: the client secret and the API tokens.
    pub fn secrets(&self) -> Vec<String> {
        let tokens = self.servers.iter().map(|server| server.token_for("root"));
        std::iter::once(CLIENT_SECRET.to_owned()).chain(tokens).collect()
    }

    fn write_files(&self) -> anyhow::Result<()> {
        let write = |name: &str, text: &str, mode: u32| -> anyhow::Result<()> {
            let path = self.folder().join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            Ok(())
        };
        write("authority.pem", self.authority.pem(), 0o644)?;
        write("client-secret", CLIENT_SECRET, 0o600)?;
        for (number, server) in (1..).zip(&self.servers) {
            write(&format!("web{number}-token"), &server.token_for("root"), 0o600)?;
        }
        if self.plan.console.starts_with("https") {
            let identity = self.authority.issue(&self.names())?;
            write("gateway.pem", &identity.certificate, 0o644)?;
            write("gateway.key", &identity.key, 0o600)?;
        }
        write("panelgate.toml", &self.main_file(), 0o644)?;
        write("directory.toml", &self.directory(), 0o644)
    }

    fn names(&self) -> Vec<&str> {
        let mut names = vec!["connect.example.com", "*.connect.example.com"];
        if self.plan.style == Style::Hosts {
            names.extend(["*.web1.connect.example.com", "*.web2.connect.example.com", "*.web3.connect.example.com"]);
        }
        names
    }

    fn main_file(&self) -> String {
        let Plan { console, issuer, style, more, .. } = &self.plan;
        let (style, gateway) = (style.as_str(), self.gateway);
        let more = more.replace("{gateway}", &gateway.to_string());
        let mut text = format!(
            "directory = \"directory.toml\"\n\
             [console]\norigin = \"{console}\"\n\
             [panels]\nstyle = \"{style}\"\n\
             [listen]\naddresses = [\"{gateway}\"]\n\
             [[providers]]\nid = \"sso\"\nname = \"Example SSO\"\nissuer = \"{issuer}\"\nclient_id = \"panelgate\"\n\
             client_secret = \"file:client-secret\"\nscopes = [\"openid\", \"offline_access\", \"profile\", \"email\", \"groups\"]\n\
             ca_file = \"authority.pem\"\n\
             [state]\ndirectory = \"state\"\n\
             [audit]\nfile = \"audit.jsonl\"\n{more}\n"
        );
        if let Some(provider) = &self.contractors {
            let issuer = provider.issuer();
            let second = format!(
                "[[providers]]\nid = \"contractors\"\nname = \"Contractors\"\nissuer = \"{issuer}\"\n\
                 client_id = \"panelgate\"\nclient_secret = \"file:client-secret\"\n\
                 scopes = [\"openid\", \"offline_access\", \"profile\", \"email\", \"groups\"]\nca_file = \"authority.pem\"\n"
            );
            text.push_str(&second);
        }
        // The doubles are asked by nobody but those whom a test sends.
        if !more.contains("[fleet]") {
            text.push_str("[fleet]\nwatch_minutes = 0\n");
        }
        if self.plan.gateway.is_none() {
            let operations = format!("[operations]\naddress = \"{}\"\n", self.operations());
            text.push_str(&operations);
        }
        if console.starts_with("https") {
            text.push_str("[tls]\ncertificates = [{ chain = \"gateway.pem\", key = \"gateway.key\" }]\n");
        }
        text
    }

    fn directory(&self) -> String {
        let mut text = self.plan.directory.clone().unwrap_or_else(|| DIRECTORY.to_owned());
        for (number, server) in (1..).zip(&self.servers) {
            let trust = match number {
                2 => "{ ca_file = \"authority.pem\" }".to_owned(),
                _ => format!("{{ pins = [\"sha256/{}\"] }}", server.spki_sha256()),
            };
            let (host, address) = (server.hostname(), server.ip());
            let lines = format!(
                "id = \"web{number}\"\nhost = \"{host}\"\naddress = \"{address}\"\ntrust = {trust}\n\
                 api_account = \"root\"\napi_token = \"file:web{number}-token\""
            );
            text = text.replace(&format!("{{web{number}}}"), &lines);
        }
        text
    }
}

/// web1 and web2 are shared hosting, web3 is the customers' own. Administrators open everything as root;
/// support opens web1's WHM as a reseller and one customer's cPanel and Webmail on web2.
pub const DIRECTORY: &str = r#"
[[servers]]
{web1}
name = "Shared hosting 1"
access = "restricted"

[[servers]]
{web2}
name = "Shared hosting 2"
access = "restricted"

[[servers]]
{web3}
name = "Customer machine"
access = "restricted"

[[role_groups]]
name = "Administrators"
idp_groups = ["whm-admins"]
connect = true

[[role_groups]]
name = "Support"
idp_groups = ["whm-support"]
connect = true

[[rules]]
role_group = "Administrators"
servers = ["web1", "web2", "web3"]
services = ["whostmgrd"]
account = "root"

[[rules]]
role_group = "Support"
servers = ["web1"]
services = ["whostmgrd"]
account = "support"

[[rules]]
role_group = "Support"
servers = ["web2"]
services = ["cpaneld"]
account = "bob"

[[rules]]
role_group = "Support"
servers = ["web2"]
services = ["webmaild"]
account = "sales@bob.example"
"#;

fn provider_settings(plan: &Plan, ip: IpAddr, authority: &Authority) -> anyhow::Result<ProviderSettings> {
    let url = url::Url::parse(&plan.issuer).context("the issuer is no URL")?;
    let host = url.host_str().context("the issuer has no host")?;
    let port = url.port_or_known_default().context("the issuer has no port")?;
    let tls: Option<Identity> = (url.scheme() == "https").then(|| authority.issue(&[host])).transpose()?;
    Ok(ProviderSettings {
        issuer: plan.issuer.clone(),
        listen: SocketAddr::new(ip, port),
        tls,
        users: vec![
            user("ada", "Ada Admin", &["whm-admins", "staff"]),
            user("sam", "Sam Support", &["whm-support", "staff"]),
            user("nia", "Nia Newcomer", &["staff", "marketing"]),
        ],
        clients: vec![client(plan, "sso")],
        note: plan.note.clone(),
        misbehaviour: Misbehaviour::default(),
    })
}

fn contractors(plan: &Plan, authority: &Authority) -> anyhow::Result<ProviderSettings> {
    let kim = user("kim", "Kim Contractor", &["whm-admins"]);
    Ok(ProviderSettings {
        issuer: "https://contractors.localhost:0".into(),
        listen: SocketAddr::new(IpAddr::from([127, 0, 0, 1]), 0),
        tls: Some(authority.issue(&["contractors.localhost"])?),
        users: vec![User { sub: "sub-of-ada".into(), ..kim }],
        clients: vec![client(plan, "contractors")],
        note: None,
        misbehaviour: Misbehaviour::default(),
    })
}

/// A person whose password is the login.
fn user(login: &str, name: &str, groups: &[&str]) -> User {
    User {
        login: login.into(),
        password: login.into(),
        sub: format!("sub-of-{login}"),
        name: name.into(),
        email: format!("{login}@example.com"),
        groups: groups.iter().map(ToString::to_string).collect(),
    }
}

/// The gateway, as it is registered at the provider that it knows by this id.
fn client(plan: &Plan, provider: &str) -> Client {
    Client {
        id: "panelgate".into(),
        secret: CLIENT_SECRET.into(),
        redirect_uris: vec![format!("{}/callback/{provider}", plan.console)],
        post_logout_redirect_uris: vec![format!("{}/signed-out", plan.console)],
        assertion_key: None,
    }
}
