//! The dashboard's files, as they stand in the source.

use std::hash::{DefaultHasher, Hasher};

/// One file.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Below `/assets/`.
    pub path: &'static str,
    /// `Content-Type`.
    pub kind: &'static str,
    /// What is sent.
    pub text: &'static str,
}

impl Asset {
    /// The entity tag: of the content, so that it holds over restarts.
    pub(crate) fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        hasher.write(self.text.as_bytes());
        format!("\"{:016x}-{:x}\"", hasher.finish(), self.text.len())
    }
}

/// The page itself.
pub(crate) const INDEX: Asset = Asset {
    path: "",
    kind: "text/html; charset=utf-8",
    text: include_str!("index.html"),
};

/// A module of the page's program.
macro_rules! module {
    ($name:literal) => {
        Asset {
            path: $name,
            kind: "text/javascript; charset=utf-8",
            text: include_str!(concat!("app/", $name)),
        }
    };
}

/// A style sheet.
macro_rules! sheet {
    ($name:literal) => {
        Asset {
            path: $name,
            kind: "text/css; charset=utf-8",
            text: include_str!($name),
        }
    };
}

/// Everything else.
pub(crate) const ASSETS: &[Asset] = &[
    Asset {
        path: "icon.svg",
        kind: "image/svg+xml",
        text: include_str!("icon.svg"),
    },
    sheet!("base.css"),
    sheet!("frame.css"),
    sheet!("services.css"),
    sheet!("detail.css"),
    sheet!("panels.css"),
    sheet!("dialog.css"),
    module!("api.js"),
    module!("aspect.js"),
    module!("bar.js"),
    module!("command.js"),
    module!("detail.js"),
    module!("dialog.js"),
    module!("dom.js"),
    module!("draw.js"),
    module!("drills.js"),
    module!("endpoint.js"),
    module!("explain.js"),
    module!("failovers.js"),
    module!("lamp.js"),
    module!("list.js"),
    module!("live.js"),
    module!("main.js"),
    module!("overrides.js"),
    module!("router.js"),
    module!("row.js"),
    module!("services.js"),
    module!("store.js"),
    module!("strips.js"),
    module!("theme.js"),
    module!("timeline.js"),
    module!("token.js"),
    module!("words.js"),
];

/// The file at this path below `/assets/`.
pub(crate) fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}
