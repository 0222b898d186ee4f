//! A double of cPanel & WHM's server.
