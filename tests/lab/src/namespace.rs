//! Namespaces, as whoever runs the tests may have them: root outright, others as root of a user namespace.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

/// Whether this runs as root, who needs no user namespace.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// `unshare(1)` for a namespace of this kind, such as `--net`; the command that it runs has to follow.
pub(crate) fn unshare(kind: &str) -> Command {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.args(["--map-current-user", "--keep-caps"]);
    }
    command.args([kind, "--"]);
    command
}
