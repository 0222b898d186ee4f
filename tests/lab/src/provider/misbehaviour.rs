//! What the provider can be told to do wrong.

use serde_json::Value;

/// Everything that is wrong at the moment. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Misbehaviour {
    /// Changes to each ID token, applied in this order.
    pub id_token: Vec<IdTokenFault>,
    /// Changes to the members of the discovery document.
    pub metadata: Vec<Patch>,
    /// Changes to the parameters of the authorization response (`iss`, `state`, `code`, `error` …).
    pub authorization_response: Vec<Patch>,
    /// Changes to the members of the token response.
    pub token_response: Vec<Patch>,
    /// Changes to the claims of the userinfo response.
    pub userinfo_claims: Vec<Patch>,
    /// `max_age` is not heeded: whoever is signed in goes on.
    pub ignores_max_age: bool,
    /// The JWKS holds only the RSA keys.
    pub jwks_rsa_only: bool,
    /// The discovery document fails.
    pub discovery: Option<EndpointFault>,
    /// The JWKS fails.
    pub jwks: Option<EndpointFault>,
    /// The token endpoint fails.
    pub token: Option<EndpointFault>,
    /// The token endpoint fails, but only for refresh tokens.
    pub refresh: Option<EndpointFault>,
    /// The userinfo endpoint fails.
    pub userinfo: Option<EndpointFault>,
    /// The userinfo endpoint answers with a signed token, with these faults in it.
    pub userinfo_signed: Option<Vec<IdTokenFault>>,
    /// The endpoint for pushed requests fails.
    pub push: Option<EndpointFault>,
    /// Both directories fail, each at its list of groups.
    pub directory: Option<EndpointFault>,
    /// Google's token endpoint fails.
    pub google_token: Option<EndpointFault>,
    /// Graph speaks of the person with this object id.
    pub graph_speaks_of: Option<String>,
    /// Graph says that the next page is there.
    pub graph_next: Option<String>,
    /// Graph says after every page that there is another one.
    pub graph_endless: bool,
}

/// One member of a JSON object (or one query parameter), set or removed.
#[derive(Clone, Debug)]
pub struct Patch {
    /// The member's name.
    pub name: String,
    /// What it becomes; nothing removes it.
    pub to: Option<Value>,
}

impl Patch {
    /// Sets a member.
    pub fn set(name: &str, value: impl Into<Value>) -> Self {
        Self { name: name.into(), to: Some(value.into()) }
    }

    /// Removes a member.
    pub fn remove(name: &str) -> Self {
        Self { name: name.into(), to: None }
    }

    pub(super) fn apply(patches: &[Self], object: &mut serde_json::Map<String, Value>) {
        for patch in patches {
            match &patch.to {
                Some(value) => object.insert(patch.name.clone(), value.clone()),
                None => object.remove(&patch.name),
            };
        }
    }
}

/// One thing wrong with an ID token.
#[derive(Clone, Debug)]
pub enum IdTokenFault {
    /// A claim is set or removed.
    Claim(Patch),
    /// A claim becomes the present time and that many seconds (`NumericDate`).
    Moment(&'static str, i64),
    /// A claim stands in the payload a second time, with this value, before the right one.
    Twice(&'static str, Value),
    /// A header parameter is set or removed.
    Header(Patch),
    /// `alg` is `none` and the signature is empty.
    Unsigned,
    /// Signed with HS256, the client secret being the key.
    SignedWithClientSecret,
    /// Signed with ES256 (right, but not what most clients expect).
    SignedWithEs256,
    /// The last octet of the signature is changed.
    BrokenSignature,
    /// Signed with a key that is not in the JWKS, under the key id of one that is.
    ForeignKey,
    /// The token is replaced by this text.
    Text(String),
}

impl IdTokenFault {
    /// A claim with another value.
    pub fn wrong(claim: &str, value: impl Into<Value>) -> Self {
        Self::Claim(Patch::set(claim, value))
    }

    /// A claim that is not there.
    pub fn missing(claim: &str) -> Self {
        Self::Claim(Patch::remove(claim))
    }
}

/// A way for an endpoint to fail.
#[derive(Clone, Debug)]
pub enum EndpointFault {
    /// This status with a small HTML page.
    Status(u16),
    /// Status 400 with this OAuth error code (RFC 6749 section 5.2).
    OAuthError(&'static str),
    /// Status 200, `application/json`, and a body that is not JSON.
    Garbage,
    /// Status 200, `application/json`, and exactly this body.
    Json(String),
    /// Status 200 and a body that never ends.
    Endless,
    /// Nothing is answered.
    Silent,
    /// The head is answered and the body never comes.
    Stalled,
    /// The connection is closed without an answer.
    HangUp,
    /// Status 307 to this address.
    Redirect(String),
}
