//! Writing a server into the directory's document, and the words for what a server says no with.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use crate::cli::vault::Failed;
use crate::config::Config;
use crate::model::Account;
use crate::model::Server;
use crate::model::Trust;
use crate::panel::ApiError;
use crate::telemetry::Chain;

/// Writes the section of a server: into a file of its own where the directory is a folder, else at the end of the
/// file. All of it is there, or nothing.
pub(super) fn write(server: &Server, config: &Config) -> Result<PathBuf, Failed> {
    // One writer at a time, whoever they are.
    fs::create_dir_all(&config.state_directory)?;
    let lock = File::create(config.state_directory.join("directory.lock"))?;
    lock.lock()?;
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
    let draft = at.with_extension("toml.draft");
    let mut file = File::create(&draft).map_err(|error| cannot(&draft, &error))?;
    file.set_permissions(fs::metadata(at)?.permissions())?;
    file.write_all(format!("{}\n\n{section}", before.trim_end()).as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, at).map_err(|error| cannot(at, &error))?;
    Ok(at.clone())
}

fn cannot(path: &Path, error: &std::io::Error) -> Failed {
    format!("cannot write {}: {error}", path.display()).into()
}

/// The section as the directory reads it.
pub(super) fn section(server: &Server) -> String {
    // Names, accounts and pins hold no quotes; the name that people see may.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let trust = match &server.trust {
        Trust::PublicRoots => "\"public\"".to_owned(),
        Trust::CaFile(path) => format!("{{ ca_file = {} }}", quoted(&path.display().to_string())),
        Trust::Pins(pins) => {
            let pins: Vec<String> = pins.iter().map(|pin| format!("\"sha256/{pin}\"")).collect();
            format!("{{ pins = [{}] }}", pins.join(", "))
        }
    };
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
