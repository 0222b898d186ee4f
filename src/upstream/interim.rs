//! Interim answers (1xx, RFC 9110 section 15.2), counted as they come over the line: nobody waits for them, and a
//! server could send them without end.
//!
//! The HTTP client tells of each too, but what it takes for that with every request costs more than all that is here.

/// Before the status: `HTTP/1.1 `, where the last digit may be another (RFC 9112 section 4).
const BEGINNING: &[u8; 9] = b"HTTP/1.x ";

/// More came than may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {0} interim answers came before the answer")]
pub(super) struct TooMany(pub(super) u32);

/// The interim answers to the requests on one connection.
#[derive(Debug)]
pub(super) struct Interims {
    most: u32,
    seen: u32,
    at: At,
}

/// Where the line has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// So many bytes of the first line of an answer are known, and the digits of its status so far.
    Status(usize, u16),
    /// In the head of an interim answer.
    Head { is_line_empty: bool },
    /// In an answer: what follows is none of our business until the next request.
    Answer,
    /// In another protocol.
    Switched,
}

impl Interims {
    /// Of which so many may come before an answer.
    pub(super) fn new(most: u32) -> Self {
        Self { most, seen: 0, at: At::Status(0, 0) }
    }

    /// Something of a request goes out: what comes after the last answer is the next one.
    pub(super) fn asked(&mut self) {
        if self.at == At::Answer {
            (self.seen, self.at) = (0, At::Status(0, 0));
        }
    }

    /// Reads what has come.
    pub(super) fn heard(&mut self, bytes: &[u8]) -> Result<(), TooMany> {
        for byte in bytes {
            self.at = match (self.at, *byte) {
                (At::Answer | At::Switched, _) => return Ok(()),
                // An empty line before an answer is passed over (RFC 9112 section 2.2).
                (At::Status(0, _), b'\r' | b'\n') => continue,
                (At::Status(known @ 7, _), b'0'..=b'9') => At::Status(known + 1, 0),
                (At::Status(known @ 9..11, status), digit @ b'0'..=b'9') => {
                    At::Status(known + 1, status * 10 + u16::from(digit - b'0'))
                }
                (At::Status(11, 10), b'1') => At::Switched,
                (At::Status(11, 10..20), b'0'..=b'9') => {
                    self.seen += 1;
                    if self.seen > self.most {
                        return Err(TooMany(self.most));
                    }
                    At::Head { is_line_empty: false }
                }
                (At::Status(known, _), byte) if BEGINNING.get(known) == Some(&byte) => At::Status(known + 1, 0),
                (At::Status(..), _) => At::Answer,
                // A line may end with a line feed alone (RFC 9112 section 2.2).
                (At::Head { is_line_empty: true }, b'\n') => At::Status(0, 0),
                (At::Head { .. }, b'\n') => At::Head { is_line_empty: true },
                (at @ At::Head { is_line_empty: true }, b'\r') => at,
                (At::Head { .. }, _) => At::Head { is_line_empty: false },
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HINT: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    /// How many of these may come, however they are cut into pieces.
    fn passes(most: u32, text: &str) -> bool {
        let whole = Interims::new(most).heard(text.as_bytes());
        for size in 1..text.len() {
            let mut interims = Interims::new(most);
            let cut = text.as_bytes().chunks(size).try_for_each(|piece| interims.heard(piece));
            assert_eq!(cut, whole, "in pieces of {size}: {text}");
        }
        whole.is_ok()
    }

    #[test]
    fn as_many_as_may_come_before_an_answer() {
        for (what, hint) in [
            ("as usual", HINT),
            ("without a reason", "HTTP/1.1 100\r\n\r\n"),
            ("of the older version", "HTTP/1.0 199 x\r\n\r\n"),
            ("with line feeds alone", "HTTP/1.1 103 x\nLink: y\n\n"),
            ("with ends of both kinds", "HTTP/1.1 103 x\nLink: y\r\n\n"),
            ("with empty lines before it", "\r\n\n\r\nHTTP/1.1 100 Continue\r\n\r\n"),
        ] {
            for count in 0..4 {
                let text = format!("{}{ANSWER}{}", hint.repeat(count), hint.repeat(9));
                assert_eq!(passes(2, &text), count <= 2, "{count} {what}");
            }
        }
    }

    #[test]
    fn what_stands_in_an_answer_is_none() {
        for answer in [
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
            "HTTP/1.1 1x3 odd\r\n\r\n",
            "HTTP/2 100 odd\r\n\r\n",
            "garbage\r\n\r\n",
        ] {
            assert!(passes(2, &format!("{answer}{}", HINT.repeat(9))), "{answer}");
        }
    }

    #[test]
    fn each_request_may_have_as_many_and_what_it_sends_meanwhile_brings_no_more() {
        let mut interims = Interims::new(2);
        for _ in 0..3 {
            interims.asked();
            interims.heard(HINT.repeat(2).as_bytes()).unwrap();
            interims.asked();
            interims.heard(ANSWER.as_bytes()).unwrap();
        }
        interims.asked();
        interims.heard(HINT.repeat(2).as_bytes()).unwrap();
        interims.asked();
        assert_eq!(interims.heard(HINT.as_bytes()), Err(TooMany(2)));
    }

    #[test]
    fn another_protocol_stays_one() {
        let mut interims = Interims::new(2);
        interims.heard(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").unwrap();
        for _ in 0..9 {
            interims.asked();
            interims.heard(HINT.as_bytes()).unwrap();
        }
    }
}
