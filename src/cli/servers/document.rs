//! Writing a server into the directory's document, and the words for what a server says no with.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use crate::cli::configured::Failed;
use crate::config::Config;
use crate::model::Account;
use crate::model::Server;
use crate::model::Trust;
use crate::panel::ApiError;
use crate::telemetry::Chain;

/// Writes the section of a server: into a file of its own where the directory is a folder, else at the end of the
/// file. All of it is there, or nothing.
pub(super) fn write(server: &Server, config: &Config) -> Result<PathBuf, Failed> {
    let _lock = lock(config)?;
    let at = &config.directory_at;
    let section = section(server);
    if at.is_dir() {
        let path = at.join(format!("server-{}.toml", server.id));
        let mut options = OpenOptions::new();
        // A file of that name is somebody else's.
        let mut file = options.write(true).create_new(true).open(&path).map_err(|error| cannot(&path, &error))?;
        let written = file.write_all(section.as_bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written {
            fs::remove_file(&path)?;
            return Err(cannot(&path, &error));
        }
        return Ok(path);
    }
    let before = fs::read_to_string(at).map_err(|error| cannot(at, &error))?;
    if before.contains(&format!("id = \"{}\"", server.id)) {
        return Err(format!("{} has a server {} by now", at.display(), server.id).into());
    }
    put(at, &format!("{}\n\n{section}", before.trim_end()))?;
    Ok(at.clone())
}

/// Puts a text in the place of a file's.
fn put(at: &Path, text: &str) -> Result<(), Failed> {
    let draft = at.with_extension("toml.draft");
    let mut file = File::create(&draft).map_err(|error| cannot(&draft, &error))?;
    file.set_permissions(fs::metadata(at)?.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, at).map_err(|error| cannot(at, &error))
}

/// A file of the directory as it is to be, where another trust of one server is written.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) path: PathBuf,
    before: String,
    after: String,
    _lock: File,
}

impl Draft {
    /// Writes it, unless somebody else has changed the file meanwhile.
    pub(super) fn write(&self) -> Result<(), Failed> {
        let now = fs::read_to_string(&self.path).map_err(|error| cannot(&self.path, &error))?;
        if now != self.before {
            return Err(format!("{} was changed meanwhile: try again", self.path.display()).into());
        }
        put(&self.path, &self.after)
    }
}

/// The server's file with another trust in its section.
pub(super) fn with_trust(server: &Server, trust: &Trust, config: &Config) -> Result<Draft, Failed> {
    let at = &config.directory_at;
    let path = match server.source.file.rsplit('/').next() {
        Some(name) if at.is_dir() => at.join(name),
        Some(_) | None => at.clone(),
    };
    let lock = lock(config)?;
    let before = fs::read_to_string(&path).map_err(|error| cannot(&path, &error))?;
    let from = usize::try_from(server.source.line).unwrap_or(usize::MAX).saturating_sub(1);
    let wanted = self::trust(trust);
    let after = replaced(&before, from, &wanted)
        .ok_or_else(|| format!("{}: write `trust = {wanted}` there by hand", server.source))?;
    Ok(Draft { path, before, after, _lock: lock })
}

/// The text with another value of `trust` in the section that begins at a line (from 0), if that is a string or an
/// inline table there.
fn replaced(text: &str, from: usize, wanted: &str) -> Option<String> {
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let trimmed = line.trim_start();
        if number > from && trimmed.starts_with('[') {
            return None;
        }
        if let Some(value) = trimmed.strip_prefix("trust").map(str::trim_start).filter(|_| number >= from)
            && let Some(value) = value.strip_prefix('=')
        {
            let value = value.trim_start();
            let begin = at + line.len() - value.len();
            let rest = text.get(begin..)?;
            // Pins and names of files hold neither braces nor quotes.
            let end = match rest.chars().next()? {
                '{' => rest.find('}')? + 1,
                '"' => rest.get(1..)?.find('"')? + 2,
                _ => return None,
            };
            return Some(format!("{}{wanted}{}", text.get(..begin)?, rest.get(end..)?));
        }
        at += line.len();
    }
    None
}

/// One writer at a time, whoever they are.
fn lock(config: &Config) -> Result<File, Failed> {
    fs::create_dir_all(&config.state_directory)?;
    let lock = File::create(config.state_directory.join("directory.lock"))?;
    lock.lock()?;
    Ok(lock)
}

fn cannot(path: &Path, error: &std::io::Error) -> Failed {
    format!("cannot write {}: {error}", path.display()).into()
}

/// The section as the directory reads it.
pub(super) fn section(server: &Server) -> String {
    let trust = trust(&server.trust);
    let address = server.address.map(|ip| format!("address = \"{ip}\"\n")).unwrap_or_default();
    format!(
        "[[servers]]\nid = \"{id}\"\nname = {name}\nhost = \"{host}\"\n{address}trust = {trust}\n\
         api_account = \"{account}\"\napi_token = \"vault:{id}\"\naccess = \"restricted\"\n",
        id = server.id,
        name = quoted(&server.name),
        host = server.host,
        account = server.api_account,
    )
}

fn trust(trust: &Trust) -> String {
    match trust {
        Trust::PublicRoots => "\"public\"".to_owned(),
        Trust::CaFile(path) => format!("{{ ca_file = {} }}", quoted(&path.display().to_string())),
        Trust::Pins(pins) => {
            let pins: Vec<String> = pins.iter().map(|pin| format!("\"sha256/{pin}\"")).collect();
            format!("{{ pins = [{}] }}", pins.join(", "))
        }
    }
}

/// Names, accounts and pins hold no quotes; the name that people see may.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What a failed call means for the operator.
pub(super) fn told(error: &ApiError, account: &Account) -> Failed {
    let words = match error {
        ApiError::TokenRefused => format!(
            "the server refused the token: it is mistyped, revoked or expired, not {account}'s, or our address is not on \
             its allow-list"
        ),
        ApiError::SecurityPolicy => "a security policy of the server answered instead of the API: in WHM, Configure \
             Security Policies, switch \"API requests\" off"
            .to_owned(),
        ApiError::Send(_)
        | ApiError::Body(_)
        | ApiError::TooLarge(_)
        | ApiError::Refused(_)
        | ApiError::Status(_)
        | ApiError::NotJson
        | ApiError::Lacks(_) => Chain(error).to_string(),
    };
    words.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trust_of_one_server_is_replaced_and_nothing_else() {
        let text = "[[servers]]\nid = \"a\"\ntrust = { pins = [\"x\"] }\n\n[[servers]] # b\nid = \"b\"\ntrust = {\n  pins = [\n    \"y\",\n  ] } # old\naccess = \"restricted\"\n\n[[servers]]\nid = \"c\"\n";
        let done = replaced(text, 4, "NEW").unwrap();
        assert!(done.contains("trust = { pins = [\"x\"] }\n"), "{done}");
        assert!(done.contains("id = \"b\"\ntrust = NEW # old\naccess"), "{done}");
        assert!(replaced(text, 0, "NEW").unwrap().contains("trust = NEW\n\n[[servers]] # b"));
        assert!(replaced("[[servers]]\n  trust=\"public\"\n", 0, "NEW").unwrap().ends_with("trust=NEW\n"));
        for text in [
            "[[servers]]\nid = 1\n",
            "[[servers]]\ntrust.pins = [\"x\"]\n",
            "[[servers]]\n[[rules]]\ntrust = \"public\"\n",
        ] {
            assert_eq!(replaced(text, 0, "NEW"), None, "{text}");
        }
    }
}
