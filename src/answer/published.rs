//! The only cell shared between deciding and answering.

use arc_swap::ArcSwap;

use crate::answer::snapshot::Snapshot;

/// The snapshot in force: one writer swaps, readers revalidate once a batch (`arc_swap::Cache`).
pub type Published = ArcSwap<Snapshot>;
