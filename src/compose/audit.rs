//! The audit log as it is configured.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::audit::AuditSettings;
use crate::audit::FileSettings;
use crate::audit::Need;
use crate::compose::size;
use crate::config::Config;

const HEAD: &str = "audit.head";

/// The file that says which record was the last: in the state folder, and not beside the records.
pub fn audit_head(state_directory: &Path) -> PathBuf {
    state_directory.join(HEAD)
}

fn files(config: &Config) -> FileSettings {
    let limits = &config.limits;
    FileSettings {
        path: config.audit.file.clone(),
        head: audit_head(&config.state_directory),
        rotate_bytes: limits.audit_file_mib * 1024 * 1024,
        rotate_after: Duration::from_secs(limits.audit_file_hours * 3600),
        keep: size(limits.audit_files),
    }
}

pub(super) fn settings(config: &Config) -> AuditSettings {
    let need = if config.audit.required { Need::Required } else { Need::BestEffort };
    AuditSettings {
        file: files(config),
        stdout: config.audit.stdout.then_some(need),
        syslog: config.audit.syslog.clone().map(|target| (target, need)),
        host: config.console.host.to_string(),
        queue: size(config.limits.audit_queue),
        patience: Duration::from_secs(config.limits.audit_seconds),
    }
}
