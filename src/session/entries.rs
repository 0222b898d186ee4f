//! The way from the console to a panel origin, and the entries there.

use std::sync::Arc;
use std::time::Duration;

use crate::model::Target;
use crate::model::Timestamp;
use crate::model::Token256;
use crate::session::entry::Entry;
use crate::session::entry::EntryPlace;
use crate::session::entry::EntryRecord;
use crate::session::entry::PlaceRecord;
use crate::session::handoff::Handoff;
use crate::session::handoff::HandoffRecord;
use crate::session::handoff::Ticket;
use crate::session::handoff::TicketRecord;
use crate::session::person::Session;
use crate::session::record;
use crate::session::sessions::SessionError;
use crate::session::sessions::Sessions;
use crate::store;
use crate::store::Key;
use crate::store::Purpose;

/// How long a ticket lives, and then a hand-off code: the time of two redirects, with a slow network in mind.
const HANDOFF: Duration = Duration::from_secs(30);

/// Entries, and hand-offs under way, that one session may have. Each opening of a panel takes one; a
/// person who opens one a minute for a whole working day stays below.
const PER_SESSION: u32 = 1000;

impl Sessions {
    /// Makes a ticket for the entrance of a panel origin. Whoever asks for one has shown that one of our own
    /// pages, and so the person, wants the panel.
    pub async fn ticket(&self, session: &Session, place: &EntryPlace) -> Result<Token256, SessionError> {
        let ticket = self.draw()?;
        let record = TicketRecord { session: session.id(), place: PlaceRecord::new(place) };
        let until = self.clock.now().plus(HANDOFF);
        let record = self.sealed(&ticket, Purpose::Ticket, Some(session.id()), until, &record)?;
        self.store.put_owned(&record, PER_SESSION, self.clock.now()).await.map_err(SessionError::Store)?;
        Ok(ticket)
    }

    /// A ticket that somebody shows, if it is good: in time, and in the session that it was made in. It is spent in
    /// one step with what comes of it ([`hand_off`](Self::hand_off)), or else by [`spend`](Self::spend).
    ///
    /// Whatever is wrong with it, it is spent and the answer is the same nothing.
    pub async fn shown(&self, ticket: &Token256, session: &Session) -> Result<Option<Ticket>, SessionError> {
        let now = self.clock.now();
        let Some(found) = self.opened::<TicketRecord>(ticket, Purpose::Ticket, now).await? else { return Ok(None) };
        let place = found.look(|record| (record.session == session.id()).then(|| record.place.read()).flatten());
        if place.is_none() {
            self.take_out(Purpose::Ticket, ticket).await?;
        }
        Ok(place.map(|place| Ticket { place, token: ticket.clone(), at: now }))
    }

    /// Spends a ticket that nothing comes of.
    pub async fn spend(&self, ticket: Ticket) -> Result<(), SessionError> {
        self.take_out(Purpose::Ticket, &ticket.token).await
    }

    /// Makes a code out of a ticket: it hands this session over to a panel origin, for the browser whose verifier
    /// has this SHA-256. Nothing if somebody else has spent the ticket meanwhile.
    pub async fn hand_off(
        &self,
        ticket: Ticket,
        entry: &Entry,
        landing: &Target,
        challenge: Key,
    ) -> Result<Option<Token256>, SessionError> {
        let (code, now) = (self.draw()?, self.clock.now());
        let record = HandoffRecord { entry: EntryRecord::new(entry), landing: landing.to_string(), challenge };
        let record = self.sealed(&code, Purpose::Handoff, Some(entry.session.id()), now.plus(HANDOFF), &record)?;
        let spent = (Purpose::Ticket, &ticket.token.digest());
        let is_ours = self.store.turn(spent, &record, PER_SESSION, ticket.at).await.map_err(SessionError::Store)?;
        Ok(is_ours.then_some(code))
    }

