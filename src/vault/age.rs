//! Files in the format age v1 (C2SP, age-encryption.org/v1) for recipients with X25519 keys, which `age` and its
//! relatives read and write too.

use aws_lc_rs::aead;
use aws_lc_rs::aead::Aad;
use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::aead::Nonce;
use aws_lc_rs::aead::UnboundKey;
use aws_lc_rs::agreement;
use aws_lc_rs::hkdf;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bech32::Bech32;
use bech32::primitives::decode::CheckedHrpstring;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use zeroize::Zeroizing;

const INTRO: &str = "age-encryption.org/v1";
const X25519: &[u8] = b"age-encryption.org/v1/X25519";

/// Bytes of a piece of the payload before it is sealed.
const PIECE: usize = 64 * 1024;

/// What sealing adds to a piece.
const TAG: usize = 16;

/// Lines of a header that are looked at: more recipients than a backup has.
const HEADER_LINES: usize = 1000;

type Key = Zeroizing<[u8; 32]>;

/// Why a file cannot be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// A text is no recipient.
    #[error("a recipient is a public key of age: age1…, as age-keygen shows it")]
    Recipient,
    /// A text is no identity.
    #[error("an identity is a secret key of age: AGE-SECRET-KEY-1…, as age-keygen writes it")]
    Identity,
    /// There is nobody to encrypt to.
    #[error("nobody could read it: name at least one recipient")]
    Nobody,
    /// The file is no age file, or broken.
    #[error("this is no whole file in the format age v1")]
    Format,
    /// The file is for others.
    #[error("this file is not encrypted to that identity")]
    ForOthers,
    /// The cipher or the random source failed.
    #[error("the cipher failed")]
    Cipher,
}

/// Somebody's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient([u8; 32]);

/// Somebody's secret key.
pub struct Identity(Key);

impl Recipient {
    /// Reads `age1…`.
    pub fn parse(text: &str) -> Result<Self, AgeError> {
        bytes(text, "age").map(|key| Self(*key)).ok_or(AgeError::Recipient)
    }
}

impl Identity {
    /// Reads `AGE-SECRET-KEY-1…` out of a file, as `age-keygen` writes it with comments around.
    pub fn parse(text: &SecretString) -> Result<Self, AgeError> {
        let line = text.expose_secret().lines().map(str::trim).find(|line| line.starts_with("AGE-SECRET-KEY-"));
        line.and_then(|line| bytes(line, "age-secret-key-")).map(Self).ok_or(AgeError::Identity)
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity([redacted])")
    }
}

fn bytes(text: &str, kind: &str) -> Option<Key> {
    let read = CheckedHrpstring::new::<Bech32>(text).ok()?;
    if !read.hrp().as_str().eq_ignore_ascii_case(kind) {
        return None;
    }
    let bytes = Zeroizing::new(read.byte_iter().collect::<Vec<u8>>());
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}

/// Encrypts to all of the recipients.
pub(super) fn encrypt(plain: &[u8], recipients: &[Recipient], random: &dyn SecureRandom) -> Result<Vec<u8>, AgeError> {
    if recipients.is_empty() {
        return Err(AgeError::Nobody);
    }
    let (mut file_key, mut nonce) = (Zeroizing::new([0; 16]), [0; 16]);
    random.fill(file_key.as_mut_slice()).and_then(|()| random.fill(&mut nonce)).map_err(|_| AgeError::Cipher)?;
    let mut header = format!("{INTRO}\n");
    for recipient in recipients {
        header.push_str(&stanza(recipient, &file_key, random)?);
    }
    header.push_str("---");
    let mac = STANDARD_NO_PAD.encode(hmac::sign(&mac_key(&file_key)?, header.as_bytes()).as_ref());
    let mut file = format!("{header} {mac}\n").into_bytes();
    file.extend_from_slice(&nonce);
    let key = derived(file_key.as_slice(), &nonce, b"payload")?;
    let key = cipher(&key)?;
    let last = plain.len().saturating_sub(1) / PIECE;
    for (number, piece) in plain.chunks(PIECE).chain(plain.is_empty().then_some(plain)).enumerate() {
        let mut sealed = Zeroizing::new(Vec::with_capacity(piece.len() + TAG));
        sealed.extend_from_slice(piece);
        let nonce = piece_nonce(number, number == last);
        key.seal_in_place_append_tag(nonce, Aad::empty(), &mut *sealed).map_err(|_| AgeError::Cipher)?;
        file.extend_from_slice(&sealed);
    }
    Ok(file)
}

