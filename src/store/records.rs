//! Records: keys, owners, marks, expiry and sealed bytes, and not what they mean.
//!
//! Where a limit is checked while others write to PostgreSQL at the same moment, it may be passed by as many
//! as write at that moment.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::Timestamp;
use crate::store::bell::Bell;
use crate::store::database::Pool;
use crate::store::database::changed;
use crate::store::database::on_either;
use crate::store::seal::Purpose;

/// The key of a record: the SHA-256 of the token that opens it.
pub type Key = [u8; 32];

/// A sealed record with what must be known of it without opening it.
#[derive(Clone, Debug)]
pub struct Record {
    /// What it is for.
    pub purpose: Purpose,
    /// By what it is found.
    pub key: Key,
    /// The record that it ends with: an entry's session.
    pub owner: Option<Key>,
    /// By what it is found without its key: up to two keyed hashes ([`ServerKey::mark`](crate::store::ServerKey::mark)).
    pub marks: [Option<Key>; 2],
    /// When it ends.
    pub expires_at: Timestamp,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
    /// What an operator may read of it, sealed with the server's key alone; empty if that is nothing.
    pub label: Vec<u8>,
}

/// What can be known of a record without its token.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// By what it is found.
    pub key: Key,
    /// The record that it ends with.
    pub owner: Option<Key>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What an operator may read of it, sealed with the server's key alone.
    pub label: Vec<u8>,
}

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened.
    #[error("cannot open the store at {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// The layout was made by a newer Panelgate.
    #[error("the store has layout {found}, this version knows up to {known}")]
    Newer {
        /// The layout in the file.
        found: i64,
        /// The newest that this version knows.
        known: i64,
    },
    /// The address of the database cannot be used.
    #[error("the address of the store is no PostgreSQL URL that can be used")]
    Address(#[source] sqlx::Error),
    /// The database cannot be connected to.
    #[error("cannot connect to the store")]
    Connect(#[source] sqlx::Error),
    /// No answer came.
    #[error("the store did not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// A statement failed.
    #[error("the store did not answer")]
    Query(#[source] sqlx::Error),
    /// There are as many records of this purpose as the limit allows.
    #[error("the store holds as many {} records as it may", .0.as_str())]
    Full(Purpose),
}

/// The store.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) pool: Pool,
    pub(super) bell: Bell,
}

impl Store {
    /// Writes a record unless `limit` unexpired ones of its purpose are there already.
    pub async fn put_bounded(&self, record: &Record, limit: u32, now: Timestamp) -> Result<(), StoreError> {
        const IF_ROOM: &str = "INSERT INTO records (purpose, key, owner, expires_at, sealed, mark, other_mark, label) \
             SELECT $1, $2, $3, $4, $5, $8, $9, $10 \
             WHERE (SELECT count(*) FROM records WHERE purpose = $1 AND expires_at > $6) < $7";
        self.put_if(IF_ROOM, record, limit, now).await
    }

    /// Writes an owned record unless its owner has `limit` unexpired ones of its purpose already.
    pub async fn put_owned(&self, record: &Record, limit: u32, now: Timestamp) -> Result<(), StoreError> {
        const IF_ROOM: &str = "INSERT INTO records (purpose, key, owner, expires_at, sealed, mark, other_mark, label) \
             SELECT $1, $2, $3, $4, $5, $8, $9, $10 \
             WHERE (SELECT count(*) FROM records WHERE owner = $3 AND purpose = $1 AND expires_at > $6) < $7";
        self.put_if(IF_ROOM, record, limit, now).await
    }

    async fn put_if(
        &self,
        statement: &'static str,
        record: &Record,
        limit: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let written = changed!(
            self,
            sqlx::query(statement)
                .bind(record.purpose.as_str())
                .bind(record.key.as_slice())
                .bind(bytes(record.owner.as_ref()))
                .bind(millis(record.expires_at))
                .bind(record.sealed.as_slice())
                .bind(millis(now))
                .bind(i64::from(limit))
                .bind(bytes(record.marks[0].as_ref()))
                .bind(bytes(record.marks[1].as_ref()))
                .bind(record.label.as_slice())
        )?;
        if written == 0 { Err(StoreError::Full(record.purpose)) } else { Ok(()) }
    }

    /// Writes a record unless there is one under its key, expired or not; says whether it was written. Of
    /// many callers, one is told so. At most `limit` unexpired ones of its purpose are kept.
    pub async fn put_once(&self, record: &Record, limit: u32, now: Timestamp) -> Result<bool, StoreError> {
        if self.exists(record.purpose, &record.key).await? {
            return Ok(false);
        }
        match self.put_bounded(record, limit, now).await {
            Ok(()) => Ok(true),
            // Somebody was faster.
            Err(StoreError::Query(sqlx::Error::Database(error))) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes an owned record in the place of another, in one step: of many callers, one is told that it was there.
    /// What takes its place has the bound that [`put_owned`](Self::put_owned) has.
    pub async fn turn(
        &self,
        (purpose, key): (Purpose, &Key),
        into: &Record,
        limit: u32,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = changed!(
            self,
            sqlx::query(
                "UPDATE records SET purpose = $1, key = $2, owner = $3, expires_at = $4, sealed = $5, mark = $6, \
                 other_mark = $7, label = $8 WHERE purpose = $9 AND key = $10 AND expires_at > $11 \
                 AND (SELECT count(*) FROM records WHERE owner = $3 AND purpose = $1 AND expires_at > $11) < $12"
            )
            .bind(into.purpose.as_str())
            .bind(into.key.as_slice())
            .bind(bytes(into.owner.as_ref()))
            .bind(millis(into.expires_at))
            .bind(into.sealed.as_slice())
            .bind(bytes(into.marks[0].as_ref()))
            .bind(bytes(into.marks[1].as_ref()))
            .bind(into.label.as_slice())
            .bind(purpose.as_str())
            .bind(key.as_slice())
            .bind(millis(now))
            .bind(i64::from(limit))
        )?;
        if done == 0 && self.get(purpose, key, now).await?.is_some() {
            return Err(StoreError::Full(into.purpose));
        }
        Ok(done == 1)
    }

    async fn exists(&self, purpose: Purpose, key: &Key) -> Result<bool, StoreError> {
        on_either!(self, pool => sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM records WHERE purpose = $1 AND key = $2)")
            .bind(purpose.as_str())
            .bind(key.as_slice())
            .fetch_one(pool))
    }

    /// Writes new contents into a record; says whether it was still there.
    pub async fn replace(&self, purpose: Purpose, key: &Key, sealed: &[u8]) -> Result<bool, StoreError> {
        let done = changed!(
            self,
            sqlx::query("UPDATE records SET sealed = $1 WHERE purpose = $2 AND key = $3")
                .bind(sealed)
                .bind(purpose.as_str())
                .bind(key.as_slice())
        )?;
        Ok(done == 1)
    }

    /// Writes new contents into a record that still has the old ones; says whether it had.
    pub async fn exchange(&self, purpose: Purpose, key: &Key, old: &[u8], new: &[u8]) -> Result<bool, StoreError> {
        let done = changed!(
            self,
            sqlx::query("UPDATE records SET sealed = $1 WHERE purpose = $2 AND key = $3 AND sealed = $4")
                .bind(new)
                .bind(purpose.as_str())
                .bind(key.as_slice())
                .bind(old)
        )?;
        Ok(done == 1)
    }

    /// Writes new contents and another label into a record, and marks it with those of these marks that there
    /// are; says whether it was still there.
    pub async fn rewrite(&self, record: &Record) -> Result<bool, StoreError> {
        let done = changed!(
            self,
            sqlx::query(
                "UPDATE records SET sealed = $1, label = $2, mark = COALESCE($3, mark), \
                 other_mark = COALESCE($4, other_mark) WHERE purpose = $5 AND key = $6"
            )
            .bind(record.sealed.as_slice())
            .bind(record.label.as_slice())
            .bind(bytes(record.marks[0].as_ref()))
            .bind(bytes(record.marks[1].as_ref()))
            .bind(record.purpose.as_str())
            .bind(record.key.as_slice())
        )?;
        Ok(done == 1)
    }

    /// All unexpired records of a purpose, with what is sealed in them.
    pub async fn all(&self, purpose: Purpose, now: Timestamp) -> Result<Vec<Record>, StoreError> {
        let keys = self.labelled(purpose, now).await?;
        let mut records = Vec::with_capacity(keys.len());
        for Labelled { key, .. } in keys {
            // One that went meanwhile is none.
            records.extend(self.get(purpose, &key, now).await?);
        }
        Ok(records)
    }

    /// The unexpired records that carry a mark, without what is sealed in them.
    pub async fn marked(&self, purpose: Purpose, mark: &Key, now: Timestamp) -> Result<Vec<Labelled>, StoreError> {
        let rows: Vec<LabelledRow> = on_either!(self, pool => sqlx::query_as(
            "SELECT key, owner, expires_at, label FROM records \
             WHERE (mark = $1 OR other_mark = $1) AND purpose = $2 AND expires_at > $3",
        )
        .bind(mark.as_slice())
        .bind(purpose.as_str())
        .bind(millis(now))
        .fetch_all(pool))?;
        Ok(rows.into_iter().map(labelled).collect())
    }

    /// All unexpired records of a purpose, without what is sealed in them, the newest end last.
    pub async fn labelled(&self, purpose: Purpose, now: Timestamp) -> Result<Vec<Labelled>, StoreError> {
        let rows: Vec<LabelledRow> = on_either!(self, pool => sqlx::query_as(
            "SELECT key, owner, expires_at, label FROM records WHERE purpose = $1 AND expires_at > $2 ORDER BY expires_at",
        )
        .bind(purpose.as_str())
        .bind(millis(now))
        .fetch_all(pool))?;
        Ok(rows.into_iter().map(labelled).collect())
    }

    /// The record, unless it has expired.
    pub async fn get(&self, purpose: Purpose, key: &Key, now: Timestamp) -> Result<Option<Record>, StoreError> {
        let row: Option<Row> = on_either!(self, pool => sqlx::query_as(
            "SELECT owner, expires_at, sealed, mark, other_mark, label FROM records WHERE purpose = $1 AND key = $2 AND expires_at > $3",
        )
        .bind(purpose.as_str())
        .bind(key.as_slice())
        .bind(millis(now))
        .fetch_optional(pool))?;
        Ok(row.map(|row| record(purpose, key, row)))
    }

    /// Removes the record and gives it, unless it has expired: of many callers, one gets it.
    pub async fn take(&self, purpose: Purpose, key: &Key, now: Timestamp) -> Result<Option<Record>, StoreError> {
        let row: Option<Row> = on_either!(self, pool => sqlx::query_as(
            "DELETE FROM records WHERE purpose = $1 AND key = $2 AND expires_at > $3 \
             RETURNING owner, expires_at, sealed, mark, other_mark, label",
        )
        .bind(purpose.as_str())
        .bind(key.as_slice())
        .bind(millis(now))
        .fetch_optional(pool))?;
        Ok(row.map(|row| record(purpose, key, row)))
    }

    /// Moves a record's end; says whether it was still there.
    pub async fn extend(&self, purpose: Purpose, key: &Key, expires_at: Timestamp) -> Result<bool, StoreError> {
        let done = changed!(
            self,
            sqlx::query("UPDATE records SET expires_at = $1 WHERE purpose = $2 AND key = $3")
                .bind(millis(expires_at))
                .bind(purpose.as_str())
                .bind(key.as_slice())
        )?;
        Ok(done == 1)
    }

    /// Removes a record and everything that it owns; says whether there was anything.
    pub async fn remove_with_owned(&self, purpose: Purpose, key: &Key) -> Result<bool, StoreError> {
        let done = changed!(
            self,
            sqlx::query("DELETE FROM records WHERE (purpose = $1 AND key = $2) OR owner = $2")
                .bind(purpose.as_str())
                .bind(key.as_slice())
        )?;
        Ok(done > 0)
    }

    /// Removes the records of a purpose that have this owner, but for one.
    pub async fn remove_owned_but(&self, purpose: Purpose, owner: &Key, but: &Key) -> Result<(), StoreError> {
        changed!(
            self,
            sqlx::query("DELETE FROM records WHERE purpose = $1 AND owner = $2 AND key <> $3")
                .bind(purpose.as_str())
                .bind(owner.as_slice())
                .bind(but.as_slice())
        )?;
        Ok(())
    }

    /// The number of records of a purpose that have not expired.
    pub async fn count(&self, purpose: Purpose, now: Timestamp) -> Result<u64, StoreError> {
        let count: i64 = on_either!(self, pool => sqlx::query_scalar("SELECT count(*) FROM records WHERE purpose = $1 AND expires_at > $2")
            .bind(purpose.as_str())
            .bind(millis(now))
            .fetch_one(pool))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Removes the records of a purpose that carry a mark; says how many.
    pub async fn remove_marked(&self, purpose: Purpose, mark: &Key) -> Result<u64, StoreError> {
        changed!(
            self,
            sqlx::query("DELETE FROM records WHERE (mark = $1 OR other_mark = $1) AND purpose = $2")
                .bind(mark.as_slice())
                .bind(purpose.as_str())
        )
    }

    /// Deletes what has expired; says how many records. Something is written each time, a lease that has run out: a
    /// database on a disk that is full takes deletions of nothing, and nothing else.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.lease(&WRITTEN, &WRITTEN, now, now).await?;
        for statement in ["DELETE FROM leases WHERE until <= $1", "DELETE FROM notices WHERE expires_at <= $1"] {
            changed!(self, sqlx::query(statement).bind(millis(now)))?;
        }
        let done = changed!(self, sqlx::query("DELETE FROM records WHERE expires_at <= $1").bind(millis(now)))?;
        Ok(done)
    }
}

/// The name of the lease that is written to see whether anything can be.
const WRITTEN: Key = [0; 32];

/// A record without its key, as it lies in a row.
type Row = (Option<Vec<u8>>, i64, Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>, Vec<u8>);

fn record(purpose: Purpose, key: &Key, row: Row) -> Record {
    let (owner, expires_at, sealed, mark, other_mark, label) = row;
    let marks = [mark.and_then(as_key), other_mark.and_then(as_key)];
    let (owner, expires_at) = (owner.and_then(as_key), moment(expires_at));
    Record { purpose, key: *key, owner, marks, expires_at, sealed, label }
}

type LabelledRow = (Vec<u8>, Option<Vec<u8>>, i64, Vec<u8>);

fn labelled((key, owner, expires_at, label): LabelledRow) -> Labelled {
    let key = as_key(key).unwrap_or_default();
    Labelled { key, owner: owner.and_then(as_key), expires_at: moment(expires_at), label }
}

fn as_key(bytes: Vec<u8>) -> Option<Key> {
    bytes.try_into().ok()
}

fn moment(millis: i64) -> Timestamp {
    Timestamp(u64::try_from(millis).unwrap_or_default())
}

fn bytes(key: Option<&Key>) -> Option<&[u8]> {
    key.map(<[u8; 32]>::as_slice)
}

pub(super) fn millis(moment: Timestamp) -> i64 {
    i64::try_from(moment.0).unwrap_or(i64::MAX)
}
