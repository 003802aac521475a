//! What went wrong in a handshake, in words.

use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};

use crate::health::observation::FaultClass;
use crate::probe::certificate;

/// The sentence when ALPN (RFC 7301) finds nothing in common.
pub(crate) const NO_PROTOCOL: &str = "the endpoint speaks none of the protocols that were offered";

/// Class and sentence of a failed handshake.
pub(crate) fn describe(error: &rustls::Error) -> (FaultClass, String) {
    let text = match error {
        rustls::Error::InvalidCertificate(wrong) => describe_certificate(wrong),
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)
        | rustls::Error::NoApplicationProtocol => NO_PROTOCOL.to_owned(),
        rustls::Error::AlertReceived(alert) => refusal(&format!("{alert:?}")),
        rustls::Error::InvalidMessage(_) => {
            return (FaultClass::Garbage, "the answer is not TLS".to_owned());
        }
        rustls::Error::NoCertificatesPresented => "the endpoint showed no certificate".to_owned(),
        other => format!("TLS failed: {other}"),
    };
    (FaultClass::Tls, text)
}

fn describe_certificate(wrong: &CertificateError) -> String {
    match wrong {
        CertificateError::ExpiredContext { time, not_after } => format!(
            "certificate expired {} ago",
            certificate::span(Duration::from_secs(
                time.as_secs().saturating_sub(not_after.as_secs())
            ))
        ),
        CertificateError::Expired => "certificate expired".to_owned(),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "certificate is not valid before {} from now",
            certificate::span(Duration::from_secs(
                not_before.as_secs().saturating_sub(time.as_secs())
            ))
        ),
        CertificateError::NotValidYet => "certificate is not valid yet".to_owned(),
        CertificateError::UnknownIssuer => "certificate is from an unknown issuer".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "certificate is not for {}, but for {}",
            expected.to_str(),
            if presented.is_empty() {
                "no name at all".to_owned()
            } else {
                presented
                    .iter()
                    .map(|name| plain(name))
                    .collect::<Vec<_>>()
                    .join(", ")
            }
        ),
        CertificateError::NotValidForName => "certificate is not for the expected name".to_owned(),
        CertificateError::Revoked => "certificate is revoked".to_owned(),
        CertificateError::BadSignature => "certificate has a bad signature".to_owned(),
        CertificateError::BadEncoding => "certificate cannot be read".to_owned(),
        other => format!("certificate is refused: {other}"),
    }
}

/// `DnsName("a.test")` and `IpAddress(192.0.2.1)`, as webpki lists names, without their wrapping.
fn plain(name: &str) -> String {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(name);
    inner.trim_matches('"').to_owned()
}

/// Class and sentence of an alert of which only rustls's text is left: h2 keeps no more of an error than that.
pub(crate) fn of_text(text: &str) -> Option<(FaultClass, String)> {
    let alert = text.strip_prefix("received fatal alert: ")?;
    Some((FaultClass::Tls, refusal(alert)))
}

fn refusal(alert: &str) -> String {
    format!("the endpoint refused the TLS handshake: {}", words(alert))
}

/// `NoApplicationProtocol` as `no application protocol`.
pub(crate) fn words(camel: &str) -> String {
    let mut words = String::with_capacity(camel.len().saturating_add(4));
    let mut within = false;
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && within {
            words.push(' ');
        }
        within = letter.is_ascii_lowercase();
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// Class and sentence of a handshake that the connection did not survive.
pub(crate) fn describe_handshake(error: &io::Error) -> (FaultClass, String) {
    let (class, text) = crate::probe::fault::of_io(error);
    match class {
        FaultClass::Reset => (class, format!("{text} during the TLS handshake")),
        _ => (class, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_and_names_are_told_in_words() {
        assert_eq!(words("UnknownCA"), "unknown ca");
        assert_eq!(words("NoApplicationProtocol"), "no application protocol");
        assert_eq!(plain("DnsName(\"a.test\")"), "a.test");
        assert_eq!(plain("IpAddress(192.0.2.1)"), "192.0.2.1");
        assert_eq!(plain("a.test"), "a.test");
    }
}
