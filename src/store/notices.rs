//! Notices: what happened, for every process that shares the store.
//!
//! A process begins at the newest notice and reads on from there. Notices outlast the longest pause between
//! two looks by far, and are then cleared away.

use std::time::Duration;

use sqlx::Row as _;

use crate::model::Timestamp;
use crate::store::records::Store;
use crate::store::records::StoreError;
use crate::store::records::millis;

/// How long a notice is kept.
pub const NOTICE_LIFETIME: Duration = Duration::from_hours(1);

/// The most that are read at once.
const AT_ONCE: i64 = 1000;

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
        let done = sqlx::query("INSERT INTO notices (topic, body, expires_at) VALUES (?, ?, ?)")
            .bind(topic)
            .bind(body)
            .bind(millis(now.plus(NOTICE_LIFETIME)))
            .execute(&self.pool)
            .await
            .map_err(StoreError::Query)?;
        Ok(done.last_insert_rowid())
    }

    /// The number of the newest notice; 0 if there is none.
    pub async fn newest_notice(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM notices")
            .fetch_one(&self.pool)
            .await
            .map_err(StoreError::Query)
    }

    /// The notices after one, oldest first, at most 1000.
    pub async fn notices_after(&self, id: i64) -> Result<Vec<Notice>, StoreError> {
        let rows = sqlx::query("SELECT id, topic, body FROM notices WHERE id > ? ORDER BY id LIMIT ?")
            .bind(id)
            .bind(AT_ONCE)
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::Query)?;
        let notice = |row: &sqlx::sqlite::SqliteRow| {
            Ok(Notice { id: row.try_get("id")?, topic: row.try_get("topic")?, body: row.try_get("body")? })
        };
        rows.iter().map(notice).collect::<Result<_, _>>().map_err(StoreError::Query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn notices_are_read_once_and_in_order_by_every_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("panelgate.db");
        let (one, two) = (Store::open(&path).await.unwrap(), Store::open(&path).await.unwrap());
        let start = two.newest_notice().await.unwrap();
        one.give_notice("ended", b"a", Timestamp(0)).await.unwrap();
        let last = one.give_notice("ended", b"b", Timestamp(0)).await.unwrap();
        for store in [&one, &two] {
            let read = store.notices_after(start).await.unwrap();
            assert_eq!(read.iter().map(|notice| notice.body.as_slice()).collect::<Vec<_>>(), [b"a", b"b"]);
            assert!(store.notices_after(last).await.unwrap().is_empty());
        }
        one.sweep(Timestamp::default().plus(NOTICE_LIFETIME)).await.unwrap();
        assert!(two.notices_after(0).await.unwrap().is_empty());
        let next = two.give_notice("ended", b"c", Timestamp(0)).await.unwrap();
        assert!(next > last, "a number is not used again");
    }
}
