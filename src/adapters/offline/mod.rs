//! Built-ins that need no key, no network and no download.

pub mod artifacts;
pub mod child;
pub mod embedder;
pub mod feeds;
pub mod fonts;
pub mod images;
pub mod library;
mod library_page;
pub mod notes;
pub mod polls;
pub mod renderer;
pub mod source_cache;
pub mod sources;
pub mod storage;
pub mod voice;
pub mod writer;
