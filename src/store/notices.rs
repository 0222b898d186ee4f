//! Notices: what happened, for every process that shares the store.
//!
//! A process begins at the newest notice and reads on from there. Notices outlast the longest pause between
//! two looks by far, and are then cleared away.

use std::time::Duration;

use sqlx::PgPool;

use crate::model::Timestamp;
use crate::store::bell::CHANNEL;
use crate::store::database::Pool;
use crate::store::database::on_either;
use crate::store::database::patient;
use crate::store::records::Store;
use crate::store::records::StoreError;
use crate::store::records::millis;

/// How long a notice is kept.
pub const NOTICE_LIFETIME: Duration = Duration::from_hours(1);

/// The most that are read at once.
const AT_ONCE: i64 = 1000;

const GIVE: &str = "INSERT INTO notices (topic, body, expires_at) VALUES ($1, $2, $3) RETURNING id";

/// The advisory lock that is held while a notice is given.
const GIVING: i64 = 0x50_61_6e_65_6c_02;

/// One notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its number. Later ones have higher ones.
    pub id: i64,
    /// What it is about.
    pub topic: String,
    /// What it says.
    pub body: Vec<u8>,
}

impl Store {
    /// Gives notice to every process, this one included; gives the notice's number.
    pub async fn give_notice(&self, topic: &'static str, body: &[u8], now: Timestamp) -> Result<i64, StoreError> {
        let until = millis(now.plus(NOTICE_LIFETIME));
        let given = match &self.pool {
            Pool::Sqlite(pool) => {
                patient(sqlx::query_scalar(GIVE).bind(topic).bind(body).bind(until).fetch_one(pool)).await
            }
            Pool::Postgres(pool) => patient(give(pool, topic, body, until)).await,
        };
        self.bell.ring();
        given
    }

    /// The number of the newest notice; 0 if there is none.
    pub async fn newest_notice(&self) -> Result<i64, StoreError> {
        on_either!(self, pool => sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM notices")
            .fetch_one(pool))
    }

    /// The notices after one, oldest first, at most 1000.
    pub async fn notices_after(&self, id: i64) -> Result<Vec<Notice>, StoreError> {
        let rows: Vec<(i64, String, Vec<u8>)> = on_either!(self, pool => sqlx::query_as(
            "SELECT id, topic, body FROM notices WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(id)
        .bind(AT_ONCE)
        .fetch_all(pool))?;
        Ok(rows.into_iter().map(|(id, topic, body)| Notice { id, topic, body }).collect())
    }
}

/// One at a time: numbers are drawn before transactions end, and who has read up to a number must not find
/// a lower one later.
async fn give(pool: &PgPool, topic: &str, body: &[u8], until: i64) -> Result<i64, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(GIVING).execute(&mut *transaction).await?;
    let id = sqlx::query_scalar(GIVE).bind(topic).bind(body).bind(until).fetch_one(&mut *transaction).await?;
    sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(id)
}
