//! Ending sessions at their servers once nobody needs them: in the background, bounded, as well as it goes.
//!
//! A session that is not ended dies of its idle time. It is ended only where the server says that a logout
//! ends that one session alone (`docs/cpsrvd.md`, section 2): with two-factor authentication it would end
//! those of colleagues who use the same account.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::panel;
use crate::panel::ApiError;
use crate::panel::WhmApi;
use crate::panel_session::hosted::Hosted;
use crate::panel_session::slot::Held;
use crate::upstream::SendError;
use crate::vault::TokenError;

/// Sessions that are being ended at once, over all servers. The others wait for their turn.
const AT_ONCE: usize = 16;

/// The sessions that are being ended.
#[derive(Clone)]
pub(super) struct Endings {
    tasks: TaskTracker,
    turns: Arc<Semaphore>,
    answer_limit: usize,
    deadline: Duration,
}

/// What became of a session that was let go.
enum Ended {
    /// It is ended at the server.
    LoggedOut,
    /// It is left to its idle time: a logout would end others too.
    Shared,
    /// There was none.
    Nothing,
}

/// Why a session is left to its idle time although it could perhaps be ended.
#[derive(Debug, thiserror::Error)]
enum NotEnded {
    #[error("the API token cannot be read")]
    Vault(#[source] TokenError),
    #[error("the server does not say whether a logout ends one session")]
    Api(#[source] ApiError),
    #[error("the logout had no answer")]
    Send(#[source] SendError),
}

impl Endings {
    /// Each is ended within `deadline`, or left; at most `answer_limit` bytes are read of an API answer.
    pub(super) fn new(answer_limit: usize, deadline: Duration) -> Self {
        Self { tasks: TaskTracker::new(), turns: Arc::new(Semaphore::new(AT_ONCE)), answer_limit, deadline }
    }

    /// Ends what is at a place that has been given up; also what is only just being opened there.
    pub(super) fn end(&self, hosted: &Hosted, held: Held) {
        let (hosted, turns, answer_limit, deadline) =
            (hosted.clone(), Arc::clone(&self.turns), self.answer_limit, self.deadline);
        self.tasks.spawn(async move {
            let ending = async {
                // The semaphore is never closed; without a turn nothing is ended.
                let Ok(_turn) = turns.acquire_owned().await else { return Ok(Ended::Nothing) };
                end(&hosted, &held, answer_limit).await
            };
            let server = hosted.upstream.id();
            match tokio::time::timeout(deadline, ending).await {
                Ok(Ok(Ended::Nothing)) => {}
                Ok(Ok(Ended::LoggedOut)) => tracing::debug!(%server, "a session is ended at its server"),
                Ok(Ok(Ended::Shared)) => {
                    tracing::debug!(%server, "a session is left to its idle time: two-factor authentication is on");
                }
                Ok(Err(error)) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    tracing::info!(%server, %error, cause, "a session is left to its idle time");
                }
                Err(_) => tracing::info!(%server, "a session is left to its idle time: ending it took too long"),
            }
        });
    }

    /// Clears a place in the store in the background.
    pub(super) fn clear(&self, clearing: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(clearing);
    }

    /// Waits until all are ended or left.
    pub(super) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn end(hosted: &Hosted, held: &Held, answer_limit: usize) -> Result<Ended, NotEnded> {
    // Whoever opens something there has the lock until it is open.
    let Some(session) = held.lock().await.take() else { return Ok(Ended::Nothing) };
    let (client, credential) = hosted.api().await.map_err(NotEnded::Vault)?;
    let api = WhmApi { client: &client, credential: &credential, answer_limit };
    if !panel::logout_ends_one_session(&api).await.map_err(NotEnded::Api)? {
        return Ok(Ended::Shared);
    }
    session.log_out().await.map_err(NotEnded::Send)?;
    Ok(Ended::LoggedOut)
}

impl fmt::Debug for Endings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endings").field("under_way", &self.tasks.len()).finish_non_exhaustive()
    }
}
