//! Panel sessions.
