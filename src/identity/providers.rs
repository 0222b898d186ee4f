//! All providers that people may sign in with.

use crate::identity::provider::Provider;
use crate::model::ProviderId;
use crate::model::Subject;

/// The providers, in the order in which people are offered them. Each has an id and an issuer of its own.
#[derive(Debug)]
pub struct Providers(Vec<Provider>);

/// Two providers cannot be told apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider {0} has the id or the issuer of another one")]
pub struct SameProvider(pub ProviderId);

impl Providers {
    /// The providers, if none has the id or the issuer of another.
    ///
    /// An issuer stands once, because it is what subjects, groups and answers are told apart by.
    pub fn new(providers: Vec<Provider>) -> Result<Self, SameProvider> {
        for (place, provider) in providers.iter().enumerate() {
            let same = |other: &Provider| other.id() == provider.id() || other.issuer() == provider.issuer();
            if providers.iter().take(place).any(same) {
                return Err(SameProvider(provider.id().clone()));
            }
        }
        Ok(Self(providers))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.0.iter()
    }

    /// The only one, if there is no choice.
    pub fn only(&self) -> Option<&Provider> {
        match self.0.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The one with this id.
    pub fn get(&self, id: &ProviderId) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.id() == id)
    }

    /// The one that this subject signed in with.
    pub fn of(&self, subject: &Subject) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.issuer() == subject.iss)
    }
}
