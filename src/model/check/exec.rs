//! Settings of the check that runs a program.

use std::path::PathBuf;

/// Settings of `exec`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecCheck {
    /// The program; absolute.
    pub program: PathBuf,
    /// What it is given, in order.
    pub arguments: Vec<String>,
}
