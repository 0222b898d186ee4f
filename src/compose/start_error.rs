//! Why a gateway does not start.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::audit::AuditError;
use crate::fleet::AdvisoryError;
use crate::fleet::NoteError;
use crate::identity::InvalidPointer;
use crate::identity::InvalidProvider;
use crate::identity::SameProvider;
use crate::identity::UnusableKey;
use crate::listener::BindError;
use crate::listener::TlsError;
use crate::session::SessionError;
use crate::store::KeyFileError;
use crate::store::StoreError;
use crate::telemetry::Chain;
use crate::telemetry::TraceError;
use crate::upstream::TrustError;
use crate::vault::InvalidMasterKey;
use crate::vault::TokenError;
use crate::vault::VaultError;

/// Why the gateway does not start although its configuration is well-formed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file or folder of the configuration cannot be used.
    #[error("cannot use {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store does not open.
    #[error("the store does not open")]
    Store(#[source] StoreError),
    /// The registry of sessions cannot begin.
    #[error("sessions cannot be kept")]
    Sessions(#[source] SessionError),
    /// The server key cannot be had.
    #[error("there is no server key")]
    Key(#[source] KeyFileError),
    /// Several gateways share their server key, which no command of one of them can change.
    #[error(
        "the gateways share the server key behind [store] server_key: change it there, as docs/operations.md says \
         under \"Another server key\""
    )]
    SharedKey,
    /// The audit log does not open.
    #[error("the audit log does not open")]
    Audit(#[source] AuditError),
    /// A secret of the store cannot be read.
    #[error("a secret of the store cannot be read")]
    Secret(#[source] VaultError),
    /// A master key of the vault cannot be read.
    #[error("a master key of the vault cannot be read")]
    MasterKey(#[source] VaultError),
    /// A master key of the vault is none.
    #[error("a master key of the vault cannot be used")]
    InvalidMasterKey(#[source] InvalidMasterKey),
    /// A server's token is to be in the vault, and the gateway was started without one.
    #[error("the token of {0} is to be in the vault, and there is none: `[vault]` takes effect with a restart")]
    NoVault(String),
    /// A command works on the vault, and there is none.
    #[error("there is no vault: add a section `[vault]` with master_key to the main file")]
    VaultMissing,
    /// The table of known holes cannot be used.
    #[error("the table of `[fleet] advisories` cannot be used")]
    Advisories(#[source] AdvisoryError),
    /// Notes for the audit log cannot be written.
    #[error("what is done to tokens cannot be noted for the audit log")]
    Notes(#[source] NoteError),
    /// Tokens that the directory wants from the vault are not given out.
    #[error("the vault does not give out {} of the tokens that the directory wants:{}", .0.len(), listed(.0))]
    Closed(Vec<TokenError>),
    /// The client secret cannot be read.
    #[error("the client secret cannot be read")]
    ClientSecret(#[source] VaultError),
    /// A private key of ours cannot be used.
    #[error("the private key in {} cannot be used", path.display())]
    ClientKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: UnusableKey,
    },
    /// A file is not what it should be.
    #[error("{} is not {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
    },
    /// The pointer to the groups cannot be read.
    #[error("the pointer to the groups cannot be read")]
    Groups(#[source] InvalidPointer),
    /// An address of ours cannot be made.
    #[error("the console's origin makes no addresses")]
    Address(#[source] url::ParseError),
    /// The provider's settings cannot be used.
    #[error("the provider's settings cannot be used")]
    Provider(#[source] InvalidProvider),
    /// Two providers cannot be told apart.
    #[error("the providers cannot be used together")]
    SameProvider(#[source] SameProvider),
    /// A server's certificate cannot be verified as configured.
    #[error("server {server} cannot be verified as configured")]
    Trust {
        /// The server.
        server: String,
        /// Why.
        source: TrustError,
    },
    /// Traces cannot be sent.
    #[error("traces cannot be sent")]
    Traces(#[source] TraceError),
    /// Our own certificates cannot be used.
    #[error("our own certificates cannot be used")]
    Tls(#[source] TlsError),
    /// A socket that was handed over cannot be used.
    #[error("a socket that was handed over cannot be used")]
    HandedOver(#[source] io::Error),
    /// A socket was handed over that the configuration does not ask for.
    #[error("a socket for {0} was handed over, and the configuration has nothing that listens there")]
    Unasked(SocketAddr),
    /// Connections to servers cannot come from the configured address.
    #[error("connections to servers cannot come from {ip}, which is [upstream] source")]
    Source {
        /// The address.
        ip: IpAddr,
        /// Why.
        source: io::Error,
    },
    /// An address cannot be listened on.
    #[error("an address cannot be used")]
    Bind(#[source] BindError),
}

fn listed(errors: &[TokenError]) -> String {
    errors.iter().fold(String::new(), |text, error| text + "\n  " + &Chain(error).to_string())
}
