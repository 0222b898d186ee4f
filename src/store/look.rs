//! A look at the store that changes nothing in it: no table is made, no layout brought up to date.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use secrecy::SecretString;
use sqlx::Connection as _;
use sqlx::PgConnection;
use sqlx::PgPool;
use sqlx::Sqlite;
use sqlx::SqliteConnection;
use sqlx::SqlitePool;
use sqlx::Transaction;
use sqlx::postgres::PgListener;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqlitePoolOptions;

use crate::store::StoreError;
use crate::store::bell::Bell;
use crate::store::database::PATIENCE;
use crate::store::database::Pool;
use crate::store::database::options;
use crate::store::database::patient;
use crate::store::database::pooled;
use crate::store::layout;
use crate::store::records::Store;

/// The channel on which listening is tried.
const CHANNEL: &str = "panelgate_look";

/// How long a notification may take.
const NOTIFIED: Duration = Duration::from_secs(2);

/// Statements that are timed. The fastest counts: one that met a busy moment says nothing about the store.
const TIMED: usize = 3;

/// What a store shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The layout that it has; 0 for an empty database.
    pub layout: i64,
    /// The layout of this version.
    pub known: i64,
    /// What SQLite finds wrong in the file; `None` if that is nothing.
    pub damage: Option<String>,
    /// How long it took to have a statement answered, at best.
    pub took: Duration,
    /// What there is to say of a database that several share.
    pub shared: Option<Shared>,
}

/// A database that several share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Whether it takes no writes: a standby, or one that was told so.
    pub is_read_only: bool,
    /// Whether its user may make tables.
    pub may_create: bool,
    /// Whether a notification arrives.
    pub notifies: bool,
    /// How many connections it takes.
    pub connections: i64,
    /// Its clock, in milliseconds since 1970.
    pub clock: i64,
    /// When it said so.
    pub said_at: Instant,
}

impl Store {
    /// Looks at the file; nothing if there is none. Gives the store too, if it has the layout of this version.
    pub async fn look_at_file(path: &Path) -> Result<Option<(Seen, Option<Self>)>, StoreError> {
        let open = |source| StoreError::Open { path: path.to_owned(), source };
        if !path.try_exists().map_err(|error| open(error.into()))? {
            return Ok(None);
        }
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(PATIENCE);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(open)?;
        let (mut transaction, mut took) = write_lock(&pool).await?;
        for _ in 1..TIMED {
            transaction.rollback().await.map_err(StoreError::Query)?;
            let (again, took_again) = write_lock(&pool).await?;
            (transaction, took) = (again, took.min(took_again));
        }
        let (layout, damage) = file(&mut transaction).await?;
        transaction.rollback().await.map_err(StoreError::Query)?;
        let seen = Seen { layout, known: layout::known(), damage, took, shared: None };
        Ok(Some(Self::if_usable(seen, Pool::Sqlite(pool))))
    }

    /// Looks at the database at `address`. Gives the store too, with `connections` connections at most, if it has
    /// the layout of this version.
    pub async fn look_at_database(
        address: &SecretString,
        connections: u32,
    ) -> Result<(Seen, Option<Self>), StoreError> {
        let options = options(address)?;
        // A pool would try again and again, and only say that it took too long.
        let first = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options)).await;
        let first = first.map_err(|_| StoreError::TimedOut(PATIENCE))?.map_err(StoreError::Connect)?;
        first.close().await.map_err(StoreError::Connect)?;
        let pool = pooled(options, connections, PATIENCE).await?;
        let (mut took, mut has_layout) = (Duration::MAX, false);
        for _ in 0..TIMED {
            let began = Instant::now();
            has_layout =
                patient(sqlx::query_scalar("SELECT to_regclass('layout') IS NOT NULL").fetch_one(&pool)).await?;
            took = took.min(began.elapsed());
        }
        let layout: i64 = if has_layout {
            patient(sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM layout").fetch_one(&pool)).await?
        } else {
            0
        };
        let shared = Some(shared(&pool).await?);
        let seen = Seen { layout, known: layout::known(), damage: None, took, shared };
        Ok(Self::if_usable(seen, Pool::Postgres(pool)))
    }

    fn if_usable(seen: Seen, pool: Pool) -> (Seen, Option<Self>) {
        let store = (seen.layout == seen.known).then(|| Self { pool, bell: Bell::default() });
        (seen, store)
    }
}

/// Taking the lock for writing shows that writing is possible; nothing is written. And how long that took.
async fn write_lock(pool: &SqlitePool) -> Result<(Transaction<'static, Sqlite>, Duration), StoreError> {
    let began = Instant::now();
    let transaction = patient(pool.begin_with("BEGIN IMMEDIATE")).await?;
    Ok((transaction, began.elapsed()))
}

/// The layout of a file, and what is damaged in it.
async fn file(connection: &mut SqliteConnection) -> Result<(i64, Option<String>), StoreError> {
    let layout = patient(sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection)).await?;
    let said: String = patient(sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut *connection)).await?;
    Ok((layout, (said != "ok").then_some(said)))
}

async fn shared(pool: &PgPool) -> Result<Shared, StoreError> {
    const FACTS: &str = "SELECT current_setting('transaction_read_only') = 'on', \
        has_schema_privilege(current_schema(), 'CREATE'), current_setting('max_connections')::bigint, \
        (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let asked_at = Instant::now();
    let (is_read_only, may_create, connections, clock) =
        patient(sqlx::query_as::<_, (bool, bool, i64, i64)>(FACTS).fetch_one(pool)).await?;
    let said_at = asked_at + asked_at.elapsed() / 2;
    // A pooler between us and the database may lose notifications.
    let notifies = tokio::time::timeout(NOTIFIED, notified(pool)).await.is_ok_and(|heard| heard.is_ok());
    Ok(Shared { is_read_only, may_create, notifies, connections, clock, said_at })
}

async fn notified(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(pool).await?;
    listener.recv().await.map(drop)
}
