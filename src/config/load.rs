//! From a path to a checked configuration.

use std::path::Path;
use std::sync::Arc;

use crate::config::document;
use crate::config::findings::Findings;
use crate::config::main_file;
use crate::config::outside::SecretCheck;
use crate::config::problem::Problems;
use crate::config::settings::Config;
use crate::model::Directory;
use crate::model::SecretRef;

impl Config {
    /// Reads the main file at `path` and the directory that it names.
    ///
    /// `check_secret` looks at what a reference leads to. Relative paths in a file are relative to it.
    ///
    /// # Errors
    /// Everything that is wrong with the files, at once.
    pub fn load(path: &Path, check_secret: &dyn Fn(&SecretRef) -> SecretCheck) -> Result<Self, Problems> {
        let findings = Findings::default();
        let config = document::read(path, None, &findings).and_then(|file| {
            let table = document::parse(&file, &findings)?;
            main_file::read(&file, table.get_ref(), &findings, check_secret)
        });
        findings.conclude(config, path).map(|(config, warnings)| Self { warnings, ..config })
    }

    /// Reads only the directory that the main file at `path` names.
    ///
    /// For questions about access, which may be asked of a checkout on another machine: other keys of the main
    /// file are not read, and secrets and certificates need not exist.
    ///
    /// # Errors
    /// Everything that is wrong with the directory, at once.
    pub fn directory_only(path: &Path) -> Result<Arc<Directory>, Problems> {
        let findings = Findings::default();
        let directory = document::read(path, None, &findings).and_then(|file| {
            let table = document::parse(&file, &findings)?;
            main_file::directory_only(&file, table.get_ref(), &findings)
        });
        findings.conclude(directory, path).map(|(directory, _)| directory)
    }
}
