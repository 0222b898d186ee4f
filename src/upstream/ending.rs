//! Whether something has ended, for a stream or a task that asks each time it is woken.

use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::task::Context;
use std::task::Waker;

use tokio_util::sync::CancellationToken;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// A token, and who is woken by it.
pub struct Ending {
    token: CancellationToken,
    waits: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Whom `waits` wakes. It is asked again only for somebody else: that costs ten times the look at the token.
    wakes: Option<Waker>,
}

impl Ending {
    /// The end that the token tells.
    pub fn new(token: CancellationToken) -> Self {
        Self { waits: Box::pin(token.clone().cancelled_owned()), token, wakes: None }
    }

    /// Whether it has come. If it has not, the task is woken when it does.
    pub fn has_come(&mut self, cx: &mut Context<'_>) -> bool {
        let is_awaited = self.wakes.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if self.token.is_cancelled() || (!is_awaited && self.waits.as_mut().poll(cx).is_ready()) {
            return true;
        }
        if !is_awaited {
            self.wakes = Some(cx.waker().clone());
        }
        false
    }
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending").field("token", &self.token).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn whoever_asks_last_is_woken() {
        let token = CancellationToken::new();
        let mut ending = Ending::new(token.clone());
        let mut ask = |cx: &mut Context<'_>| if ending.has_come(cx) { Poll::Ready(()) } else { Poll::Pending };
        assert!(poll_fn(&mut ask).now_or_never().is_none());
        let end = async {
            tokio::task::yield_now().await;
            token.cancel();
        };
        tokio::join!(poll_fn(&mut ask), end);
        assert!(poll_fn(&mut ask).now_or_never().is_some());
    }
}
