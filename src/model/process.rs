//! Who the server is to the system.

/// `[process]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessSettings {
    /// The user it becomes; `None`: it stays who started it.
    pub user: Option<String>,
    /// The group it becomes; `None`: the user's own.
    pub group: Option<String>,
    /// Whether programs never have more privileges than it; `None`: where it starts none.
    pub no_new_privileges: Option<bool>,
    /// What happens to system calls that it does not need.
    pub filter: Filter,
    /// Whether the capability NET_RAW stays.
    pub keep_raw_sockets: bool,
    /// Whether a crash may write its memory to disk.
    pub core_dumps: bool,
}

/// What happens to system calls that are not needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// They fail.
    #[default]
    Enforce,
    /// They are made, and told.
    Log,
    /// They are made.
    Off,
}
