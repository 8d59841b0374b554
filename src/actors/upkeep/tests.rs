//! The upkeep's promises: what never goes, what a year leaves behind, and what a full disk means.

mod house;
mod never;
mod rooms;
mod year;
