//! What still needs which server key, while it is being changed.

use crate::model::Timestamp;
use crate::session::sessions::SessionError;
use crate::session::sessions::Sessions;
use crate::store;
use crate::store::Purpose;

/// What can be told of a record without its cookie says which key it was sealed with. Everything else that lasts
/// belongs to a session; sign-ins under way and orders of operators are over within the hour.
const TOLD: [Purpose; 3] = [Purpose::Session, Purpose::PanelEntry, Purpose::FleetNote];

/// One of the server keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// Eight hexadecimal digits that stand for it.
    pub id: String,
    /// Whether it seals; the others only open.
    pub seals: bool,
    /// The people's sessions that need it.
    pub sessions: u64,
    /// Everything else that needs it.
    pub others: u64,
    /// When the last of that has ended, if nothing more is sealed with it.
    pub until: Option<Timestamp>,
}

/// The use of all keys, and what opens with none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUses {
    /// Each key, the one that seals first.
    pub keys: Vec<KeyUse>,
    /// Records that were sealed with a key that is not among them.
    pub strange: u64,
}

impl Sessions {
    /// What needs which key.
    pub async fn key_uses(&self) -> Result<KeyUses, SessionError> {
        let ids = self.key.ids().into_iter().enumerate();
        let unused = |(place, id)| KeyUse { id, seals: place == 0, sessions: 0, others: 0, until: None };
        let mut keys: Vec<KeyUse> = ids.map(unused).collect();
        let mut strange = 0;
        for purpose in TOLD {
            let found = self.store.labelled(purpose, self.clock.now()).await.map_err(SessionError::Store)?;
            for record in found {
                let place = store::label_sealed_with(&self.key, purpose, &record.key, &record.label);
                let Some(used) = place.and_then(|place| keys.get_mut(place)) else {
                    strange += 1;
                    continue;
                };
                let count = if purpose == Purpose::Session { &mut used.sessions } else { &mut used.others };
                *count += 1;
                // A session that is used lives on, until its absolute end at most.
                let end = match self.listed(record.clone()).filter(|_| purpose == Purpose::Session) {
                    Some(session) => session.since.plus(self.lifetimes.absolute),
                    None => record.expires_at,
                };
                used.until = used.until.max(Some(end));
            }
        }
        Ok(KeyUses { keys, strange })
    }
}
