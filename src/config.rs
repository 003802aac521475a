//! Files to a [`Plan`](crate::model::plan::Plan): read, checked whole, every mistake with its place.
//!
//! ```text
//!  pointsman.toml ─┐
//!  zones/*.toml ───┼─► load ─► raw (the file's shape, with places) ─► check (what is meant) ─► Plan, Contents
//!  zones/*.zone ───┘                     └──────── diagnostics, all of them ────────┘
//! ```
//!
//! TOML's serde stops at a file's first mistake, an operator wants to see all of them: so files are read into TOML's
//! document model and walked with [`raw::document`], whose tables know their keys ([`keys`]) and defaults
//! ([`defaults`]). What is documented, what is accepted and what is defaulted come from the same rows.
//!
//! Not here: master files (`zone::master`), opening of anything but files, decisions.

pub(crate) mod atlas;
pub mod check;
pub mod defaults;
pub mod diagnostic;
pub mod duration;
pub mod keys;
pub mod load;
pub mod raw;
pub mod watch;
