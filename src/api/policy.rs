//! What browsers may do with what they are given here: nothing that comes from elsewhere, and nothing elsewhere.

use data_encoding::BASE64;
use ring::digest::{SHA256, digest};

use crate::api::page::PAGE;

/// The content security policy: parts of this server, and of the page's own inline parts exactly these.
#[must_use]
pub fn policy() -> String {
    format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'; \
         img-src 'self' data:; font-src 'self'; manifest-src 'self'; script-src 'self'{}; style-src 'self'{}",
        hashes("script"),
        hashes("style"),
    )
}

/// The hashes of the page's inline elements of one kind, as a policy names them.
fn hashes(element: &str) -> String {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    let parts = PAGE.split(begin.as_str()).skip(1);
    parts
        .filter_map(|part| part.split(end.as_str()).next())
        .map(|part| {
            let hash = digest(&SHA256, part.as_bytes());
            format!(" 'sha256-{}'", BASE64.encode(hash.as_ref()))
        })
        .collect()
}
