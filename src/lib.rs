//! Panelgate.
