//! The embedded store: SQLite, one file, nothing else to run.
//!
//! It knows keys, owners, expiry and sealed bytes, and not what they mean. Every write is on disk before
//! the call returns (`synchronous = FULL`), so what was acknowledged survives a crash.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::Row;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::sqlite::SqliteRow;
use sqlx::sqlite::SqliteSynchronous;

use crate::model::Timestamp;
use crate::store::seal::Purpose;

/// The key of a record: the SHA-256 of the token that opens it.
pub type Key = [u8; 32];

/// How long a write waits for another one before it fails.
const BUSY: Duration = Duration::from_secs(5);

/// Connections to the file. SQLite has one writer at a time, the rest read beside it.
const CONNECTIONS: u32 = 4;

/// The steps from an empty file to today's layout. Only ever appended to.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE records (
        purpose TEXT NOT NULL,
        key BLOB NOT NULL,
        owner BLOB,
        expires_at INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (purpose, key)
    ) WITHOUT ROWID;
    CREATE INDEX records_by_owner ON records (owner) WHERE owner IS NOT NULL;
    CREATE INDEX records_by_expiry ON records (expires_at);
",
    "
    ALTER TABLE records ADD COLUMN mark BLOB;
    ALTER TABLE records ADD COLUMN other_mark BLOB;
    ALTER TABLE records ADD COLUMN label BLOB NOT NULL DEFAULT x'';
    CREATE INDEX records_by_mark ON records (mark) WHERE mark IS NOT NULL;
    CREATE INDEX records_by_other_mark ON records (other_mark) WHERE other_mark IS NOT NULL;
    CREATE TABLE leases (
        name BLOB PRIMARY KEY,
        holder BLOB NOT NULL,
        until INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE notices (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        topic TEXT NOT NULL,
        body BLOB NOT NULL,
        expires_at INTEGER NOT NULL
    );
    CREATE INDEX notices_by_expiry ON notices (expires_at);
",
];

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
    /// The file was written by a newer Panelgate.
    #[error("the store has layout {found}, this version knows up to {known}")]
    Newer {
        /// The layout in the file.
        found: i64,
        /// The newest that this version knows.
        known: i64,
    },
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
    pub(super) pool: SqlitePool,
}

