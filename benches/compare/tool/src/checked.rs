//! The least that a proxy does which knows who asks and says so: what `bare` does besides passing on, if it is told to.
//!
//! A session is found by the SHA-256 of its cookie, the server hears in three header lines who asks, the cookie stays
//! here, and a line for each request goes to a file, many at a time. There are no rules, no lists of headers, no chain
//! of records, no log and no metrics.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::SystemTime;

use aws_lc_rs::digest;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use http::Uri;
use http::header::COOKIE;

/// People who are signed in besides the one who asks.
const OTHERS: u32 = 1000;

/// How long lines wait for others.
const COMPANY: Duration = Duration::from_millis(100);

/// Bytes of lines that may wait. A line for which there is no room is left out.
const MOST: usize = 16 * 1024 * 1024;

/// Who may ask, and what they have asked.
pub(crate) struct Checked {
    sessions: HashMap<Vec<u8>, HeaderValue>,
    lines: Arc<Mutex<Vec<u8>>>,
}

/// Somebody's request.
pub(crate) struct Asked<'c> {
    checked: &'c Checked,
    who: &'c HeaderValue,
    method: Method,
    uri: Uri,
}

impl Checked {
    /// Lets in who has this cookie, and writes to this file.
    pub(crate) fn start(cookie: &str, file: &Path) -> io::Result<Self> {
        let mut file = File::create(file)?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        let waiting = Arc::clone(&lines);
        thread::Builder::new().name("lines".into()).spawn(move || {
            let mut batch = Vec::new();
            loop {
                thread::sleep(COMPANY);
                std::mem::swap(&mut batch, &mut *waiting.lock().unwrap_or_else(PoisonError::into_inner));
                if file.write_all(&batch).is_err() {
                    // What is measured then is not what it is said to be.
                    std::process::abort();
                }
                batch.clear();
            }
        })?;
        let others = (0..OTHERS).map(|number| (format!("other-{number}"), HeaderValue::from(number)));
        let sessions = others.chain([(cookie.to_owned(), HeaderValue::from_static("somebody"))]);
        let sessions = sessions.map(|(cookie, who)| (sha256(&cookie), who)).collect();
        Ok(Self { sessions, lines })
    }

    /// Who asks, if they may; the server hears of them, and not of their cookie.
    pub(crate) fn admit(&self, method: &Method, uri: &Uri, headers: &mut HeaderMap) -> Option<Asked<'_>> {
        let cookies = headers.remove(COOKIE)?;
        let mut pairs = cookies.to_str().ok()?.split("; ");
        let who = self.sessions.get(&sha256(pairs.find_map(|pair| pair.strip_prefix("session="))?))?;
        headers.insert(HeaderName::from_static("x-forwarded-user"), who.clone());
        headers.insert(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("https"));
        headers.insert(HeaderName::from_static("x-forwarded-groups"), HeaderValue::from_static("staff"));
        Some(Asked { checked: self, who, method: method.clone(), uri: uri.clone() })
    }
}

impl Asked<'_> {
    /// Writes down how it was answered.
    pub(crate) fn answered(&self, status: StatusCode) -> anyhow::Result<()> {
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let mut lines = self.checked.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < MOST {
            let (who, method, path, status) = (self.who.to_str()?, &self.method, self.uri.path(), status.as_u16());
            let time = time.as_millis();
            writeln!(
                lines,
                r#"{{"time":{time},"who":"{who}","method":"{method}","path":"{path}","status":{status}}}"#
            )?;
        }
        Ok(())
    }
}

fn sha256(text: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec()
}
