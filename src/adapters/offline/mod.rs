//! Built-ins that need no key, no network and no download.

pub mod artifacts;
pub mod feeds;
