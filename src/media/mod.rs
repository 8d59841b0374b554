//! Pictures and sound into video, in the worker child only.
//!
//! The path of one frame: `load` (files checked) → `picture` (decoded once, as planes) → `motion`
//! (which part of it is seen) → `overlay` (drawings and captions over it) → `compose` (all of that,
//! frame by frame) → `encode` (H.264, AAC, captions and chapters in one file) → `verify`.
//! `render` runs it.
//!
//! Architecture invariant: only `cli/stage_worker.rs` and `cli/render.rs` reach this module, because
//! a crash in a codec must not take the tree down.

pub mod caption_art;
pub mod compose;
pub mod drawing;
pub mod encode;
pub mod error;
pub mod ffmpeg;
pub mod fonts;
pub mod load;
pub mod motion;
pub mod overlay;
pub mod picture;
pub mod planes;
pub mod render;
pub mod sound;
pub mod thumbnail;
pub mod verify;