    /// A hand-off whose code somebody shows, if it is good: in time, by the browser that holds the verifier, and for
    /// the place that it was made for. It is spent in one step with what comes of it ([`admit`](Self::admit)), or
    /// else by [`spend_code`](Self::spend_code).
    ///
    /// Whatever is wrong with it, the code is spent and the answer is the same nothing.
    pub async fn redeem(
        &self,
        code: &Token256,
        verifier: &Token256,
        place: impl FnOnce(&EntryPlace) -> bool,
    ) -> Result<Option<Handoff>, SessionError> {
        let now = self.clock.now();
        let Some(found) = self.opened::<HandoffRecord>(code, Purpose::Handoff, now).await? else { return Ok(None) };
        let (landing, same_browser) =
            found.look(|record| (Target::parse(&record.landing), record.challenge == verifier.digest()));
        if let (Ok(landing), true) = (landing, same_browser)
            && let Some(entry) = self.entry_of(&found.into_inner().entry, now).await?
            && place(&entry.place)
        {
            return Ok(Some(Handoff { code: code.clone(), at: now, entry, landing }));
        }
        self.take_out(Purpose::Handoff, code).await?;
        Ok(None)
    }

    /// Spends a code that nothing comes of.
    pub async fn spend_code(&self, handoff: Handoff) -> Result<(), SessionError> {
        self.take_out(Purpose::Handoff, &handoff.code).await
    }

    /// Lets a browser into a panel origin for the code that it has shown; gives the cookie's token. Nothing if
    /// somebody else has spent the code meanwhile.
    pub async fn admit(&self, handoff: Handoff) -> Result<Option<Token256>, SessionError> {
        let Handoff { code, at, entry, .. } = handoff;
        let token = self.draw()?;
        let until = entry.session.created_at().plus(self.lifetimes.absolute);
        let contents = EntryRecord::new(&entry);
        let mut record = self.sealed(&token, Purpose::PanelEntry, Some(entry.session.id()), until, &contents)?;
        record.marks = [Some(record::server_mark(&self.key, &entry.place.server)), None];
        let label = PlaceRecord::new(&entry.place);
        record.label =
            store::seal_label(&self.key, Purpose::PanelEntry, &record.key, &label).map_err(SessionError::Seal)?;
        let spent = (Purpose::Handoff, &code.digest());
        let turned = self.store.turn(spent, &record, PER_SESSION, at).await;
        if !turned.map_err(SessionError::Store)? {
            return Ok(None);
        }
        self.entries.insert(record.key, Arc::new(entry));
        Ok(Some(token))
    }

    async fn take_out(&self, purpose: Purpose, token: &Token256) -> Result<(), SessionError> {
        self.store.take(purpose, &token.digest(), self.clock.now()).await.map(drop).map_err(SessionError::Store)
    }

    /// The live entry of a panel origin's cookie; its session is noted as in use.
    pub async fn entry(&self, token: &Token256) -> Result<Option<Arc<Entry>>, SessionError> {
        let (now, key) = (self.clock.now(), token.digest());
        let cached = self.entries.get(&key).map(|entry| Arc::clone(&entry));
        let is_cached = cached.is_some();
        let entry = match cached {
            Some(entry) => Some(entry),
            None => Box::pin(self.stored_entry(token, now)).await?.map(Arc::new),
        };
        let Some(entry) = entry else { return Ok(None) };
        let live = self.use_live(Arc::clone(&entry.session), now).await?.is_some();
        if live && !is_cached {
            self.entries.insert(key, Arc::clone(&entry));
        }
        Ok(live.then_some(entry))
    }

    async fn stored_entry(&self, token: &Token256, now: Timestamp) -> Result<Option<Entry>, SessionError> {
        match self.opened::<EntryRecord>(token, Purpose::PanelEntry, now).await? {
            None => Ok(None),
            Some(record) => self.entry_of(&record.into_inner(), now).await,
        }
    }

    /// Ends one entry: its cookie leads nowhere any more.
    pub async fn withdraw(&self, token: &Token256) -> Result<(), SessionError> {
        self.entries.remove(&token.digest());
        self.take_out(Purpose::PanelEntry, token).await
    }

    async fn entry_of(&self, record: &EntryRecord, now: Timestamp) -> Result<Option<Entry>, SessionError> {
        let Some(place) = record.place() else { return Ok(None) };
        let session = self.by_key(&record.session.0, now).await?;
        Ok(session.map(|session| Entry { session, place, security_token: record.security_token.clone() }))
    }
}
