//! The tables, step by step. A step is only ever appended, never changed: each runs once, and forward only.

use sqlx::PgPool;
use sqlx::SqlitePool;

use crate::store::StoreError;

/// One step of the layout, in both dialects. They differ in the names of types and in nothing else.
struct Step {
    sqlite: &'static str,
    postgres: &'static str,
}

const STEPS: &[Step] = &[
    Step {
        sqlite: "
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
        postgres: "
            CREATE TABLE records (
                purpose TEXT NOT NULL,
                key BYTEA NOT NULL,
                owner BYTEA,
                expires_at BIGINT NOT NULL,
                sealed BYTEA NOT NULL,
                PRIMARY KEY (purpose, key)
            );
            CREATE INDEX records_by_owner ON records (owner) WHERE owner IS NOT NULL;
            CREATE INDEX records_by_expiry ON records (expires_at);
        ",
    },
    Step {
        sqlite: "
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
        postgres: "
            ALTER TABLE records ADD COLUMN mark BYTEA;
            ALTER TABLE records ADD COLUMN other_mark BYTEA;
            ALTER TABLE records ADD COLUMN label BYTEA NOT NULL DEFAULT '';
            CREATE INDEX records_by_mark ON records (mark) WHERE mark IS NOT NULL;
            CREATE INDEX records_by_other_mark ON records (other_mark) WHERE other_mark IS NOT NULL;
            CREATE TABLE leases (
                name BYTEA PRIMARY KEY,
                holder BYTEA NOT NULL,
                until BIGINT NOT NULL
            );
            CREATE TABLE notices (
                id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                topic TEXT NOT NULL,
                body BYTEA NOT NULL,
                expires_at BIGINT NOT NULL
            );
            CREATE INDEX notices_by_expiry ON notices (expires_at);
        ",
    },
];

/// The advisory lock that is held while the layout is brought up to date, so that replicas that start
/// together do it one after the other.
const MIGRATING: i64 = 0x50_61_6e_65_6c_01;

/// Brings a file's layout up to date. Its number stands in `user_version`.
pub(super) async fn of_sqlite(pool: &SqlitePool) -> Result<(), StoreError> {
    sqlite_to(pool, STEPS).await
}

/// Brings a database's layout up to date: all of the missing steps, or none.
pub(super) async fn of_postgres(pool: &PgPool) -> Result<(), StoreError> {
    postgres_to(pool, STEPS).await
}

async fn sqlite_to(pool: &SqlitePool, steps: &'static [Step]) -> Result<(), StoreError> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(StoreError::Query)?;
    let found: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await.map_err(StoreError::Query)?;
    for step in missing(found, steps)? {
        sqlx::raw_sql(step.sqlite).execute(&mut *transaction).await.map_err(StoreError::Query)?;
    }
    // PRAGMA takes no parameters; the number is the length of a constant.
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PRAGMA user_version = {}", steps.len())))
        .execute(&mut *transaction)
        .await
        .map_err(StoreError::Query)?;
    transaction.commit().await.map_err(StoreError::Query)
}

async fn postgres_to(pool: &PgPool, steps: &'static [Step]) -> Result<(), StoreError> {
    let mut transaction = pool.begin().await.map_err(StoreError::Query)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MIGRATING)
        .execute(&mut *transaction)
        .await
        .map_err(StoreError::Query)?;
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS layout (version BIGINT NOT NULL)")
        .execute(&mut *transaction)
        .await
        .map_err(StoreError::Query)?;
    let found: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM layout")
        .fetch_one(&mut *transaction)
        .await
        .map_err(StoreError::Query)?;
    let missing = missing(found, steps)?;
    for step in missing {
        sqlx::raw_sql(step.postgres).execute(&mut *transaction).await.map_err(StoreError::Query)?;
    }
    if !missing.is_empty() {
        sqlx::query("INSERT INTO layout (version) VALUES ($1)")
            .bind(number(steps))
            .execute(&mut *transaction)
            .await
            .map_err(StoreError::Query)?;
    }
    transaction.commit().await.map_err(StoreError::Query)
}

/// The layout of this version.
pub(super) fn known() -> i64 {
    number(STEPS)
}

fn number(steps: &[Step]) -> i64 {
    i64::try_from(steps.len()).unwrap_or(i64::MAX)
}

fn missing(found: i64, steps: &'static [Step]) -> Result<&'static [Step], StoreError> {
    let done = usize::try_from(found).unwrap_or_default();
    steps.get(done..).ok_or(StoreError::Newer { found, known: number(steps) })
}

/// What a release does as it starts that knows so many steps and no more.
#[cfg(test)]
pub(super) async fn as_of(steps: usize, pool: &super::database::Pool) -> Result<(), StoreError> {
    match pool {
        super::database::Pool::Sqlite(pool) => sqlite_to(pool, &STEPS[..steps]).await,
        super::database::Pool::Postgres(pool) => postgres_to(pool, &STEPS[..steps]).await,
    }
}
