//! What a certificate says: when it ends.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use x509_parser::parse_x509_certificate;

use crate::model::time::UnixTime;

/// The end of a certificate's validity; `None` when it cannot be read or lies before 1970.
pub(crate) fn expiry(certificate: &CertificateDer<'_>) -> Option<UnixTime> {
    let (_, parsed) = parse_x509_certificate(certificate).ok()?;
    let secs = u64::try_from(parsed.validity().not_after.timestamp()).ok()?;
    Some(UnixTime(secs.saturating_mul(1000)))
}

/// Whether `at` lies within the certificate's validity.
pub(crate) fn is_valid_at(certificate: &CertificateDer<'_>, at: Duration) -> bool {
    let Ok((_, parsed)) = parse_x509_certificate(certificate) else {
        return false;
    };
    let Ok(secs) = i64::try_from(at.as_secs()) else {
        return false;
    };
    let validity = parsed.validity();
    validity.not_before.timestamp() <= secs && secs <= validity.not_after.timestamp()
}

/// A span of time in the largest unit that fits: `3 days`, `1 hour`, `40 seconds`.
pub(crate) fn span(length: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let secs = length.as_secs();
    let (size, unit) = UNITS
        .into_iter()
        .find(|(size, _)| secs >= *size)
        .unwrap_or((1, "second"));
    let count = secs.checked_div(size).unwrap_or(secs);
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        for (secs, told) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (7_199, "1 hour"),
            (86_399, "23 hours"),
            (86_400, "1 day"),
            (3 * 86_400 + 5, "3 days"),
        ] {
            assert_eq!(span(Duration::from_secs(secs)), told);
        }
    }

    #[test]
    fn the_end_of_a_certificate_is_read_from_it() {
        let mut params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let end = 1_609_459_200;
        assert_eq!(expiry(certificate.der()), Some(UnixTime(end * 1000)));
        assert!(is_valid_at(certificate.der(), Duration::from_secs(end)));
        assert!(!is_valid_at(certificate.der(), Duration::from_secs(end + 1)));
        assert!(!is_valid_at(certificate.der(), Duration::from_secs(1)));
        assert_eq!(expiry(&CertificateDer::from(vec![1, 2, 3])), None);
    }
}
