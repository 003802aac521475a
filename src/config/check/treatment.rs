//! How a check's results are taken: completed and judged.

use crate::config::defaults;
use crate::config::duration::text;
use crate::config::raw::document::Source;
use crate::config::raw::treatment::RawTreatment;
use crate::model::check::{CheckKind, Rules, Treatment};

/// What is written; what can have no effect, or contradicts itself, is reported where it is written.
pub(crate) fn treatment(
    source: &Source,
    raw: &RawTreatment,
    kind: Option<&CheckKind>,
    rules: &Rules,
) -> Treatment {
    let inverted = raw.inverted.is_some_and(|inverted| inverted.value);
    if let Some(slow) = raw.slow.filter(|slow| slow.value >= rules.timeout) {
        source.error(
            slow.at,
            format!(
                "`slow` ({}) is not shorter than `timeout` ({}): such a probe has failed",
                text(slow.value),
                text(rules.timeout)
            ),
            "write a shorter one, or a longer `timeout`",
        );
    }
    if inverted {
        for (key, at) in [
            ("slow", raw.slow.map(|slow| slow.at)),
            (
                "certificate_warning",
                raw.certificate_warning.map(|warning| warning.at),
            ),
        ] {
            if let Some(at) = at {
                source.error(
                    at,
                    format!("`{key}` has no meaning in an inverted check: what answers there is a failure"),
                    format!("remove `{key}`, or `inverted`"),
                );
            }
        }
    }
    let without_tls = match kind {
        Some(CheckKind::Http(http)) if !http.tls => Some("http"),
        Some(CheckKind::Tcp(_)) => Some("tcp"),
        Some(CheckKind::Exec(_)) => Some("exec"),
        Some(CheckKind::Dns(_)) => Some("dns"),
        Some(CheckKind::Icmp(_)) => Some("icmp"),
        Some(CheckKind::Grpc(grpc)) if !grpc.tls => Some("grpc"),
        _ => None,
    };
    if let (Some(warning), Some(kind)) = (raw.certificate_warning, without_tls) {
        source.warn(
            warning.at,
            format!("`certificate_warning` has no effect: type `{kind}` sees no certificate"),
            "remove it, or write type = \"https\"",
        );
    }
    let warning = raw
        .certificate_warning
        .map_or(defaults::CERTIFICATE_WARNING, |warning| warning.value);
    Treatment {
        inverted,
        shadow: raw.shadow.is_some_and(|shadow| shadow.value),
        slow: raw.slow.map(|slow| slow.value),
        certificate_warning: Some(warning).filter(|warning| !warning.is_zero() && !inverted),
    }
}
