//! Where the frames of a WebSocket begin and end (RFC 6455 section 5.2), so that a word of ours fits between two.

use bytes::Bytes;

/// The code of a close frame that says that an endpoint is going away (RFC 6455 section 7.4.1).
const GOING_AWAY: [u8; 2] = 1001_u16.to_be_bytes();

/// Bytes of the longest head: two, a length in eight, and a mask in four.
const HEAD: usize = 14;

/// The place in a stream of frames. Their content is not looked at.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The head of the frame, as far as it has come.
    head: [u8; HEAD],
    /// So many bytes of it.
    come: usize,
    /// Bytes of the frame that are still to come after its head.
    left: u64,
    /// Whether a frame of content has begun since it was last asked.
    content: bool,
}

impl Frames {
    /// Whether no frame has begun that has not ended.
    pub(super) fn is_between(&self) -> bool {
        self.come == 0 && self.left == 0
    }

    /// Whether a frame of content has begun since the last call: pings and pongs, which machines send by
    /// themselves, are none (RFC 6455 section 5.6).
    pub(super) fn take_content(&mut self) -> bool {
        std::mem::take(&mut self.content)
    }

    /// Takes bytes.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = bytes.get(self.finish(bytes)..).unwrap_or_default();
        }
    }

    /// Takes bytes up to the end of the frame that they begin with or go on with; says how many.
    pub(super) fn finish(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        for byte in bytes {
            if self.left > 0 {
                break;
            }
            // A head that is this long is whole, so there is always room for one byte more.
            if let Some(place) = self.head.get_mut(self.come) {
                *place = *byte;
                self.come += 1;
            }
            taken += 1;
            let head = self.head.get(..self.come).unwrap_or_default();
            if let Some(length) = length(head) {
                self.content |= head.first().is_some_and(|first| first & 0x08 == 0);
                self.come = 0;
                self.left = length;
                if length == 0 {
                    return taken;
                }
            }
        }
        let rest = u64::try_from(bytes.len() - taken).unwrap_or(u64::MAX).min(self.left);
        self.left -= rest;
        taken + usize::try_from(rest).unwrap_or(usize::MAX)
    }
}

/// The length of what follows a head, once it is whole.
fn length(head: &[u8]) -> Option<u64> {
    let second = *head.get(1)?;
    let (masked, short) = (second & 0x80 != 0, second & 0x7f);
    let extended = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if head.len() < 2 + extended + if masked { 4 } else { 0 } {
        return None;
    }
    let long = head.get(2..2 + extended).unwrap_or_default();
    Some(if extended == 0 { short.into() } else { long.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) })
}

/// The close frame that says that we go away.
#[derive(Clone, Copy, Debug)]
pub(super) enum Farewell {
    /// For a browser.
    Plain,
    /// For a server, masked as everything that comes from a client (RFC 6455 section 5.3).
    Masked([u8; 4]),
}

impl Farewell {
    /// Its bytes.
    pub(super) fn frame(self) -> Bytes {
        match self {
            Self::Plain => [0x88, 2].into_iter().chain(GOING_AWAY).collect(),
            Self::Masked(mask) => {
                let code = GOING_AWAY.iter().zip(mask).map(|(byte, mask)| byte ^ mask);
                [0x88, 0x82].into_iter().chain(mask).chain(code).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = match length {
            0..126 => vec![0x82, mask | u8::try_from(length).unwrap()],
            126..65536 => [&[0x82, mask | 0x7e][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
            _ => [&[0x82, mask | 0x7f][..], &u64::try_from(length).unwrap().to_be_bytes()].concat(),
        };
        frame.extend(vec![0x88; length + if masked { 4 } else { 0 }]);
        frame
    }

    #[test]
    fn pings_and_pongs_are_no_content() {
        let mut frames = Frames::default();
        frames.pass(&[0x89, 0x80, 0, 0, 0, 0, 0x8a, 0x81, 0, 0, 0, 0, b'x', 0x81]);
        assert!(!frames.take_content());
        frames.pass(&[0x81, 0, 0, 0, 0]);
        assert!(frames.take_content());
        frames.pass(b"l");
        assert!(!frames.take_content(), "it is told once");
    }

    #[test]
    fn frames_of_every_length_end_where_they_end_however_they_are_cut() {
        let lengths = [0, 1, 125, 126, 65535, 65536];
        let all: Vec<Vec<u8>> =
            lengths.iter().flat_map(|length| [frame(*length, false), frame(*length, true)]).collect();
        let stream = all.concat();
        let ends: Vec<usize> = all
            .iter()
            .scan(0, |sum, frame| {
                *sum += frame.len();
                Some(*sum)
            })
            .collect();
        for size in [1, 2, 3, 7, 1000, stream.len()] {
            let (mut frames, mut at) = (Frames::default(), 0);
            for piece in stream.chunks(size) {
                frames.pass(piece);
                at += piece.len();
                assert_eq!(frames.is_between(), ends.contains(&at), "{at} in pieces of {size}");
            }
        }
        let (mut frames, mut found, mut rest) = (Frames::default(), Vec::new(), &stream[..]);
        while !rest.is_empty() {
            rest = &rest[frames.finish(rest)..];
            found.push(stream.len() - rest.len());
            assert!(frames.is_between());
        }
        assert_eq!(found, ends);
    }

    #[test]
    fn a_length_that_cannot_be_is_waited_for_and_nothing_overflows() {
        let mut frames = Frames::default();
        frames.pass(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3]);
        assert!(!frames.is_between());
    }

    #[test]
    fn farewells_are_close_frames_with_1001() {
        assert_eq!(&Farewell::Plain.frame()[..], [0x88, 2, 3, 0xe9]);
        assert_eq!(&Farewell::Masked([1, 2, 3, 4]).frame()[..], [0x88, 0x82, 1, 2, 3, 4, 2, 0xeb]);
    }
}
