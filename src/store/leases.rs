//! Leases: of all who want to do something, here and on other nodes, one does it at a time.

use crate::model::Timestamp;
use crate::store::records::Key;
use crate::store::records::Store;
use crate::store::records::StoreError;
use crate::store::records::millis;

impl Store {
    /// Takes or prolongs a lease until a moment; says whether the holder has it now. One that its holder did
    /// not give back is free again when it has run out.
    pub async fn lease(&self, name: &Key, holder: &Key, until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO leases (name, holder, until) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET holder = ?2, until = ?3 WHERE until <= ?4 OR holder = ?2",
        )
        .bind(name.as_slice())
        .bind(holder.as_slice())
        .bind(millis(until))
        .bind(millis(now))
        .execute(&self.pool)
        .await
        .map_err(StoreError::Query)?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a lease back, if the holder still has it.
    pub async fn release(&self, name: &Key, holder: &Key) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM leases WHERE name = ? AND holder = ?")
            .bind(name.as_slice())
            .bind(holder.as_slice())
            .execute(&self.pool)
            .await
            .map_err(StoreError::Query)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lease_has_one_holder_until_it_is_given_back_or_runs_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("panelgate.db")).await.unwrap();
        let (name, one, two) = ([1; 32], [2; 32], [3; 32]);
        let take = |holder, until, now| store.lease(&name, holder, Timestamp(until), Timestamp(now));
        assert!(take(&one, 10, 0).await.unwrap());
        assert!(!take(&two, 19, 9).await.unwrap());
        assert!(take(&one, 20, 9).await.unwrap(), "its holder prolongs it");
        assert!(!take(&two, 30, 19).await.unwrap());
        assert!(take(&two, 30, 20).await.unwrap());
        store.release(&name, &one).await.unwrap();
        assert!(!take(&one, 40, 21).await.unwrap(), "only its holder gives it back");
        store.release(&name, &two).await.unwrap();
        assert!(take(&one, 40, 21).await.unwrap());
    }
}
