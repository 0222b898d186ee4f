//! From a path to a checked configuration.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::directory;
use crate::config::document;
use crate::config::findings::Findings;
use crate::config::main_file;
use crate::config::outside::OwnCertificates;
use crate::config::outside::SecretCheck;
use crate::config::problem::Problems;
use crate::config::settings::Audit;
use crate::config::settings::Config;
use crate::model::Directory;
use crate::model::SecretRef;

/// The main file of a folder.
const MAIN_FILE: &str = "panelgate.toml";

/// What a directory is made of, and a main file is not.
const ENTRIES: [&str; 3] = ["servers", "role_groups", "rules"];

impl Config {
    /// Reads the main file at `path` and the directory that it names.
    ///
    /// `check_secret` looks at what a reference leads to. Relative paths in a file are relative to it.
    ///
    /// # Errors
    /// Everything that is wrong with the files, at once.
    pub fn load(path: &Path, check_secret: &dyn Fn(&SecretRef) -> SecretCheck) -> Result<Self, Problems> {
        Self::load_with(path, check_secret, OwnCertificates::Usable)
    }

    /// The same for a gateway that runs: our own certificates may be unusable for the moment. Whoever puts the
    /// configuration in force reads them, and goes on with those before if that fails.
    ///
    /// # Errors
    /// Everything else that is wrong with the files, at once.
    pub fn load_again(path: &Path, check_secret: &dyn Fn(&SecretRef) -> SecretCheck) -> Result<Self, Problems> {
        Self::load_with(path, check_secret, OwnCertificates::Named)
    }

    fn load_with(
        path: &Path,
        check_secret: &dyn Fn(&SecretRef) -> SecretCheck,
        own: OwnCertificates,
    ) -> Result<Self, Problems> {
        let findings = Findings::default();
        let config = document::read(path, None, &findings).and_then(|file| {
            let table = document::parse(&file, &findings)?;
            main_file::read(&file, table.get_ref(), &findings, check_secret, own)
        });
        findings.conclude(config, path).map(|(config, warnings)| Self { warnings, ..config })
    }

    /// Reads only the directory that the main file at `path` names; `path` may also be the folder of the main file
    /// `panelgate.toml`, or the directory itself: a file of servers, role groups and rules, or a folder of those.
    ///
    /// For questions about access, which may be asked of a checkout on another machine: other keys of the main
    /// file are not read, and secrets and certificates need not exist.
    ///
    /// # Errors
    /// Everything that is wrong with the directory, at once.
    pub fn directory_only(path: &Path) -> Result<Arc<Directory>, Problems> {
        let findings = Findings::default();
        let main = path.join(MAIN_FILE);
        let directory = if path.is_dir() && !main.exists() {
            directory::read_alone(path, &path.display().to_string(), &findings)
        } else {
            let path = if path.is_dir() { main.as_path() } else { path };
            document::read(path, None, &findings).and_then(|file| {
                let table = document::parse(&file, &findings)?;
                let table = table.get_ref();
                if !table.contains_key("directory") && ENTRIES.iter().any(|key| table.contains_key(*key)) {
                    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
                    return directory::read_alone(path, &name, &findings);
                }
                main_file::directory_only(&file, table, &findings)
            })
        };
        findings.conclude(directory, path).map(|(directory, _)| directory)
    }

    /// Reads only where the main file at `path` says that audit events go and that the state is kept.
    ///
    /// For whoever reads the records: secrets and certificates need not be readable.
    ///
    /// # Errors
    /// Everything that is wrong with the two sections, at once.
    pub fn audit_only(path: &Path) -> Result<(Audit, PathBuf), Problems> {
        let findings = Findings::default();
        let found = document::read(path, None, &findings).and_then(|file| {
            let table = document::parse(&file, &findings)?;
            main_file::audit_only(&file, table.get_ref(), &findings)
        });
        findings.conclude(found, path).map(|(found, _)| found)
    }
}
