//! The answer no, with all that an audit event says about it.

use crate::model::DirectoryVersion;
use crate::model::RoleGroupName;
use crate::model::Strength;
use crate::policy::reason::Reason;
use crate::policy::request::AccessRequest;

/// A request that policy refuses. A value and not an error: nothing has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What was asked.
    pub request: AccessRequest,
    /// Why not.
    pub reason: Reason,
    /// The sign-in that would be enough: there exactly when the reason is that a stronger one is needed.
    pub strength: Option<Strength>,
    /// The version of the directory that was asked.
    pub version: DirectoryVersion,
    /// The role groups of the person, by name.
    pub role_groups: Vec<RoleGroupName>,
}
