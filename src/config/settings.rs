//! The settings as the gateway uses them: every value has been checked.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::config::limits::Limits;
use crate::config::problem::Warnings;
use crate::model::AssertionAudience;
use crate::model::Balancers;
use crate::model::ClientFrom;
use crate::model::Directory;
use crate::model::GroupValues;
use crate::model::GroupsFrom;
use crate::model::IdTokenAlgorithm;
use crate::model::Origin;
use crate::model::ProviderId;
use crate::model::PushedRequests;
use crate::model::RsaPadding;
use crate::model::SecretRef;
use crate::model::SyslogTarget;

/// A configuration without a problem in it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The console's origin. Its host is a DNS name; `http` only on localhost.
    pub console: Origin,
    /// The shape of panel origins.
    pub panels: PanelStyle,
    /// Where to listen.
    pub listen: Listen,
    /// The load balancers in front, if there are any.
    pub balancer: Option<Balancer>,
    /// The certificates to answer with: at least one for an `https` console whose TLS ends here, else none.
    pub certificates: Vec<CertificateFiles>,
    /// Who says who people are: at least one, each with an id and an issuer of its own.
    pub providers: Vec<Provider>,
    /// How long people's sessions last.
    pub session: SessionLifetimes,
    /// The folder of the store.
    pub state_directory: PathBuf,
    /// Where the state is.
    pub store: StoreAt,
    /// Where the keys of the vault are, if there is one.
    pub vault: Option<VaultKeys>,
    /// How the servers' API tokens are looked after.
    pub fleet: Fleet,
    /// The directory's file or folder.
    pub directory_at: PathBuf,
    /// Where audit events go.
    pub audit: Audit,
    /// The log.
    pub log: Log,
    /// Where probes and collectors ask; nowhere by default.
    pub operations: Option<SocketAddr>,
    /// From where servers are reached.
    pub upstream: Leaving,
    /// Where traces go; nowhere by default.
    pub telemetry: Option<Telemetry>,
    /// What is bounded, and by how much.
    pub limits: Limits,
    /// The servers, role groups and rules.
    pub directory: Arc<Directory>,
    /// Files of tests that the directory has to pass before it is used.
    pub access_tests: Vec<PathBuf>,
    /// The files and folders that all this was read from; a change of one is a reason to read them again.
    pub sources: BTreeSet<PathBuf>,
    /// What is allowed and yet worth a look.
    pub warnings: Warnings,
}

impl Config {
    /// The sections of the main file that differ and take effect with the next start only.
    pub fn needs_restart(&self, other: &Self) -> Vec<&'static str> {
        let differs = [
            ("console", self.console != other.console),
            ("panels", self.panels != other.panels),
            ("listen", self.listen != other.listen),
            ("balancer", self.balancer != other.balancer),
            ("providers", self.providers != other.providers),
            ("session", self.session != other.session),
            ("state", self.state_directory != other.state_directory),
            ("store", self.store != other.store),
            ("vault", self.vault != other.vault),
            ("fleet", self.fleet != other.fleet),
            ("audit", self.audit != other.audit),
            ("log", self.log != other.log),
            ("operations", self.operations != other.operations),
            ("upstream", self.upstream != other.upstream),
            ("telemetry", self.telemetry != other.telemetry),
            ("limits", self.limits != other.limits),
        ];
        differs.into_iter().filter_map(|(section, differs)| differs.then_some(section)).collect()
    }
}

/// The shape of panel origins, in which cPanel's own pages find out what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanelStyle {
    /// `https://web1.connect.example.com:2087`: services differ by port, as on cpsrvd itself.
    Ports,
    /// `https://whm.web1.connect.example.com`: services differ by name, on the console's port.
    Hosts,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The addresses, at least one.
    pub addresses: Vec<IpAddr>,
    /// The console's port; in the style [`PanelStyle::Hosts`] that of the panels too.
    pub console_port: u16,
    /// The port on which plain HTTP is sent on to HTTPS, if there is one.
    pub redirect_port: Option<u16>,
}

/// The load balancers in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balancer {
    /// Where they connect from; nobody else may connect.
    pub addresses: Balancers,
    /// How they say whose connection or request they bring.
    pub client: ClientFrom,
    /// How long the gateway goes on accepting after it was told to stop, so that they notice.
    pub leave: Duration,
    /// Whether TLS ends there, and plain HTTP comes from there. Never with the PROXY protocol.
    pub ends_tls: bool,
}

