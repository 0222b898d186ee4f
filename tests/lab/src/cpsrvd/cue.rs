//! A cue: what the double does next waits for a test to say so, and not for a time.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Cues that a test gives and the double takes, one for each step.
#[derive(Clone, Debug)]
pub struct Cue(Arc<Semaphore>);

impl Cue {
    /// None is given yet.
    #[expect(clippy::new_without_default, reason = "a cue means something only in the hands of two")]
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Gives one.
    pub fn give(&self) {
        self.0.add_permits(1);
    }

    /// Waits for one.
    pub(super) async fn taken(&self) {
        // The semaphore is never closed.
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}

impl PartialEq for Cue {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Cue {}
