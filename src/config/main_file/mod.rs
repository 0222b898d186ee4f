//! The main file, section by section.

mod balancer;
mod coverage;
mod credential;
mod fleet;
mod groups;
mod network;
mod operation;
mod provider;
mod upstream;

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use toml::de::DeTable;

use crate::config::directory;
use crate::config::findings::Findings;
use crate::config::limits::Limits;
use crate::config::outside::CheckSecret;
use crate::config::outside::Outside;
use crate::config::outside::OwnCertificates;
use crate::config::problem::Warnings;
use crate::config::section::Section;
use crate::config::settings::Audit;
use crate::config::settings::Config;
use crate::config::source::SourceFile;
use crate::model::Directory;

/// Reads everything, and gives a configuration if all of it could be read.
pub(super) fn read(
    file: &Rc<SourceFile>,
    table: &DeTable<'_>,
    findings: &Findings,
    check_secret: CheckSecret<'_>,
    certificates: OwnCertificates,
) -> Option<Config> {
    let top = Section::top(Rc::clone(file), findings, table);

    // Each line reads its sections and notes their problems, before the first `?` gives up.
    let network = network::read(&top, certificates);
    let providers = provider::read(&top, check_secret);
    let session = operation::session(&top);
    let state_directory = operation::state(&top);
    let store = operation::store(&top, check_secret);
    let vault = operation::vault(&top, check_secret);
    let fleet = fleet::read(&top);
    let audit = operation::audit(&top);
    let log = operation::log(&top);
    let operations = operation::operations(&top);
    let upstream = upstream::read(&top);
    let telemetry = operation::telemetry(&top);
    let limits = top.section("limits").map(|section| {
        let limits = Limits::read(&section);
        section.finish();
        limits
    });
    let directory = directory::read(&top, Outside::Checked(check_secret));
    let directory_at = top.peek_text("directory").map(|text| file.path(text));
    let access_tests = operation::access_tests(&top);
    if let (Some(network), Some(directory)) = (&network, &directory) {
        coverage::warn(&top, network, directory);
    }
    top.finish();

    let network = network?;
    Some(Config {
        console: network.console,
        panels: network.panels,
        listen: network.listen,
        balancer: network.balancer,
        certificates: network.certificates,
        providers: providers?,
        session: session?,
        state_directory: state_directory?,
        store: store?,
        vault: vault?,
        fleet: fleet?,
        directory_at: directory_at?,
        audit: audit?,
        log: log?,
        operations: operations?,
        upstream: upstream?,
        telemetry: telemetry?,
        limits: limits.unwrap_or_default(),
        directory: directory?,
        access_tests: access_tests?,
        sources: findings.sources(),
        warnings: Warnings::default(),
    })
}

/// Reads the directory that the main file names, and nothing else of it or outside the two.
pub(super) fn directory_only(
    file: &Rc<SourceFile>,
    table: &DeTable<'_>,
    findings: &Findings,
) -> Option<Arc<Directory>> {
    directory::read(&Section::top(Rc::clone(file), findings, table), Outside::Ignored)
}

/// Reads where the records are, and nothing else.
pub(super) fn audit_only(file: &Rc<SourceFile>, table: &DeTable<'_>, findings: &Findings) -> Option<(Audit, PathBuf)> {
    let top = Section::top(Rc::clone(file), findings, table);
    operation::audit(&top).zip(operation::state(&top))
}