/// A certificate with its chain, and its key, as PEM files. They were read once and belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, followed by its intermediates.
    pub chain: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// The `OpenID` Provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its id, which stands in its redirect address.
    pub id: ProviderId,
    /// The name that people see at sign-in.
    pub name: String,
    /// The issuer identifier, compared exactly as it is written.
    pub issuer: String,
    /// Our client identifier.
    pub client_id: String,
    /// What proves to the provider who we are.
    pub credential: ClientCredential,
    /// Whether authorization requests are pushed to the provider.
    pub pushed_requests: PushedRequests,
    /// The one algorithm that ID tokens may be signed with.
    pub id_token_alg: IdTokenAlgorithm,
    /// The scopes to ask for, `openid` among them.
    pub scopes: Vec<String>,
    /// Where the groups are found.
    pub groups: GroupsSource,
    /// Audiences that an ID token may name beside us.
    pub other_audiences: Vec<String>,
    /// Claims that an ID token must have, each with the one value that it must have.
    pub required_claims: BTreeMap<String, String>,
    /// Whether logout tokens may lack `exp` and the type `logout+jwt`.
    pub lenient_logout_tokens: bool,
    /// How far the provider's clock may be from ours.
    pub leeway: Duration,
    /// A PEM file of the authorities that the provider's certificate may come from, instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// What proves to a provider who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCredential {
    /// `client_secret_basic`.
    Basic(SecretRef),
    /// `client_secret_post`.
    Post(SecretRef),
    /// `private_key_jwt`.
    PrivateKey(KeyFile),
}

/// Our private key at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// A PEM file with the key in PKCS #8.
    pub file: PathBuf,
    /// The key's id at the provider (`kid`).
    pub id: Option<String>,
    /// A PEM file with the key's certificate, where the provider knows the key by that (`x5t#S256`).
    pub certificate: Option<PathBuf>,
    /// How an RSA key signs.
    pub rsa: RsaPadding,
    /// Whom the assertions are meant for.
    pub audience: AssertionAudience,
}

/// Where a person's groups are found. There is one place, and no other is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupsSource {
    /// In a claim.
    Claim {
        /// The document.
        from: GroupsFrom,
        /// The place in it: a JSON Pointer (RFC 6901), such as `/groups`.
        pointer: String,
        /// What its value is like.
        values: GroupValues,
    },
    /// In Microsoft Graph.
    Graph {
        /// Its address with the version.
        endpoint: Url,
    },
    /// In Google's directory.
    GoogleDirectory {
        /// The address of the Admin SDK.
        endpoint: Url,
        /// Who asks, if not the person: the JSON key file of a service account, and the administrator in whose
        /// name it asks.
        account: Option<(PathBuf, String)>,
    },
}

/// Where the state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAt {
    /// In a file of the state folder, for one node.
    StateFolder,
    /// In a PostgreSQL database that several nodes share.
    Postgres {
        /// Where its address is, password included.
        address: SecretRef,
        /// Where the server key is that all nodes share.
        server_key: SecretRef,
        /// Where other server keys are, which seal nothing here and open what other nodes sealed or have sealed.
        other_server_keys: Vec<SecretRef>,
    },
}

/// How the servers' API tokens are looked after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// How long a token that Panelgate creates is valid.
    pub token_lifetime: Duration,
    /// Whether tokens in the vault are changed by the gateway before they end.
    pub rotate: bool,
    /// How long before its end a token is due.
    pub rotate_before: Duration,
    /// Between two looks at a server; nothing, if servers are not watched.
    pub watch: Option<Duration>,
    /// The table of known holes; nothing for the one that comes with the program.
    pub advisories: Option<PathBuf>,
    /// The only addresses that may use tokens that Panelgate creates; any, if there are none.
    pub addresses: Vec<IpAddr>,
}

/// Where the master keys of the vault are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultKeys {
    /// The one that seals.
    pub master_key: SecretRef,
    /// Those that still open what they sealed.
    pub former_keys: Vec<SecretRef>,
}

/// How long a person's session lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLifetimes {
    /// Without use.
    pub idle: Duration,
    /// In any case; not shorter than `idle`.
    pub absolute: Duration,
    /// The longest time between two questions to the provider who somebody is, with a refresh token.
    pub refresh: Duration,
    /// How much longer a session goes on when the provider does not answer.
    pub provider_grace: Duration,
}

/// Where audit events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The current file.
    pub file: PathBuf,
    /// Whether they go to standard output as well.
    pub stdout: bool,
    /// The syslog that they go to as well.
    pub syslog: Option<SyslogTarget>,
    /// Whether an act is refused if its event cannot be sent to standard output or syslog.
    pub required: bool,
    /// Whether requests to panels are recorded.
    pub requests: bool,
}

/// The log of the process (not the audit events).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// What is logged, in the words of `tracing_subscriber::filter::Targets`.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// From where servers are reached. cpsrvd ties a session to the address that it was opened from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaving {
    /// Whether all gateways leave from one address.
    pub egress: Egress,
    /// The address of this machine that connections to servers come from; the system chooses, if there is none.
    pub source: Option<IpAddr>,
}

/// Whether all gateways reach servers from one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Egress {
    /// Each from one of its own: each opens cpsrvd sessions of its own.
    #[default]
    Own,
    /// All from one: they share each cpsrvd session.
    Shared,
}

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// The base address of a collector that takes OTLP over HTTP.
    pub otlp_endpoint: Url,
    /// How many of a hundred requests are traced.
    pub sample_percent: u8,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