impl Store {
    /// Opens the file, creating it and bringing its layout up to date where needed.
    ///
    /// A new one is readable by its owner only; SQLite gives its companions the same permissions.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        drop(file.map_err(|source| StoreError::Open { path: path.to_owned(), source: source.into() })?);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY);
        let opened = SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await;
        let pool = opened.map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        migrate(&pool).await?;
        Ok(Self { pool })
    }

    /// Writes a record unless `limit` unexpired ones of its purpose are there already.
    pub async fn put_bounded(&self, record: &Record, limit: u32, now: Timestamp) -> Result<(), StoreError> {
        const IF_ROOM: &str = "INSERT INTO records (purpose, key, owner, expires_at, sealed, mark, other_mark, label) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?8, ?9, ?10 \
             WHERE (SELECT count(*) FROM records WHERE purpose = ?1 AND expires_at > ?6) < ?7";
        self.put_if(IF_ROOM, record, limit, now).await
    }

    /// Writes an owned record unless its owner has `limit` unexpired ones of its purpose already.
    pub async fn put_owned(&self, record: &Record, limit: u32, now: Timestamp) -> Result<(), StoreError> {
        const IF_ROOM: &str = "INSERT INTO records (purpose, key, owner, expires_at, sealed, mark, other_mark, label) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?8, ?9, ?10 \
             WHERE (SELECT count(*) FROM records WHERE owner = ?3 AND purpose = ?1 AND expires_at > ?6) < ?7";
        self.put_if(IF_ROOM, record, limit, now).await
    }

    async fn put_if(
        &self,
        statement: &'static str,
        record: &Record,
        limit: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let written = sqlx::query(statement)
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
            .execute(&self.pool)
            .await
            .map_err(StoreError::Query)?;
        if written.rows_affected() == 0 { Err(StoreError::Full(record.purpose)) } else { Ok(()) }
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

    async fn exists(&self, purpose: Purpose, key: &Key) -> Result<bool, StoreError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM records WHERE purpose = ? AND key = ?)")
            .bind(purpose.as_str())
            .bind(key.as_slice())
            .fetch_one(&self.pool)
            .await
            .map_err(StoreError::Query)
    }

    /// Writes new contents into a record; says whether it was still there.
    pub async fn replace(&self, purpose: Purpose, key: &Key, sealed: &[u8]) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE records SET sealed = ? WHERE purpose = ? AND key = ?")
            .bind(sealed)
            .bind(purpose.as_str())
            .bind(key.as_slice())
            .execute(&self.pool)
            .await
            .map_err(StoreError::Query)?;
        Ok(done.rows_affected() == 1)
    }

    /// The unexpired records that carry a mark, without what is sealed in them.
    pub async fn marked(&self, purpose: Purpose, mark: &Key, now: Timestamp) -> Result<Vec<Labelled>, StoreError> {
        let rows = sqlx::query(
            "SELECT key, owner, expires_at, label FROM records \
             WHERE (mark = ?1 OR other_mark = ?1) AND purpose = ?2 AND expires_at > ?3",
        )
        .bind(mark.as_slice())
        .bind(purpose.as_str())
        .bind(millis(now))
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::Query)?;
        rows.iter().map(labelled).collect()
    }

    /// All unexpired records of a purpose, without what is sealed in them, the newest end last.
    pub async fn labelled(&self, purpose: Purpose, now: Timestamp) -> Result<Vec<Labelled>, StoreError> {
        let rows = sqlx::query(
            "SELECT key, owner, expires_at, label FROM records WHERE purpose = ? AND expires_at > ? ORDER BY expires_at",
        )
        .bind(purpose.as_str())
        .bind(millis(now))
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::Query)?;
        rows.iter().map(labelled).collect()
    }

    /// The record, unless it has expired.
    pub async fn get(&self, purpose: Purpose, key: &Key, now: Timestamp) -> Result<Option<Record>, StoreError> {
        let row = sqlx::query(
            "SELECT owner, expires_at, sealed, mark, other_mark, label FROM records WHERE purpose = ? AND key = ? AND expires_at > ?",
        )
        .bind(purpose.as_str())
        .bind(key.as_slice())
        .bind(millis(now))
        .fetch_optional(&self.pool)
        .await
        .map_err(StoreError::Query)?;
        row.map(|row| record(purpose, key, &row)).transpose()
    }

    /// Removes the record and gives it, unless it has expired: of many callers, one gets it.
    pub async fn take(&self, purpose: Purpose, key: &Key, now: Timestamp) -> Result<Option<Record>, StoreError> {
        let row = sqlx::query(
            "DELETE FROM records WHERE purpose = ? AND key = ? AND expires_at > ? \
             RETURNING owner, expires_at, sealed, mark, other_mark, label",
        )
        .bind(purpose.as_str())
        .bind(key.as_slice())
        .bind(millis(now))
        .fetch_optional(&self.pool)
        .await
        .map_err(StoreError::Query)?;
        row.map(|row| record(purpose, key, &row)).transpose()
    }

    /// Moves a record's end; says whether it was still there.
    pub async fn extend(&self, purpose: Purpose, key: &Key, expires_at: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE records SET expires_at = ? WHERE purpose = ? AND key = ?")
            .bind(millis(expires_at))
            .bind(purpose.as_str())
            .bind(key.as_slice())
            .execute(&self.pool)
            .await
            .map_err(StoreError::Query)?;
        Ok(done.rows_affected() == 1)
    }

    /// Removes a record and everything that it owns; says whether there was anything.
    pub async fn remove_with_owned(&self, purpose: Purpose, key: &Key) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM records WHERE (purpose = ?1 AND key = ?2) OR owner = ?2")
            .bind(purpose.as_str())
            .bind(key.as_slice())
            .execute(&self.pool)
            .await
            .map_err(StoreError::Query)?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes the records of a purpose that have this owner, but for one.
    pub async fn remove_owned_but(&self, purpose: Purpose, owner: &Key, but: &Key) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM records WHERE purpose = ? AND owner = ? AND key <> ?")
            .bind(purpose.as_str())
            .bind(owner.as_slice())
            .bind(but.as_slice())
            .execute(&self.pool)
            .await
            .map_err(StoreError::Query)?;
        Ok(())
    }

    /// The number of records of a purpose that have not expired.
    pub async fn count(&self, purpose: Purpose, now: Timestamp) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM records WHERE purpose = ? AND expires_at > ?")
            .bind(purpose.as_str())
            .bind(millis(now))
            .fetch_one(&self.pool)
            .await
            .map_err(StoreError::Query)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Deletes what has expired; says how many records.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        for statement in ["DELETE FROM leases WHERE until <= ?", "DELETE FROM notices WHERE expires_at <= ?"] {
            sqlx::query(statement).bind(millis(now)).execute(&self.pool).await.map_err(StoreError::Query)?;
        }
        let done = sqlx::query("DELETE FROM records WHERE expires_at <= ?")
            .bind(millis(now))
            .execute(&self.pool)
            .await
            .map_err(StoreError::Query)?;
        Ok(done.rows_affected())
    }

    /// Closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(StoreError::Query)?;
    let found: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await.map_err(StoreError::Query)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    let done = usize::try_from(found).unwrap_or_default();
    for step in MIGRATIONS.iter().skip(done) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await.map_err(StoreError::Query)?;
    }
    // PRAGMA takes no parameters; the number is the length of a constant.
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PRAGMA user_version = {known}")))
        .execute(&mut *transaction)
        .await
        .map_err(StoreError::Query)?;
    transaction.commit().await.map_err(StoreError::Query)
}

