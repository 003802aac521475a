//! Keys of the check that runs a program.

use super::{Fallback, Kind, Section, key};

/// `[checks.NAME]` with `type = "exec"`, besides [`super::CHECK`].
pub static CHECK_EXEC: Section = Section {
    title: "[checks.NAME] of type exec",
    keys: &[key(
        "command",
        Kind::Forms("list of texts, the first of them an absolute path"),
        Fallback::Required,
        "program that is run, without a shell, and its arguments",
    )],
    later: &[],
};
