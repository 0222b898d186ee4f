//! A server that somebody has taken over: it answers what they want instead of what cpsrvd would, to the
//! signed-in user and under the paths that they chose. Everything else of the double goes on as before.

use std::collections::HashMap;
use std::sync::Mutex;

use super::answer::Answer;
use super::switches::Framing;
use super::sync::lock;

/// An answer that somebody has planted.
#[derive(Clone, Debug)]
pub struct Planted {
    /// The status.
    pub status: u16,
    /// The head, `Content-Type` included, in order; nothing is checked.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Planted {
    /// A page with these header lines besides.
    pub fn page(html: impl Into<Vec<u8>>, headers: &[(&'static str, &str)]) -> Self {
        let own = ("Content-Type", "text/html; charset=utf-8");
        let headers = [own].iter().chain(headers).map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { status: 200, headers, body: html.into() }
    }

    /// The same with another status.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

/// What is planted where.
#[derive(Debug, Default)]
pub(super) struct Hostile(Mutex<HashMap<String, Planted>>);

impl Hostile {
    pub(super) fn plant(&self, path: &str, planted: Planted) {
        lock(&self.0).insert(path.to_owned(), planted);
    }

    pub(super) fn at(&self, path: &str) -> Option<Answer> {
        let Planted { status, headers, body } = lock(&self.0).get(path)?.clone();
        let headers = headers.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Some(Answer { headers, ..Answer::new(status, "As You Wish", "", body).framed(Framing::ContentLength) })
    }
}
