//! The two databases behind the one interface, and how they are opened.
//!
//! One node keeps its state in SQLite: one file, nothing else to run, and every write is on disk before the
//! call returns (`synchronous = FULL`). Several nodes share PostgreSQL. Statements are written once, in the
//! words that both understand, with `$1` for parameters.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;
use std::time::Instant;

use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use sqlx::PgPool;
use sqlx::SqlitePool;
use sqlx::postgres::PgConnectOptions;
use sqlx::postgres::PgPoolOptions;
use sqlx::postgres::PgSslMode;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::sqlite::SqliteSynchronous;

use crate::store::StoreError;
use crate::store::bell::Bell;
use crate::store::layout;
use crate::store::records::Store;

/// How long a write to the file waits for another one before it fails.
const BUSY: Duration = Duration::from_secs(5);
/// Between two tries to open a file that another process is opening.
const AGAIN: Duration = Duration::from_millis(20);

/// Connections to the file. SQLite has one writer at a time, the rest read beside it.
const FILE_CONNECTIONS: u32 = 4;

/// The longest that a statement may take, waiting for a connection included. A database that is away or
/// frozen must not hold up requests.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long opening may take: a database that starts together with the gateway needs a moment.
const START: Duration = Duration::from_secs(15);

/// One of the two.
#[derive(Clone, Debug)]
pub(super) enum Pool {
    /// One node.
    Sqlite(SqlitePool),
    /// Several.
    Postgres(PgPool),
}

/// Runs the same statement on whichever database it is, within [`PATIENCE`].
///
/// Rows are read as tuples, which are the same for both.
macro_rules! on_either {
    ($store:expr, $pool:ident => $statement:expr) => {
        match &$store.pool {
            $crate::store::database::Pool::Sqlite($pool) => $crate::store::database::patient($statement).await,
            $crate::store::database::Pool::Postgres($pool) => $crate::store::database::patient($statement).await,
        }
    };
}
pub(super) use on_either;

/// The same for a statement that changes rows; gives their number.
macro_rules! changed {
    ($store:expr, $statement:expr) => {
        match &$store.pool {
            $crate::store::database::Pool::Sqlite(pool) => {
                $crate::store::database::patient($statement.execute(pool)).await.map(|done| done.rows_affected())
            }
            $crate::store::database::Pool::Postgres(pool) => {
                $crate::store::database::patient($statement.execute(pool)).await.map(|done| done.rows_affected())
            }
        }
    };
}
pub(super) use changed;

/// Waits for a statement, but not for ever.
pub(super) async fn patient<T>(statement: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    let done = tokio::time::timeout(PATIENCE, statement).await;
    done.map_err(|_| StoreError::TimedOut(PATIENCE))?.map_err(StoreError::Query)
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
        let deadline = Instant::now() + BUSY;
        let pool = loop {
            // A file does not hang up: nothing has to be asked before each statement whether it is still there.
            let pool = SqlitePoolOptions::new().max_connections(FILE_CONNECTIONS).test_before_acquire(false);
            match pool.connect_with(options.clone()).await {
                // A new file is given its write-ahead log by one process at a time, and SQLite lets nobody
                // wait for that (sqlite.org/rescode.html#busy).
                Err(error) if is_busy(&error) && Instant::now() < deadline => tokio::time::sleep(AGAIN).await,
                opened => break opened.map_err(|source| StoreError::Open { path: path.to_owned(), source })?,
            }
        };
        layout::of_sqlite(&pool).await?;
        Ok(Self { pool: Pool::Sqlite(pool), bell: Bell::default() })
    }

    /// Connects to the database at `address` (a `postgres://` URL) with at most `connections` connections, one
    /// of them for listening, and brings its layout up to date where needed.
    ///
    /// Unless the address says otherwise with `sslmode`, the server on another machine must show a certificate
    /// that is valid for its name.
    pub async fn connect(address: &SecretString, connections: u32) -> Result<Self, StoreError> {
        let pool = pooled(options(address)?, connections, START).await?;
        layout::of_postgres(&pool).await?;
        let bell = Bell::default();
        bell.follow(&pool);
        Ok(Self { pool: Pool::Postgres(pool), bell })
    }

    /// Closes the connections.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

/// How the database at `address` is connected to.
pub(super) fn options(address: &SecretString) -> Result<PgConnectOptions, StoreError> {
    let address = address.expose_secret();
    let mut options = PgConnectOptions::from_str(address).map_err(StoreError::Address)?;
    if !address.contains("sslmode=") && !is_here(&options) {
        options = options.ssl_mode(PgSslMode::VerifyFull);
    }
    // The server gives up too, so that a statement that nobody waits for does not go on.
    let limit = PATIENCE.as_millis().to_string();
    Ok(options
        .application_name("panelgate")
        .options([("statement_timeout", limit.as_str()), ("idle_in_transaction_session_timeout", limit.as_str())]))
}

/// A pool of so many connections, the first of which is made within `patience`.
pub(super) async fn pooled(
    options: PgConnectOptions,
    connections: u32,
    patience: Duration,
) -> Result<PgPool, StoreError> {
    let opened = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .max_lifetime(Duration::from_mins(30))
        .connect_with(options);
    let opened = tokio::time::timeout(patience, opened).await.map_err(|_| StoreError::TimedOut(patience))?;
    opened.map_err(StoreError::Connect)
}

/// Whether another process holds the file (`SQLITE_BUSY` and its extended codes).
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// Whether the server is on this machine, where nobody is on the way to it.
fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let loopback = host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    options.get_socket().is_some() || host.starts_with('/') || host == "localhost" || loopback
}