fn record(purpose: Purpose, key: &Key, row: &SqliteRow) -> Result<Record, StoreError> {
    Ok(Record {
        purpose,
        key: *key,
        owner: key_in(row, "owner")?,
        marks: [key_in(row, "mark")?, key_in(row, "other_mark")?],
        expires_at: moment(row)?,
        sealed: row.try_get("sealed").map_err(StoreError::Query)?,
        label: row.try_get("label").map_err(StoreError::Query)?,
    })
}

fn labelled(row: &SqliteRow) -> Result<Labelled, StoreError> {
    Ok(Labelled {
        key: key_in(row, "key")?.unwrap_or_default(),
        owner: key_in(row, "owner")?,
        expires_at: moment(row)?,
        label: row.try_get("label").map_err(StoreError::Query)?,
    })
}

fn key_in(row: &SqliteRow, column: &str) -> Result<Option<Key>, StoreError> {
    let found: Option<Vec<u8>> = row.try_get(column).map_err(StoreError::Query)?;
    Ok(found.and_then(|bytes| bytes.try_into().ok()))
}

fn moment(row: &SqliteRow) -> Result<Timestamp, StoreError> {
    let millis: i64 = row.try_get("expires_at").map_err(StoreError::Query)?;
    Ok(Timestamp(u64::try_from(millis).unwrap_or_default()))
}

fn bytes(key: Option<&Key>) -> Option<&[u8]> {
    key.map(<[u8; 32]>::as_slice)
}

