//! Signing what is sent: whoever shares the secret can tell that a message is ours, unchanged and new.
//!
//! `t=UNIX_SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of `UNIX_SECONDS`, a full stop, and the body. The time stands
//! within what is signed, so that an old message cannot be sent again as a new one.

use data_encoding::HEXLOWER;
use ring::hmac;

/// The value of the header `X-Pointsman-Signature`.
#[must_use]
pub fn sign(secret: &[u8], unix_seconds: u64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let mut context = hmac::Context::with_key(&key);
    context.update(unix_seconds.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    format!("t={unix_seconds},v1={}", HEXLOWER.encode(context.sign().as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_openssl_makes_of_it() {
        // printf '1767225600.{"a":1}' | openssl dgst -sha256 -hmac secret
        assert_eq!(
            sign(b"secret", 1_767_225_600, br#"{"a":1}"#),
            "t=1767225600,v1=96a067a1c95eb143fc00b9097bcfcbcd5456adda508c443ff219748e764dbed7"
        );
    }
}
