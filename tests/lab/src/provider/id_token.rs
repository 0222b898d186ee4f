//! Making ID tokens (OpenID Connect Core 1.0, section 2), right or wrong.

use aws_lc_rs::digest;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::provider::Client;
use crate::provider::User;
use crate::provider::keys::Generation;
use crate::provider::misbehaviour::IdTokenFault;
use crate::provider::misbehaviour::Patch;
use crate::provider::state::Granted;
use crate::provider::state::State;
use crate::provider::state::now;
use crate::provider::state::random_text;

/// Seconds that an ID token is good for.
const LIFETIME: u64 = 300;

/// The claims about a person that the scopes ask for (section 5.4, and `groups`).
pub(super) fn scope_claims(user: &User, scope: &str) -> Map<String, Value> {
    let mut claims = Map::new();
    for scope in scope.split(' ') {
        match scope {
            "profile" => {
                claims.insert("name".into(), json!(user.name));
                claims.insert("preferred_username".into(), json!(user.login));
            }
            "email" => {
                claims.insert("email".into(), json!(user.email));
                claims.insert("email_verified".into(), json!(true));
            }
            "groups" => {
                claims.insert("groups".into(), json!(user.groups));
            }
            _ => {}
        }
    }
    claims
}

/// The ID token for a grant.
pub(super) fn make(
    state: &State,
    granted: &Granted,
    user: &User,
    client: &Client,
    access_token: &str,
    with_nonce: bool,
) -> anyhow::Result<String> {
    let mut claims = scope_claims(user, &granted.request.scope);
    let iat = now();
    claims.insert("iss".into(), json!(state.issuer));
    claims.insert("sub".into(), json!(user.sub));
    claims.insert("aud".into(), json!(client.id));
    claims.insert("iat".into(), json!(iat));
    claims.insert("exp".into(), json!(iat + LIFETIME));
    claims.insert("auth_time".into(), json!(granted.person.auth_time));
    if let Some(acr) = &granted.person.acr {
        claims.insert("acr".into(), json!(acr));
    }
    claims.insert("sid".into(), json!(granted.person.sid));
    claims.insert("at_hash".into(), json!(left_half_hash(access_token)));
    if let Some(nonce) = granted.request.nonce.as_ref().filter(|_| with_nonce) {
        claims.insert("nonce".into(), json!(nonce));
    }
    let faults = state.misbehaviour().id_token.clone();
    sign(state, claims, &faults, client)
}

/// Signs claims, with these faults.
pub(super) fn sign(
    state: &State,
    claims: Map<String, Value>,
    faults: &[IdTokenFault],
    client: &Client,
) -> anyhow::Result<String> {
    let keys = state.keys();
    let mut draft = Draft::new(claims, keys.newest()?);
    for fault in faults {
        draft.bend(fault, client, keys.newest()?)?;
    }
    draft.sign(keys.newest()?)
}

/// A logout token (OpenID Connect Back-Channel Logout 1.0, section 2.4), bent as told.
pub(super) fn make_logout(
    state: &State,
    sub: &str,
    sid: &str,
    client: &Client,
    faults: &[IdTokenFault],
) -> anyhow::Result<String> {
    let mut claims = Map::new();
    let iat = now();
    claims.insert("iss".into(), json!(state.issuer));
    claims.insert("sub".into(), json!(sub));
    claims.insert("sid".into(), json!(sid));
    claims.insert("aud".into(), json!(client.id));
    claims.insert("iat".into(), json!(iat));
    claims.insert("exp".into(), json!(iat + 120));
    claims.insert("jti".into(), json!(random_text()?));
    claims.insert("events".into(), json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
    claims.insert("something_else".into(), json!("to be ignored"));
    let keys = state.keys();
    let mut draft = Draft::new(claims, keys.newest()?);
    draft.header.insert("typ".into(), json!("logout+jwt"));
    for fault in faults {
        draft.bend(fault, client, keys.newest()?)?;
    }
    draft.sign(keys.newest()?)
}

/// The left half of the SHA-256 of a token (section 3.1.3.6; all our algorithms hash with SHA-256).
fn left_half_hash(token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..16).unwrap_or_default())
}

/// How a draft will be signed.
enum Signing {
    Rs256,
    Es256,
    Hs256(Vec<u8>),
    Foreign(Box<Generation>),
    None,
}

/// A token that is not signed yet.
struct Draft {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    /// Text to put in front of the payload's members.
    in_front: String,
    signing: Signing,
    broken: bool,
    replaced: Option<String>,
}

impl Draft {
    fn new(claims: Map<String, Value>, keys: &Generation) -> Self {
        let header = [("alg", json!("RS256")), ("typ", json!("JWT")), ("kid", json!(keys.rsa_kid()))];
        Self {
            header: header.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            claims,
            in_front: String::new(),
            signing: Signing::Rs256,
            broken: false,
            replaced: None,
        }
    }

    fn bend(&mut self, fault: &IdTokenFault, client: &Client, keys: &Generation) -> anyhow::Result<()> {
        match fault {
            IdTokenFault::Claim(patch) => Patch::apply(std::slice::from_ref(patch), &mut self.claims),
            IdTokenFault::Header(patch) => Patch::apply(std::slice::from_ref(patch), &mut self.header),
            IdTokenFault::Moment(claim, seconds) => {
                self.claims.insert((*claim).into(), json!(now().saturating_add_signed(*seconds)));
            }
            IdTokenFault::Twice(claim, value) => {
                self.in_front = format!("{}:{value},", json!(claim));
            }
            IdTokenFault::Unsigned => self.resign(Signing::None, "none", None),
            IdTokenFault::SignedWithClientSecret => {
                self.resign(Signing::Hs256(client.secret.as_bytes().to_vec()), "HS256", None);
            }
            IdTokenFault::SignedWithEs256 => self.resign(Signing::Es256, "ES256", Some(keys.ec_kid())),
            IdTokenFault::ForeignKey => self.signing = Signing::Foreign(Box::new(Generation::new(0)?)),
            IdTokenFault::BrokenSignature => self.broken = true,
            IdTokenFault::Text(text) => self.replaced = Some(text.clone()),
        }
        Ok(())
    }

    fn resign(&mut self, signing: Signing, alg: &str, kid: Option<String>) {
        self.signing = signing;
        self.header.insert("alg".into(), json!(alg));
        match kid {
            Some(kid) => self.header.insert("kid".into(), json!(kid)),
            None => self.header.remove("kid"),
        };
    }

    fn sign(self, keys: &Generation) -> anyhow::Result<String> {
        if let Some(text) = self.replaced {
            return Ok(text);
        }
        let payload = Value::Object(self.claims).to_string().replacen('{', &format!("{{{}", self.in_front), 1);
        let header = URL_SAFE_NO_PAD.encode(Value::Object(self.header).to_string());
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
        let mut signature = match &self.signing {
            Signing::Rs256 => keys.rs256(message.as_bytes())?,
            Signing::Es256 => keys.es256(message.as_bytes())?,
            Signing::Hs256(key) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, key);
                hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
            }
            Signing::Foreign(keys) => keys.rs256(message.as_bytes())?,
            Signing::None => Vec::new(),
        };
        if let (true, Some(last)) = (self.broken, signature.last_mut()) {
            *last ^= 1;
        }
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
