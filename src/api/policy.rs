//! What browsers may do with what they are given here: nothing that comes from elsewhere, and nothing elsewhere.

/// The content security policy: run and show what this server sends as a file, and ask this server. Nothing inline,
/// nothing from elsewhere, in nobody's frame, and no text becomes markup or a program.
pub const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                          connect-src 'self'; img-src 'self' data:; script-src 'self'; style-src 'self'; \
                          require-trusted-types-for 'script'; trusted-types 'none'";
