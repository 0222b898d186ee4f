//! The server key: in a file of one node's own, or shared by several.

use std::fs;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use aws_lc_rs::rand::SecureRandom;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::store::seal::ServerKey;

/// Why the server key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or made.
    #[error("cannot read or create the server key at {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not 32 bytes long.
    #[error("the server key at {} is not 32 bytes long", .0.display())]
    Length(PathBuf),
    /// The shared key is not 32 bytes in base64.
    #[error("the shared server key is not 32 bytes in base64: make one with openssl rand -base64 32")]
    Shared,
    /// The key was changed before, and the one of before that is still kept.
    #[error("{} is still kept: run panelgate keys status, and panelgate keys forget when nothing needs it", .0.display())]
    Rotating(PathBuf),
    /// The random source failed.
    #[error("no random numbers for a server key")]
    Random,
}

/// Reads the key, or makes a new one readable by its owner only.
pub fn read_or_create(path: &Path, random: &dyn SecureRandom) -> Result<ServerKey, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    match fs::read(path) {
        Ok(bytes) => {
            let bytes = bytes.try_into().map_err(|_| KeyFileError::Length(path.to_owned()))?;
            Ok(ServerKey::new(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            random.fill(&mut bytes).map_err(|_| KeyFileError::Random)?;
            // Under a name of its own until it is whole: a crash must not leave half a key in its place.
            let draft = path.with_extension(format!("draft-{:016x}", name_of(random)?));
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&draft).map_err(io)?;
            let written = file.write_all(&bytes).and_then(|()| file.sync_all());
            // Of several processes that begin together one gives the key, and the others take that one.
            let given = written.and_then(|()| fs::hard_link(&draft, path));
            fs::remove_file(&draft).map_err(io)?;
            match given {
                Ok(()) => Ok(ServerKey::new(bytes)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read_or_create(path, random),
                Err(error) => Err(io(error)),
            }
        }
        Err(error) => Err(io(error)),
    }
}

/// The key of before, if the present one has taken its place and it is still kept.
pub fn former(path: &Path) -> Result<Option<ServerKey>, KeyFileError> {
    let path = former_path(path);
    match fs::read(&path) {
        Ok(bytes) => {
            let bytes = bytes.try_into().map_err(|_| KeyFileError::Length(path))?;
            Ok(Some(ServerKey::new(bytes)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(KeyFileError::Io { path, source }),
    }
}

/// Puts a new key in the place of the present one, which becomes the former one. Whatever interrupts it, there is a
/// present key, and the old one is there under one name or the other.
///
/// # Errors
/// Also when there is a former key already: what it opens would be lost.
pub fn rotate(path: &Path, random: &dyn SecureRandom) -> Result<(), KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let before = fs::read(path).map_err(io)?;
    match fs::read(former_path(path)) {
        // Interrupted between the two steps.
        Ok(kept) if kept == before => {}
        Ok(_) => return Err(KeyFileError::Rotating(former_path(path))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::hard_link(path, former_path(path)).map_err(io)?;
        }
        Err(error) => return Err(io(error)),
    }
    let mut bytes = Zeroizing::new([0; 32]);
    random.fill(&mut *bytes).map_err(|_| KeyFileError::Random)?;
    let draft = path.with_extension(format!("draft-{:016x}", name_of(random)?));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&draft).map_err(io)?;
    file.write_all(&*bytes).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&draft, path).map_err(io)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}

/// Removes the former key; says whether there was one.
pub fn forget_former(path: &Path) -> Result<bool, KeyFileError> {
    let path = former_path(path);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(KeyFileError::Io { path, source }),
    }
}

fn former_path(path: &Path) -> PathBuf {
    path.with_extension("key.former")
}

fn name_of(random: &dyn SecureRandom) -> Result<u64, KeyFileError> {
    let mut name = [0; 8];
    random.fill(&mut name).map_err(|_| KeyFileError::Random)?;
    Ok(u64::from_be_bytes(name))
}

/// The key that several nodes share: 32 bytes in base64.
pub fn shared_key(text: &SecretString) -> Result<ServerKey, KeyFileError> {
    let mut bytes = Zeroizing::new([0; 32]);
    match STANDARD.decode_slice(text.expose_secret(), bytes.as_mut_slice()) {
        Ok(32) => Ok(ServerKey::new(*bytes)),
        Ok(_) | Err(_) => Err(KeyFileError::Shared),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    #[test]
    fn a_shared_key_is_32_bytes_in_base64() {
        assert!(shared_key(&STANDARD.encode([7; 32]).into()).is_ok());
        for wrong in ["", "short", &STANDARD.encode([7; 31]), &STANDARD.encode([7; 33]), &"x".repeat(500)] {
            assert!(matches!(shared_key(&wrong.to_owned().into()), Err(KeyFileError::Shared)), "{wrong}");
        }
    }

    #[test]
    fn a_key_makes_room_for_another_and_stays_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let (path, random) = (folder.path().join("server.key"), SystemRandom::new());
        let id = |key: &ServerKey| key.ids().remove(0);
        let before = id(&read_or_create(&path, &random).unwrap());
        assert!(former(&path).unwrap().is_none());
        // As if it had been interrupted half-way.
        fs::hard_link(&path, former_path(&path)).unwrap();
        rotate(&path, &random).unwrap();
        let after = id(&read_or_create(&path, &random).unwrap());
        assert_ne!(after, before);
        assert_eq!(id(&former(&path).unwrap().unwrap()), before);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(rotate(&path, &random), Err(KeyFileError::Rotating(_))));
        assert!(forget_former(&path).unwrap() && !forget_former(&path).unwrap());
        assert_eq!(id(&read_or_create(&path, &random).unwrap()), after);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
        rotate(&path, &random).unwrap();
    }

    #[test]
    fn of_many_who_begin_together_all_have_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.key");
        let marks: Vec<[u8; 32]> = std::thread::scope(|scope| {
            let make = || read_or_create(&path, &SystemRandom::new()).unwrap().mark("test", &[]);
            let all: Vec<_> = (0..16).map(|_| scope.spawn(make)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(marks.iter().all(|mark| *mark == marks[0]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn the_key_is_made_once_and_for_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.key");
        read_or_create(&path, &SystemRandom::new()).unwrap();
        let first = fs::read(&path).unwrap();
        read_or_create(&path, &SystemRandom::new()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
        fs::write(&path, b"short").unwrap();
        assert!(matches!(read_or_create(&path, &SystemRandom::new()), Err(KeyFileError::Length(_))));
    }
}
