//! A small OpenID Provider that can be told to misbehave.