pub(super) fn millis(moment: Timestamp) -> i64 {
    i64::try_from(moment.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_record(key: u8, owner: Option<Key>, expires_at: u64) -> Record {
        Record {
            purpose: Purpose::Session,
            key: [key; 32],
            owner,
            marks: [Some([key; 32]), None],
            expires_at: Timestamp(expires_at),
            sealed: vec![key; 3],
            label: vec![key],
        }
    }

    async fn store() -> (Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Store::open(&folder.path().join("panelgate.db")).await.unwrap(), folder)
    }

    #[tokio::test]
    async fn a_record_is_there_until_it_expires_or_is_taken() {
        let (store, _folder) = store().await;
        store.put_bounded(&a_record(1, None, 100), 9, Timestamp(0)).await.unwrap();
        assert!(store.get(Purpose::Session, &[1; 32], Timestamp(99)).await.unwrap().is_some());
        assert!(store.get(Purpose::Session, &[1; 32], Timestamp(100)).await.unwrap().is_none());
        assert!(store.get(Purpose::Handoff, &[1; 32], Timestamp(99)).await.unwrap().is_none());
        assert_eq!(store.take(Purpose::Session, &[1; 32], Timestamp(99)).await.unwrap().unwrap().sealed, [1, 1, 1]);
        assert!(store.take(Purpose::Session, &[1; 32], Timestamp(99)).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_session_takes_along_what_it_owns() {
        let (store, _folder) = store().await;
        store.put_bounded(&a_record(1, None, 100), 9, Timestamp(0)).await.unwrap();
        store.put_bounded(&a_record(2, Some([1; 32]), 100), 9, Timestamp(0)).await.unwrap();
        store.put_bounded(&a_record(3, None, 100), 9, Timestamp(0)).await.unwrap();
        store.remove_with_owned(Purpose::Session, &[1; 32]).await.unwrap();
        for (key, there) in [(1, false), (2, false), (3, true)] {
            let found = store.get(Purpose::Session, &[key; 32], Timestamp(0)).await.unwrap();
            assert_eq!(found.is_some(), there, "{key}");
        }
    }

    #[tokio::test]
    async fn a_record_is_found_by_its_mark_and_takes_new_contents() {
        let (store, _folder) = store().await;
        store.put_bounded(&a_record(1, None, 100), 9, Timestamp(0)).await.unwrap();
        store.put_bounded(&a_record(2, None, 100), 9, Timestamp(0)).await.unwrap();
        let marked = store.marked(Purpose::Session, &[1; 32], Timestamp(0)).await.unwrap();
        assert_eq!(
            marked.iter().map(|found| (found.key, found.label.clone())).collect::<Vec<_>>(),
            [([1; 32], vec![1])]
        );
        assert!(store.marked(Purpose::Session, &[1; 32], Timestamp(100)).await.unwrap().is_empty());
        assert!(store.replace(Purpose::Session, &[1; 32], b"new").await.unwrap());
        assert!(!store.replace(Purpose::Session, &[3; 32], b"new").await.unwrap());
        let found = store.get(Purpose::Session, &[1; 32], Timestamp(0)).await.unwrap().unwrap();
        assert_eq!((found.sealed.as_slice(), found.label.as_slice()), (&b"new"[..], &[1][..]));
        assert_eq!(store.labelled(Purpose::Session, Timestamp(0)).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn what_may_be_there_once_is_written_once() {
        let (store, _folder) = store().await;
        assert!(store.put_once(&a_record(1, None, 100), 1, Timestamp(0)).await.unwrap());
        assert!(!store.put_once(&a_record(1, None, 100), 1, Timestamp(0)).await.unwrap());
        assert!(store.put_once(&a_record(2, None, 100), 1, Timestamp(0)).await.is_err(), "the bound holds");
    }

    #[tokio::test]
    async fn of_what_an_owner_has_one_may_be_left() {
        let (store, _folder) = store().await;
        for key in [2, 3, 4] {
            store.put_bounded(&a_record(key, Some([1; 32]), 100), 9, Timestamp(0)).await.unwrap();
        }
        store.remove_owned_but(Purpose::Session, &[1; 32], &[3; 32]).await.unwrap();
        let left = store.labelled(Purpose::Session, Timestamp(0)).await.unwrap();
        assert_eq!(left.iter().map(|found| found.key).collect::<Vec<_>>(), [[3; 32]]);
    }

    #[tokio::test]
    async fn an_owner_has_a_bound_of_its_own() {
        let (store, _folder) = store().await;
        let (one, two) = (Some([1; 32]), Some([2; 32]));
        store.put_owned(&a_record(3, one, 100), 1, Timestamp(0)).await.unwrap();
        assert!(store.put_owned(&a_record(4, one, 100), 1, Timestamp(0)).await.is_err());
        store.put_owned(&a_record(5, two, 100), 1, Timestamp(0)).await.unwrap();
        store.put_owned(&a_record(4, one, 200), 1, Timestamp(100)).await.unwrap();
    }

    #[tokio::test]
    async fn a_bound_counts_what_has_not_expired() {
        let (store, _folder) = store().await;
        store.put_bounded(&a_record(1, None, 10), 1, Timestamp(0)).await.unwrap();
        let full = store.put_bounded(&a_record(2, None, 100), 1, Timestamp(5)).await;
        assert!(matches!(full, Err(StoreError::Full(Purpose::Session))));
        store.put_bounded(&a_record(2, None, 100), 1, Timestamp(10)).await.unwrap();
        assert_eq!(store.sweep(Timestamp(10)).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_reopening_and_a_newer_file_is_refused() {
        let (store, folder) = store().await;
        let path = folder.path().join("panelgate.db");
        store.put_bounded(&a_record(1, None, 100), 9, Timestamp(0)).await.unwrap();
        drop(store);
        let store = Store::open(&path).await.unwrap();
        assert!(store.extend(Purpose::Session, &[1; 32], Timestamp(200)).await.unwrap());
        assert!(!store.extend(Purpose::Session, &[2; 32], Timestamp(200)).await.unwrap());
        sqlx::raw_sql("PRAGMA user_version = 99").execute(&store.pool).await.unwrap();
        store.close().await;
        assert!(matches!(Store::open(&path).await, Err(StoreError::Newer { found: 99, .. })));
    }
}
