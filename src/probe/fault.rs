//! What an error of the system or of TLS means: its class and a sentence.
//!
//! Errors arrive wrapped several times over; the chain of sources is walked to the first one that says something.

use std::error::Error;
use std::io;

use crate::health::observation::FaultClass;
use crate::probe::tls::words;

/// Class and sentence of an error: the first cause in its chain of sources that is understood.
pub(crate) fn of_chain(error: &(dyn Error + 'static)) -> Option<(FaultClass, String)> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return Some(of_io(io));
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Some(words::describe(tls));
        }
        next = cause.source();
    }
    None
}

/// Class and sentence of an error of the system.
pub(crate) fn of_io(error: &io::Error) -> (FaultClass, String) {
    if let Some(inner) = error.get_ref() {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return words::describe(tls);
        }
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return of_io(io);
        }
    }
    if let Some(own) = error.raw_os_error().and_then(own_fault) {
        return (FaultClass::Local, own.to_owned());
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => (FaultClass::Refused, "connection refused".to_owned()),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            (FaultClass::Reset, "connection reset by the endpoint".to_owned())
        }
        io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof | io::ErrorKind::NotConnected => {
            (FaultClass::Reset, "connection closed by the endpoint".to_owned())
        }
        io::ErrorKind::HostUnreachable => (FaultClass::Unreachable, "host unreachable".to_owned()),
        io::ErrorKind::NetworkUnreachable => (FaultClass::Unreachable, "network unreachable".to_owned()),
        io::ErrorKind::TimedOut => (
            FaultClass::Timeout,
            "the system gave up on the connection".to_owned(),
        ),
        io::ErrorKind::InvalidData => {
            let text = error.to_string();
            words::of_text(&text).unwrap_or((FaultClass::Garbage, text))
        }
        // What nobody foresaw is not held against the endpoint.
        _ => (FaultClass::Local, error.to_string()),
    }
}

/// Errors that say something about this node only.
fn own_fault(code: i32) -> Option<&'static str> {
    Some(match code {
        libc::EMFILE => "this process has no free file descriptor (raise LimitNOFILE)",
        libc::ENFILE => "this machine has no free file descriptor",
        libc::EADDRNOTAVAIL => "this node has no free local port or no address of that family",
        libc::ENOBUFS | libc::ENOMEM => "this node is out of memory for sockets",
        libc::EACCES | libc::EPERM => "this node is not allowed to connect there (local firewall or sandbox)",
        libc::EINVAL => "this node has no usable route there (a blackhole, or no address to connect to)",
        libc::EAFNOSUPPORT => "this node does not speak that address family",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_have_the_class_that_an_operator_expects() {
        let cases: &[(i32, FaultClass, &str)] = &[
            (libc::ECONNREFUSED, FaultClass::Refused, "connection refused"),
            (libc::ECONNRESET, FaultClass::Reset, "connection reset"),
            (libc::ECONNABORTED, FaultClass::Reset, "connection reset"),
            (libc::EPIPE, FaultClass::Reset, "connection closed"),
            (libc::EHOSTUNREACH, FaultClass::Unreachable, "host unreachable"),
            (libc::ENETUNREACH, FaultClass::Unreachable, "network unreachable"),
            (libc::ETIMEDOUT, FaultClass::Timeout, "gave up"),
            (libc::EMFILE, FaultClass::Local, "file descriptor"),
            (libc::ENFILE, FaultClass::Local, "file descriptor"),
            (libc::EADDRNOTAVAIL, FaultClass::Local, "local port"),
            (libc::ENOBUFS, FaultClass::Local, "memory"),
            (libc::ENOMEM, FaultClass::Local, "memory"),
            (libc::EACCES, FaultClass::Local, "not allowed"),
            (libc::EPERM, FaultClass::Local, "not allowed"),
            (libc::EAFNOSUPPORT, FaultClass::Local, "family"),
            (libc::EINVAL, FaultClass::Local, "no usable route"),
        ];
        for (code, class, text) in cases {
            let bare = io::Error::from_raw_os_error(*code);
            let (found, sentence) = of_io(&bare);
            assert_eq!(found, *class, "{bare}");
            assert!(sentence.contains(text), "{bare}: {sentence}");
            let wrapped = io::Error::other(io::Error::from_raw_os_error(*code));
            assert_eq!(of_chain(&wrapped), Some((*class, sentence)));
        }
    }

    #[test]
    fn an_error_without_a_known_cause_is_left_to_the_caller() {
        assert_eq!(of_chain(&std::fmt::Error), None);
    }
}