/// Decrypts what was encrypted to the identity, among others perhaps.
pub(super) fn decrypt(file: &[u8], identity: &Identity) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    let (header, mac, payload) = split(file)?;
    let file_key =
        stanzas(header).find_map(|(share, body)| unwrap(identity, share, body)).ok_or(AgeError::ForOthers)?;
    let mac = STANDARD_NO_PAD.decode(mac).map_err(|_| AgeError::Format)?;
    hmac::verify(&mac_key(&file_key)?, header.as_bytes(), &mac).map_err(|_| AgeError::Format)?;
    let (nonce, sealed) = payload.split_at_checked(16).ok_or(AgeError::Format)?;
    let key = derived(file_key.as_slice(), nonce, b"payload")?;
    let key = cipher(&key)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    let last = sealed.len().saturating_sub(1) / (PIECE + TAG);
    for (number, piece) in sealed.chunks(PIECE + TAG).enumerate() {
        let mut piece = Zeroizing::new(piece.to_vec());
        let nonce = piece_nonce(number, number == last);
        let opened = key.open_in_place(nonce, Aad::empty(), &mut piece).map_err(|_| AgeError::Format)?;
        plain.extend_from_slice(opened);
    }
    if sealed.is_empty() { Err(AgeError::Format) } else { Ok(plain) }
}

/// The lines for one recipient: the file key, wrapped with what only the two of us can agree on.
fn stanza(recipient: &Recipient, file_key: &[u8; 16], random: &dyn SecureRandom) -> Result<String, AgeError> {
    let mut secret = Zeroizing::new([0; 32]);
    random.fill(secret.as_mut_slice()).map_err(|_| AgeError::Cipher)?;
    let secret = Identity(secret);
    let share = public(&secret).ok_or(AgeError::Cipher)?;
    let wrap = agreed(&secret, &recipient.0, &share, &recipient.0).ok_or(AgeError::Recipient)?;
    let mut body = file_key.to_vec();
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    cipher(&wrap)?.seal_in_place_append_tag(nonce, Aad::empty(), &mut body).map_err(|_| AgeError::Cipher)?;
    Ok(format!("-> X25519 {}\n{}\n", STANDARD_NO_PAD.encode(share), STANDARD_NO_PAD.encode(body)))
}

fn unwrap(identity: &Identity, share: &str, body: &str) -> Option<Zeroizing<[u8; 16]>> {
    let share: [u8; 32] = STANDARD_NO_PAD.decode(share).ok()?.try_into().ok()?;
    let mut body = Zeroizing::new(STANDARD_NO_PAD.decode(body).ok()?);
    if body.len() != 16 + TAG {
        return None;
    }
    let wrap = agreed(identity, &share, &share, &public(identity)?)?;
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let opened = cipher(&wrap).ok()?.open_in_place(nonce, Aad::empty(), &mut body).ok()?;
    <[u8; 16]>::try_from(&*opened).ok().map(Zeroizing::new)
}

fn public(identity: &Identity) -> Option<[u8; 32]> {
    let key = agreement::PrivateKey::from_private_key(&agreement::X25519, identity.0.as_slice()).ok()?;
    key.compute_public_key().ok()?.as_ref().try_into().ok()
}

/// The wrapping key: X25519, then HKDF salted with both public keys. Fails for keys that agree on nothing.
fn agreed(mine: &Identity, theirs: &[u8; 32], share: &[u8; 32], recipient: &[u8; 32]) -> Option<Key> {
    let key = agreement::PrivateKey::from_private_key(&agreement::X25519, mine.0.as_slice()).ok()?;
    let theirs = agreement::UnparsedPublicKey::new(&agreement::X25519, theirs);
    let salt = [share.as_slice(), recipient.as_slice()].concat();
    agreement::agree(&key, theirs, AgeError::Cipher, |shared| derived(shared, &salt, X25519)).ok()
}

fn derived(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<Key, AgeError> {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let (info, mut key) = ([info], Zeroizing::new([0; 32]));
    let filled = prk.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(key.as_mut_slice()));
    filled.map(|()| key).map_err(|_| AgeError::Cipher)
}

