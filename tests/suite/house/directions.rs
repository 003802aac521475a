//! Which module may name which: the plan, and what was agreed to since.

/// The direction of dependencies: a module and what it may name, by path within the crate.
pub(super) const MAY_NAME: &[(&str, &[&str])] = &[
    // The core.
    ("wire", &[]),
    ("model", &["wire::name"]),
    ("zone", &["model", "wire"]),
    ("health", &["model"]),
    ("policy", &["health", "model"]),
    ("answer", &["wire", "model", "policy::choice", "sys::memory"]),
    ("publish", &["answer", "policy::choice", "zone", "model", "wire"]),
    ("control", &["policy", "health", "model"]),
    (
        "simulate",
        &[
            "control", "publish", "answer", "policy", "health", "zone", "model", "wire",
        ],
    ),
    // The edges.
    ("config", &["model", "zone", "wire::name"]),
    ("probe", &["model", "health"]),
    ("serve", &["answer", "wire", "model", "sys"]),
    ("store", &["control", "health", "model"]),
    (
        "metrics",
        &["control", "model", "serve::counters", "serve::kinds"],
    ),
    ("announce", &["control", "health", "model"]),
    ("api", &["control", "health", "model", "answer"]),
    ("sys", &[]),
    ("tls", &["model"]),
    ("clock", &["model::time"]),
    ("resolve", &["model", "clock", "wire::name"]),
    ("cli", &["run", "config", "api"]),
    ("drill", &["control", "model", "clock"]),
];

/// Agreed additions: who, what, why.
pub(super) const ADDED: &[(&str, &str, &str)] = &[
    (
        "config",
        "control::promise",
        "`recover_within` is judged when the configuration is read; the promise is a pure function of the plan",
    ),
    (
        "probe",
        "control::event",
        "a probe is named by the ticket that control gave it",
    ),
    ("probe", "clock", "an edge reads the clock"),
    (
        "probe",
        "sys::option",
        "socket options that neither std nor socket2 know",
    ),
    (
        "probe",
        "sys::process",
        "a program's process group is killed before its leader is reaped; std knows neither",
    ),
    ("serve", "clock", "an edge reads the clock"),
    (
        "serve",
        "tls",
        "DNS over TLS, QUIC and HTTPS show certificates as the API does",
    ),
    ("api", "tls", "certificates are shown and exchanged in one way"),
    ("announce", "clock", "an edge reads the clock"),
    ("api", "announce", "shows how it goes with receivers"),
    ("cli", "announce::status", "prints what the API says"),
    ("announce", "sys::process", "hooks end as probes do"),
    ("api", "wire::name", "questions come as names"),
    ("api", "metrics", "the page for scrapers is served with the API"),
    ("metrics", "clock", "an edge reads the clock"),
    (
        "metrics",
        "answer::served",
        "kinds of answers of a service have lanes to be counted under",
    ),
    (
        "metrics",
        "publish::lanes",
        "whose lane is whose: the publisher gives them, the front ends count by them",
    ),
    ("api", "store::history", "it is read on connections of its own"),
    (
        "api",
        "policy::choice",
        "`explain` lists the answers that chance may give one client",
    ),
    (
        "api",
        "config::duration",
        "a command's time is written as in the configuration",
    ),
    (
        "api",
        "drill::report",
        "a drill's report is shown as it was measured",
    ),
    ("cli", "drill::report", "and printed so"),
    (
        "cli",
        "clock",
        "`explain` without a server decides at the present moment",
    ),
    (
        "cli",
        "control",
        "`check` prints promises; `explain` without a server runs the decision itself",
    ),
    (
        "cli",
        "publish",
        "`explain` without a server answers from the files",
    ),
    (
        "cli",
        "simulate",
        "`simulate` and `replay` run the core on virtual time",
    ),
    ("cli", "store::history", "it is verified where no server runs"),
    (
        "cli",
        "sys::local_time",
        "times are shown in the time of the place",
    ),
    (
        "cli",
        "tls",
        "`check` says until when the certificates hold that are shown",
    ),
    ("cli", "model", "what is printed is described in the model"),
    ("cli", "wire", "the demo asks its server over DNS"),
];
