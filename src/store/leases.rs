//! Leases: of all who want to do something, here and on other nodes, one does it at a time.

use crate::model::Timestamp;
use crate::store::database::changed;
use crate::store::records::Key;
use crate::store::records::Store;
use crate::store::records::StoreError;
use crate::store::records::millis;

impl Store {
    /// Takes or prolongs a lease until a moment; says whether the holder has it now. One that its holder did
    /// not give back is free again when it has run out.
    pub async fn lease(&self, name: &Key, holder: &Key, until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let done = changed!(
            self,
            sqlx::query(
                "INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET holder = $2, until = $3 WHERE leases.until <= $4 OR leases.holder = $2",
            )
            .bind(name.as_slice())
            .bind(holder.as_slice())
            .bind(millis(until))
            .bind(millis(now))
        )?;
        Ok(done == 1)
    }

    /// Gives a lease back, if the holder still has it.
    pub async fn release(&self, name: &Key, holder: &Key) -> Result<(), StoreError> {
        changed!(
            self,
            sqlx::query("DELETE FROM leases WHERE name = $1 AND holder = $2")
                .bind(name.as_slice())
                .bind(holder.as_slice())
        )?;
        Ok(())
    }
}
