//! The bell: it rings when a notice was given, here or by another process on the same database.
//!
//! It only says that it is worth looking now. It may ring for nothing and it may miss: who looks for notices
//! looks at times of its own too.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;

use crate::store::records::Store;

/// The channel of PostgreSQL's NOTIFY.
pub(super) const CHANNEL: &str = "panelgate";

/// Between two tries to listen again.
const AGAIN: Duration = Duration::from_secs(1);

/// Rung by this process and by the database.
#[derive(Clone, Debug)]
pub(super) struct Bell(Arc<watch::Sender<()>>);

impl Default for Bell {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }
}

impl Bell {
    pub(super) fn ring(&self) {
        self.0.send_replace(());
    }

    /// Rings whenever the database notifies, until it is closed.
    pub(super) fn follow(&self, pool: &PgPool) {
        let (bell, pool) = (self.clone(), pool.clone());
        tokio::spawn(async move {
            while !pool.is_closed() {
                if let Err(error) = bell.listen(&pool).await {
                    tracing::debug!(%error, "not listening to the database: looking from time to time instead");
                }
                // Something may have been missed.
                bell.ring();
                tokio::time::sleep(AGAIN).await;
            }
        });
    }

    async fn listen(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        self.ring();
        while listener.try_recv().await?.is_some() {
            self.ring();
        }
        Ok(())
    }
}

impl Store {
    /// Changes whenever a notice was given.
    pub fn bell(&self) -> watch::Receiver<()> {
        self.bell.0.subscribe()
    }
}
