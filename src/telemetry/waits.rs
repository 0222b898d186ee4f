//! What takes time within a request: the part that somebody else took, and for traces each step.

use std::future::Future;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// Steps of one request that are kept. One that takes more has been sent again and again.
const STEPS: usize = 32;

/// A step on the way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Whose request it is.
    Session,
    /// Whether they may.
    Policy,
    /// An event on its way into the audit log.
    Audit,
    /// Finding the panel session, or waiting for who is opening it.
    Panel,
    /// Opening a panel session at a server.
    Open,
    /// The request at the server.
    Server,
    /// A question to a provider.
    Provider,
}

impl Step {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Policy => "policy",
            Self::Audit => "audit",
            Self::Panel => "panel session",
            Self::Open => "open panel session",
            Self::Server => "server",
            Self::Provider => "provider",
        }
    }

    /// Whether somebody else is asked over the network.
    pub const fn is_elsewhere(self) -> bool {
        match self {
            Self::Open | Self::Server | Self::Provider => true,
            Self::Session | Self::Policy | Self::Audit | Self::Panel => false,
        }
    }
}

/// When a step was taken, and how long it took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Which.
    pub step: Step,
    /// When it began.
    pub began: Instant,
    /// How long it took.
    pub took: Duration,
}

/// A request's stopwatch, which runs while it waits for a server or the provider. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Waits(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    micros: AtomicU64,
    /// The steps, if they are kept.
    steps: Option<Mutex<Vec<Taken>>>,
}

impl Waits {
    /// One that keeps the steps as well.
    pub fn with_steps() -> Self {
        Self(Arc::new(Inner { micros: AtomicU64::new(0), steps: Some(Mutex::new(Vec::with_capacity(8))) }))
    }

    /// Waits for `other`, with the stopwatch running. What is large is pinned where it is made and lent: else it
    /// takes its room twice.
    pub async fn on<F: Future>(&self, step: Step, other: F) -> F::Output {
        let began = Instant::now();
        let output = other.await;
        let took = began.elapsed();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.micros.fetch_add(micros, Ordering::Relaxed);
        self.keep(Taken { step, began, took });
        output
    }

    /// Begins a step of our own; costs nothing where steps are not kept.
    pub fn begin(&self) -> Option<Instant> {
        self.0.steps.as_ref().map(|_| Instant::now())
    }

    /// Ends a step that was begun.
    pub fn end(&self, step: Step, began: Option<Instant>) {
        if let Some(began) = began {
            self.keep(Taken { step, began, took: began.elapsed() });
        }
    }

    /// The sum so far.
    pub fn total(&self) -> Duration {
        Duration::from_micros(self.0.micros.load(Ordering::Relaxed))
    }

    /// The steps so far, in the order in which they ended.
    pub fn steps(&self) -> Vec<Taken> {
        let steps = self.0.steps.as_ref();
        steps.map_or_else(Vec::new, |steps| steps.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn keep(&self, taken: Taken) {
        let Some(steps) = &self.0.steps else { return };
        let mut steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.len() < STEPS {
            steps.push(taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_adds_up() {
        let waits = Waits::default();
        let other = waits.clone();
        for _ in 0..2 {
            other.on(Step::Server, tokio::time::sleep(Duration::from_millis(2))).await;
        }
        assert!(waits.total() >= Duration::from_millis(4));
        assert!(waits.steps().is_empty(), "nobody asked for them");
    }

    #[tokio::test]
    async fn steps_are_kept_where_they_are_wanted_and_not_without_end() {
        let waits = Waits::with_steps();
        waits.end(Step::Policy, waits.begin());
        waits.end(Step::Session, waits.begin());
        for _ in 0..100 {
            waits.on(Step::Server, async {}).await;
        }
        let steps = waits.steps();
        assert_eq!((steps[0].step, steps[1].step, steps[2].step), (Step::Policy, Step::Session, Step::Server));
        assert_eq!(steps.len(), STEPS);
    }
}
