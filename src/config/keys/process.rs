//! Keys of `[process]`.

use super::{Fallback, Kind, Section, key};
use crate::config::defaults;

/// `[process]`
pub static PROCESS: Section = Section {
    title: "[process]",
    keys: &[
        key(
            "user",
            Kind::Text,
            Fallback::Words("who starts it"),
            "user (name or number) that the server becomes before it reads its files",
        ),
        key(
            "group",
            Kind::Text,
            Fallback::Words("the user's own"),
            "group (name or number) of that user",
        ),
        key(
            "no_new_privs",
            Kind::Boolean,
            Fallback::Words("`true`, unless programs are configured"),
            "whether programs that it starts can never have more privileges than it (setuid, file capabilities)",
        ),
        key(
            "seccomp",
            Kind::OneOf(&["enforce", "log", "off"]),
            Fallback::Text(defaults::SECCOMP),
            "system calls that it does not need fail, or are told in the kernel's log, or are made",
        ),
        key(
            "keep_raw_sockets",
            Kind::Boolean,
            Fallback::Boolean(defaults::KEEP_RAW_SOCKETS),
            "whether the capability NET_RAW stays: `icmp` checks need it where `net.ipv4.ping_group_range` leaves the user out",
        ),
        key(
            "core_dumps",
            Kind::Boolean,
            Fallback::Boolean(defaults::CORE_DUMPS),
            "whether a crash may write the memory, with the keys in it, to disk",
        ),
    ],
    later: &[],
};
