//! What hyper's errors mean: who broke off, and where.

use crate::health::observation::FaultClass;
use crate::probe::fault;
use crate::probe::http::heard::Heard;
use crate::probe::tcp::quote;

/// Class and sentence of a question that got no answer.
pub(crate) fn describe(error: &hyper::Error, heard: &Heard) -> (FaultClass, String) {
    if let Some(h2) = http2(error).filter(|h2| h2.is_remote()) {
        return (FaultClass::Reset, ended(h2));
    }
    let octets = heard.octets();
    if let Some((class, text)) = cause(error) {
        return match class {
            FaultClass::Reset if octets > 0 => (
                class,
                format!("connection closed within the header, after {octets} octets"),
            ),
            FaultClass::Reset => (class, format!("{text} before an answer")),
            FaultClass::Garbage if octets > 0 => (
                class,
                format!("{text}; it begins with {}", quote(&heard.beginning())),
            ),
            _ => (class, text),
        };
    }
    (
        FaultClass::Reset,
        "connection closed by the endpoint before an answer".to_owned(),
    )
}

/// Class and sentence of hyper's errors.
pub(crate) fn cause(error: &hyper::Error) -> Option<(FaultClass, String)> {
    if let Some(h2) = http2(error) {
        return Some(match h2.get_io() {
            Some(io) => fault::of_io(io),
            None if h2.is_remote() => (FaultClass::Reset, ended(h2)),
            None => (FaultClass::Garbage, "the answer is not HTTP/2".to_owned()),
        });
    }
    if error.is_parse_too_large() {
        return Some((
            FaultClass::Garbage,
            "the header of the answer is too long".to_owned(),
        ));
    }
    if error.is_parse() {
        return Some((FaultClass::Garbage, "the answer is not HTTP".to_owned()));
    }
    if error.is_incomplete_message() {
        return Some((FaultClass::Reset, "connection closed by the endpoint".to_owned()));
    }
    let (class, text) = fault::of_chain(error)?;
    // hyper tells of chunks that it cannot read by an error of the system that no system made.
    if class == FaultClass::Local && !is_of_the_system(error) {
        return Some((FaultClass::Garbage, format!("the answer is not HTTP ({text})")));
    }
    Some((class, text))
}

/// Whether the endpoint says that it did not look at the question, and asks to put it over another connection
/// (RFC 9113 section 8.7).
pub(crate) fn is_unseen(error: &hyper::Error) -> bool {
    http2(error).is_some_and(|h2| {
        h2.is_remote()
            && match h2.reason() {
                Some(h2::Reason::NO_ERROR) => h2.is_go_away(),
                reason => reason == Some(h2::Reason::REFUSED_STREAM),
            }
    })
}

fn http2(error: &hyper::Error) -> Option<&h2::Error> {
    std::error::Error::source(error)?.downcast_ref()
}

fn ended(h2: &h2::Error) -> String {
    let reason = h2
        .reason()
        .map_or_else(String::new, |reason| format!(" ({})", reason.description()));
    format!("the endpoint ended the HTTP/2 stream{reason}")
}

fn is_of_the_system(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.raw_os_error().is_some())
}