fn mac_key(file_key: &[u8; 16]) -> Result<hmac::Key, AgeError> {
    Ok(hmac::Key::new(hmac::HMAC_SHA256, derived(file_key, &[], b"header")?.as_slice()))
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, AgeError> {
    UnboundKey::new(&aead::CHACHA20_POLY1305, key).map(LessSafeKey::new).map_err(|_| AgeError::Cipher)
}

/// Eleven bytes that count, and one that marks the last piece.
fn piece_nonce(number: usize, last: bool) -> Nonce {
    let mut nonce = [0; 12];
    let number = u64::try_from(number).unwrap_or(u64::MAX).to_be_bytes();
    nonce.iter_mut().skip(3).zip(number).for_each(|(slot, byte)| *slot = byte);
    if let Some(flag) = nonce.last_mut() {
        *flag = u8::from(last);
    }
    Nonce::assume_unique_for_key(nonce)
}

/// The header up to its three hyphens, the authentication code, and the payload.
fn split(file: &[u8]) -> Result<(&str, &str, &[u8]), AgeError> {
    let mut from = 0;
    for _ in 0..HEADER_LINES {
        let rest = file.get(from..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or(AgeError::Format)?;
        let line = rest.get(..length).and_then(|line| str::from_utf8(line).ok()).ok_or(AgeError::Format)?;
        if from == 0 && line != INTRO {
            return Err(AgeError::Format);
        }
        if let Some(mac) = line.strip_prefix("--- ") {
            let header = file.get(..from + 3).and_then(|header| str::from_utf8(header).ok());
            return Ok((header.ok_or(AgeError::Format)?, mac, rest.get(length + 1..).unwrap_or_default()));
        }
        from += length + 1;
    }
    Err(AgeError::Format)
}

/// The stanzas for X25519 keys: share and body.
fn stanzas(header: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = header.lines();
    lines
        .clone()
        .zip(lines.skip(1))
        .filter_map(|(line, body)| line.strip_prefix("-> X25519 ").map(|share| (share, body)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::Command;
    use std::process::Stdio;

    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    /// A key that `age-keygen` made.
    fn a_key() -> (SecretString, Recipient) {
        let made = Command::new("age-keygen").output().unwrap();
        let text = String::from_utf8(made.stdout).unwrap();
        let public = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
        (text.clone().into(), Recipient::parse(public).unwrap())
    }

    fn program(arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut age = Command::new("age").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut stdin, input) = (age.stdin.take().unwrap(), input.to_vec());
        let writing = std::thread::spawn(move || stdin.write_all(&input));
        let done = age.wait_with_output().unwrap();
        writing.join().unwrap().unwrap();
        assert!(done.status.success());
        done.stdout
    }

    #[test]
    fn age_reads_what_we_write_and_we_read_what_it_writes() {
        let (random, folder) = (SystemRandom::new(), tempfile::tempdir().unwrap());
        let ((ann, to_ann), (bob, to_bob)) = (a_key(), a_key());
        let file = folder.path().join("ann.key");
        std::fs::write(&file, ann.expose_secret()).unwrap();
        let (file, ann, bob) = (file.to_str().unwrap(), Identity::parse(&ann).unwrap(), Identity::parse(&bob).unwrap());
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let plain: Vec<u8> = (0..length).map(|n| n.to_le_bytes()[0]).collect();
            let ours = encrypt(&plain, &[to_bob.clone(), to_ann.clone()], &random).unwrap();
            assert_eq!(program(&["--decrypt", "--identity", file], &ours), plain, "{length}");
            assert_eq!(*decrypt(&ours, &bob).unwrap(), plain, "{length}");
            let theirs = program(&["--encrypt", "--identity", file], &plain);
            assert_eq!(*decrypt(&theirs, &ann).unwrap(), plain, "{length}");
            assert_eq!(decrypt(&theirs, &bob).unwrap_err(), AgeError::ForOthers);
        }
    }

    #[test]
    fn a_file_that_was_changed_anywhere_is_refused() {
        let (key, to) = a_key();
        let identity = Identity::parse(&key).unwrap();
        let file = encrypt(b"secret words", &[to], &SystemRandom::new()).unwrap();
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(decrypt(&changed, &identity).is_err(), "byte {at}");
            assert!(decrypt(&file[..at], &identity).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        for text in ["", "age1", "ssh-ed25519 AAAA", "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"] {
            assert_eq!(Recipient::parse(text).unwrap_err(), AgeError::Recipient, "{text}");
        }
        assert_eq!(Identity::parse(&"AGE-SECRET-KEY-1X".to_owned().into()).unwrap_err(), AgeError::Identity);
        assert_eq!(encrypt(b"", &[], &SystemRandom::new()).unwrap_err(), AgeError::Nobody);
    }
}
