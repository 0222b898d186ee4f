//! Whether people could sign in at a provider.

use crate::compose;
use crate::config::Config;
use crate::config::Provider as Configured;
use crate::doctor::Finding;
use crate::doctor::Part;
use crate::identity::LoginError;
use crate::identity::Looked;
use crate::identity::Nonsense;
use crate::identity::Unavailable;
use crate::telemetry::Chain;

/// A difference of clocks, in seconds, that the way of an answer does not explain.
const DIFFERENCE: u64 = 3;

/// Asks a provider for what it says of itself and for its keys.
pub(super) async fn look(config: &Config, configured: &Configured) -> Vec<Finding> {
    let id = &configured.id;
    let provider = match compose::provider(config, id) {
        Ok(Some(provider)) => provider,
        Ok(None) => return Vec::new(),
        Err(error) => {
            let advice = format!("mend the section of the provider {id} in [[providers]]");
            return vec![Finding::wrong(Part::Provider, id, Chain(&error).to_string(), advice)];
        }
    };
    match provider.look().await {
        Ok(looked) => vec![found(configured, &looked)],
        Err(error) => {
            let says = format!("people cannot sign in: {}", Chain(&error));
            vec![Finding::wrong(Part::Provider, id, says, advice(configured, &error))]
        }
    }
}

fn found(configured: &Configured, looked: &Looked) -> Finding {
    let Configured { id, issuer, leeway, .. } = configured;
    let ahead = looked.clock_ahead.unwrap_or_default();
    let direction = if ahead < 0 { "behind" } else { "ahead of" };
    let clock = format!("its clock is {} s {direction} ours", ahead.unsigned_abs());
    let advice = "see that both clocks are set by NTP (here: `timedatectl`)";
    if ahead.unsigned_abs() > leeway.as_secs() {
        let says = format!("{clock}, more than the {} s that are forgiven: sign-ins fail", leeway.as_secs());
        return Finding::wrong(Part::Provider, id, says, advice);
    }
    if ahead.unsigned_abs() > DIFFERENCE {
        return Finding::remark(Part::Provider, id, clock, advice);
    }
    let keys = looked.keys;
    let out = if looked.can_end_sessions { "it can be signed out of" } else { "it cannot be signed out of from here" };
    Finding::well(Part::Provider, id, format!("{issuer} answers, with {keys} usable keys; {out}; {clock}"))
}

fn advice(configured: &Configured, error: &LoginError) -> String {
    let Configured { issuer, .. } = configured;
    match error {
        LoginError::Unavailable { source, .. } => match &**source {
            Unavailable::Connect(_) | Unavailable::TimedOut(_) => format!(
                "see that this machine reaches {issuer} (DNS, firewall), and that it knows the authority of its \
                 certificate; for one of your own: `ca_file`"
            ),
            Unavailable::Broken(_) | Unavailable::Status(_) => "see what the provider's own log says".to_owned(),
        },
        LoginError::Nonsense { source, .. } => of_nonsense(issuer, *source),
        LoginError::Expired
        | LoginError::UnknownLogin
        | LoginError::Callback(_)
        | LoginError::WrongIssuer
        | LoginError::Refused(_)
        | LoginError::CodeRefused(_)
        | LoginError::RefreshRefused(_)
        | LoginError::RequestRefused(_)
        | LoginError::Token(_)
        | LoginError::TooWeak(_)
        | LoginError::Groups(_)
        | LoginError::GroupsAway(_)
        | LoginError::Random(_) => "try a sign-in: panelgate check --login".to_owned(),
    }
}

fn of_nonsense(issuer: &str, nonsense: Nonsense) -> String {
    let slash = if issuer.ends_with('/') { "without" } else { "with" };
    match nonsense {
        Nonsense::IssuerMismatch => format!(
            "write `issuer` letter by letter as the provider's discovery document has it; often it is only {slash} a \
             slash at the end"
        ),
        Nonsense::Redirect | Nonsense::Status(_) | Nonsense::ContentType | Nonsense::Json => format!(
            "open {}/.well-known/openid-configuration in a browser: it has to be the provider's JSON document",
            issuer.trim_end_matches('/')
        ),
        Nonsense::AlgorithmNotOffered | Nonsense::NoUsableKey => {
            "set `id_token_alg` to the algorithm that the provider signs this client's ID tokens with".to_owned()
        }
        Nonsense::PushDemanded => "set `pushed_requests = \"auto\"`".to_owned(),
        Nonsense::TooLong => "raise limits.provider_answer_kib, if the provider is what it should be".to_owned(),
        Nonsense::Member(_)
        | Nonsense::UnsafeAddress(_)
        | Nonsense::TooManyKeys
        | Nonsense::NotATokenResponse
        | Nonsense::SubjectMismatch => {
            "the provider's document is not as OpenID Connect Discovery asks for: see its settings".to_owned()
        }
    }
}
