//! What a server shows of itself in TLS: a certificate, and the key that proves it.

use crate::model::diagnostic::Place;

/// A certificate with its key.
#[derive(Clone)]
pub struct Identity {
    /// The certificate and those that lead to its authority, in DER.
    pub chain: Vec<Vec<u8>>,
    /// Its key, in PEM.
    pub key: Vec<u8>,
    /// Where the certificate is configured.
    pub place: Place,
}

/// Where it is written does not make it another.
impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        (&self.chain, &self.key) == (&other.chain, &other.key)
    }
}

impl Eq for Identity {}

/// Keys are not shown.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("chain", &self.chain.len())
            .finish_non_exhaustive()
    }
}
