//! What goes on from one session of a person to the next in the same browser: the security tokens of panels.
//!
//! A page of a panel that was open when the session ended still has its token in its address. When the same
//! person signs in again in the same browser, the panel is opened under the same one, and the page goes on,
//! with what was typed in it. Nobody can know a token before: it is made with the server's key.

use aws_lc_rs::hmac;

use crate::session::entry::EntryPlace;
use crate::session::entry::SecretDigits;
use crate::session::person::Session;
use crate::store::Key;

/// Digits of a security token (cPanel: "cpsess" and a 10-digit number).
const DIGITS: usize = 10;

impl Session {
    /// The security token under which a panel is first opened in this session; nothing for a session that was
    /// begun by a version of before.
    pub fn security_token(&self, place: &EntryPlace) -> Option<SecretDigits> {
        self.thread.as_ref().map(|thread| digits(thread, place))
    }
}

fn digits(thread: &Key, place: &EntryPlace) -> SecretDigits {
    let EntryPlace { server, service, account, through } = place;
    let through = through.as_ref().map(ToString::to_string).unwrap_or_default();
    let key = hmac::Key::new(hmac::HMAC_SHA256, thread);
    let mut text = String::from("cpsess");
    for round in 0_u64.. {
        let mut context = hmac::Context::with_key(&key);
        for part in [server.as_str(), service.as_str(), account.as_str(), &through] {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.update(&round.to_be_bytes());
        // 250 is the largest multiple of ten below 256: taking more would favour low digits.
        let tag = context.sign();
        let fair = tag.as_ref().iter().filter(|byte| **byte < 250).map(|byte| char::from(b'0' + byte % 10));
        let room = DIGITS + "cpsess".len() - text.len();
        text.extend(fair.take(room));
        if text.len() == DIGITS + "cpsess".len() {
            break;
        }
    }
    SecretDigits(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_of_each_thread_has_a_token_of_its_own_that_stays() {
        let place = |server: &str, account: &str| EntryPlace {
            server: server.parse().unwrap(),
            service: crate::model::Service::Whostmgrd,
            account: account.parse().unwrap(),
            through: None,
        };
        let through = EntryPlace { through: Some("root".parse().unwrap()), ..place("web1", "root") };
        let all = [place("web1", "root"), place("web2", "root"), place("web1", "alice"), through];
        let mut seen = std::collections::BTreeSet::new();
        for thread in [[1; 32], [2; 32]] {
            for place in &all {
                let SecretDigits(text) = digits(&thread, place);
                assert_eq!(text, digits(&thread, place).0);
                let number = text.strip_prefix("cpsess").unwrap();
                assert!(number.len() == 10 && number.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
                assert!(seen.insert(text));
            }
        }
    }
}
