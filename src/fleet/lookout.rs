//! Looking at servers for whoever asks: the gateway again and again, an operator at once.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;

use crate::fleet::advisories::Advisories;
use crate::fleet::condition::Condition;
use crate::fleet::condition::entry_mark;
use crate::fleet::conditions::ConditionError;
use crate::fleet::conditions::Conditions;
use crate::fleet::look::Held;
use crate::fleet::look::Look;
use crate::fleet::notes::Act;
use crate::fleet::notes::NoteError;
use crate::fleet::notes::Notes;
use crate::model::Clock;
use crate::model::Server;
use crate::model::Timestamp;
use crate::model::TokenRef;
use crate::upstream::Upstream;
use crate::vault::Binding;
use crate::vault::Token;
use crate::vault::Vault;

/// How long one gateway has a server to itself, in looks: longer than one takes.
const TURN: u32 = 3;

/// The first look after one that had no answer comes after this part of the interval, the next ones after twice
/// the time of the one before.
const SOONER: u32 = 8;

/// A server that does not answer is looked at at least this often, in intervals.
const SELDOM: u32 = 2;

/// Why a look has no result.
#[derive(Debug, thiserror::Error)]
pub enum LookoutError {
    /// The conditions cannot be kept.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// The change cannot be noted.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// What looks at servers.
#[derive(Clone)]
pub struct Lookout {
    /// What was found.
    pub conditions: Conditions,
    /// What is to be recorded.
    pub notes: Notes,
    /// Where tokens lie; nothing, if none lie there.
    pub vault: Option<Arc<Vault>>,
    /// The known holes.
    pub advisories: Arc<Advisories>,
    /// The addresses from which tokens are used.
    pub addresses: Vec<IpAddr>,
    /// Between two looks at a server.
    pub interval: Duration,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn SecureRandom + Send + Sync>,
    /// Bytes of an API answer that are read at most.
    pub answer_limit: usize,
    /// The longest that a look may take.
    pub longest: Duration,
}

impl Lookout {
    /// When a server is to be looked at, by what is known of it: at once, if that is nothing.
    pub fn due(&self, mark: &str, known: Option<&Condition>) -> Timestamp {
        let Some(known) = known.filter(|known| known.of == mark) else { return Timestamp::default() };
        // What lies far ahead was written with another interval, or by a clock that went wrong.
        let farthest = self.clock.now().plus(self.interval.saturating_mul(SELDOM * 2));
        if known.next > farthest { Timestamp::default() } else { known.next }
    }

    /// Looks at a server if it is due and nobody else does; gives what is known then, or nothing while somebody else
    /// is at it.
    pub async fn look_if_due(&self, server: &Server, upstream: &Upstream) -> Result<Option<Condition>, LookoutError> {
        let Some(turn) = self.conditions.take(&server.id, self.longest.saturating_mul(TURN)).await? else {
            return Ok(None);
        };
        // Somebody may have been faster.
        let before = self.conditions.of(&server.id).await?;
        let is_due = self.due(&entry_mark(server), before.as_ref()) <= self.clock.now();
        let found = match before {
            Some(before) if !is_due => before,
            before => self.find(server, upstream, before).await?,
        };
        self.conditions.release(turn).await?;
        Ok(Some(found))
    }

    /// Looks at a server at once.
    pub async fn look(&self, server: &Server, upstream: &Upstream) -> Result<Condition, LookoutError> {
        let before = self.conditions.of(&server.id).await?;
        self.find(server, upstream, before).await
    }

    async fn find(
        &self,
        server: &Server,
        upstream: &Upstream,
        before: Option<Condition>,
    ) -> Result<Condition, LookoutError> {
        let mark = entry_mark(server);
        let same = before.as_ref().filter(|before| before.of == mark);
        let look = Look {
            server,
            upstream,
            held: self.held(server).await,
            advisories: &self.advisories,
            addresses: &self.addresses,
            answer_limit: self.answer_limit,
            longest: self.longest,
            now: self.clock.now(),
        };
        let mut found = look.take(same).await;
        found.next = self.clock.now().plus(self.pause(found.failures));
        found.of = mark;
        if before.map(|before| before.troubles).unwrap_or_default() != found.troubles {
            self.tell(server, &found).await?;
        }
        self.conditions.put(&server.id, &found).await?;
        Ok(found)
    }

    /// The way to a server's token; nothing, if it is to lie in a vault and there is none.
    pub fn token(&self, server: &Server) -> Option<Token> {
        match (&server.api_token, &self.vault) {
            (TokenRef::Outside(reference), _) => Some(Token::Outside(reference.clone())),
            (TokenRef::Vault, vault) => Some(Token::Sealed(Arc::clone(vault.as_ref()?), Binding::of(server))),
        }
    }

    /// The way to the token, and what the vault knows about it.
    async fn held(&self, server: &Server) -> Held {
        let token = self.token(server);
        let entry = match &token {
            Some(Token::Sealed(vault, binding)) => vault.open(binding).await.ok(),
            // Why one is not given out is found when it is read.
            Some(Token::Outside(_)) | None => None,
        };
        match entry {
            Some(entry) => {
                let (stored, contents) = (Some(entry.stored_at), entry.contents);
                Held { token, name: contents.name, ends: contents.expires_at, stored }
            }
            None => Held { token, name: None, ends: None, stored: None },
        }
    }

    /// Until the next look.
    fn pause(&self, failures: u32) -> Duration {
        let mut byte = [128];
        if self.random.fill(&mut byte).is_err() {
            tracing::warn!("no random numbers: looks at servers are less spread");
        }
        pause(self.interval, failures, byte[0])
    }

    async fn tell(&self, server: &Server, condition: &Condition) -> Result<(), NoteError> {
        let words = condition.words();
        let (act, detail) = if let Some(words) = &words {
            tracing::warn!(server = %server.id, "{words}");
            (Act::Troubled, words.as_str())
        } else {
            tracing::info!(server = %server.id, "nothing is wrong with the server any more");
            (Act::Well, "")
        };
        self.notes.write(act, server.id.as_str(), "", detail).await
    }
}

impl fmt::Debug for Lookout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookout").field("interval", &self.interval).finish_non_exhaustive()
    }
}

/// Until the next look after so many without an answer: a quarter more or less, by chance, so that looks stay spread.
fn pause(interval: Duration, failures: u32, chance: u8) -> Duration {
    let pause = match failures.checked_sub(1) {
        None => interval,
        Some(more) => (interval / SOONER)
            .saturating_mul(1_u32.checked_shl(more).unwrap_or(u32::MAX))
            .min(interval.saturating_mul(SELDOM)),
    };
    pause.mul_f64(0.75 + f64::from(chance) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_mins(10);

    /// In seconds, without chance.
    fn after(failures: u32) -> u64 {
        pause(INTERVAL, failures, 128).as_secs()
    }

    #[test]
    fn who_does_not_answer_is_looked_at_sooner_and_then_more_and_more_seldom() {
        let found: Vec<_> = (0..8).map(after).collect();
        assert_eq!(found, [600, 75, 150, 300, 600, 1200, 1200, 1200]);
        assert_eq!(after(u32::MAX), 1200);
    }

    #[test]
    fn looks_are_spread_by_a_quarter_each_way() {
        let spread: Vec<_> = [0, 64, 128, 255].map(|chance| pause(INTERVAL, 0, chance).as_secs()).into();
        assert_eq!(spread, [450, 525, 600, 748]);
    }
}
