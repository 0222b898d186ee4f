//! Signing in again in a session that goes on: it rests on the new sign-in from then on, and everything that is
//! open in it stays.

use std::sync::Arc;
use std::time::Duration;

use crate::model::Subject;
use crate::model::Timestamp;
use crate::model::Token256;
use crate::session::person::Session;
use crate::session::record;
use crate::session::record::SessionLabel;
use crate::session::record::SessionRecord;
use crate::session::renewal::LEASE;
use crate::session::renewal::RENEWED;
use crate::session::sessions::NewSession;
use crate::session::sessions::SessionError;
use crate::session::sessions::Sessions;
use crate::store;
use crate::store::Key;
use crate::store::Purpose;

/// How often to look whether another process has ended that asks the provider about the session at this
/// moment. What it writes after that is an older sign-in, which gives less and not more.
const LOOKS: u32 = 100;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

impl Sessions {
    /// Lets a session of the same person go on with a new sign-in: who they are, what the provider is asked
    /// with again and signs out, and the cookie are the new one's. Its end by the clock stays where it was.
    /// Gives the cookie's token; nothing if the session has ended meanwhile.
    pub async fn again(&self, session: &Arc<Session>, new: NewSession) -> Result<Option<Token256>, SessionError> {
        let _alone = Arc::clone(&session.renewing).lock_owned().await;
        for _ in 0..LOOKS {
            if self.lease(session).await? {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        let written = self.write_again(session, new).await;
        self.give_back(session).await?;
        if written? { self.rotate(session).await.map(Some) } else { Ok(None) }
    }

    /// The mark that pages of a person carry: it tells them from pages of somebody else, and nothing more.
    pub fn person_mark(&self, subject: &Subject) -> String {
        shown(&record::person_mark(&self.key, subject))
    }

    /// Whether a page that carries this mark is a person's.
    pub fn is_marked(&self, mark: &[u8], subject: &Subject) -> bool {
        record::person_marks(&self.key, subject).iter().any(|own| shown(own).as_bytes() == mark)
    }

    async fn lease(&self, session: &Session) -> Result<bool, SessionError> {
        let now = self.clock.now();
        self.store.lease(&session.id().0, &self.node, now.plus(LEASE), now).await.map_err(SessionError::Store)
    }

    async fn write_again(&self, session: &Arc<Session>, new: NewSession) -> Result<bool, SessionError> {
        let NewSession { principal, id_token_hint, sid, refresh, client, browser } = new;
        let Some(old) = self.reload(session).await? else { return Ok(false) };
        let (now, key) = (self.clock.now(), session.key());
        // Without a refresh token of its own, the one of before is good for the person all the same.
        let renewal = refresh.map(|grant| self.renewal_record(grant, now)).or(old.renewal);
        let (read_at, due_at) =
            renewal.as_ref().map_or((now, Timestamp::default()), |with| (with.read_at, with.due_at));
        let thread = session.thread.unwrap_or_else(|| record::thread(&self.key, &browser, principal.subject()));
        let contents = SessionRecord::new(&principal, session.created_at(), &id_token_hint, renewal, thread);
        let mut record = self.sealed(key, Purpose::Session, None, now, &contents)?;
        let by_sid = sid.map(|sid| record::provider_session_mark(&self.key, &principal.subject().iss, &sid));
        record.marks = [None, by_sid];
        let label = SessionLabel::new(&principal, client, session.created_at());
        record.label =
            store::seal_label(&self.key, Purpose::Session, &record.key, &label).map_err(SessionError::Seal)?;
        if !self.store.rewrite(&record).await.map_err(SessionError::Store)? {
            self.forget(session);
            return Ok(false);
        }
        session.learn(Some(principal), read_at, due_at);
        self.store.give_notice(RENEWED, &session.id().0, now).await.map_err(SessionError::Store)?;
        Ok(true)
    }
}

fn shown(mark: &Key) -> String {
    mark.iter().take(8).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
