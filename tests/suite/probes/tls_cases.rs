//! `https` against a real nginx with certificates good and bad, and against servers that only begin to speak TLS.

use std::path::PathBuf;
use std::time::Duration;

use pointsman::health::observation::FaultClass::{Content, Garbage, Local, Reset, Status, Timeout, Tls};
use pointsman::health::observation::Phase::{self, FirstByte};
use pointsman::model::check::{BodyMatch, HttpCheck, HttpVersion};
use pointsman::model::time::UnixTime;

use super::Expect::{self, Bad, Good};
use super::nginx::{
    BY_ADDRESS, CLIENT_CERT, EARLY, EXPIRED, GOOD, H2, HTTP, Nginx, SELF_SIGNED, TLS12, UNKNOWN, WRONG_NAME,
};
use super::script::{self, Step};
use super::{hold, http, https, probe, target};

const BUDGET: Duration = Duration::from_secs(2);

type Change = fn(&mut HttpCheck);
type Case = (&'static str, u16, &'static str, &'static str, Change, Expect);

fn says(check: &mut HttpCheck, part: &str) {
    check.body = Some(BodyMatch::Substring(part.to_owned()));
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    const B: Phase = Phase::Tls;
    vec![
        ("a good certificate", GOOD, "good.test", "ca", |_| {}, Good("status 200")),
        ("the name selects site and certificate", GOOD, "other.test", "ca", |c| says(c, "other.test HTTP/1.1 other.test other.test"), Good("status 200")),
        ("a wildcard", GOOD, "a.wild.test", "ca", |_| {}, Good("status 200")),
        ("another name in SNI than in the request", GOOD, "other.test", "ca", |c| { c.security.sni = Some("good.test".to_owned()); says(c, "other.test HTTP/1.1 good.test other.test"); }, Good("status 200")),
        ("a name with a port", GOOD, "good.test:15610", "ca", |c| says(c, "good.test:15610"), Good("status 200")),
        ("a name that the endpoint does not know", GOOD, "nobody.test", "ca", |_| {}, Bad(B, Tls, "the endpoint refused the TLS handshake: unrecognised name")),
        ("out of order", GOOD, "good.test", "ca", |c| c.path = "/503".to_owned(), Bad(FirstByte, Status, "status 503")),
        ("something else", GOOD, "good.test", "ca", |c| says(c, "banana"), Bad(Phase::Body, Content, "body does not contain `banana`")),
        ("TLS 1.2", TLS12, "good.test", "ca", |_| {}, Good("status 200")),
        ("expired", EXPIRED, "good.test", "ca", |_| {}, Bad(B, Tls, "certificate expired ")),
        ("expired, not verified", EXPIRED, "good.test", "ca", |c| c.security.verify = false, Good("status 200")),
        ("not valid yet", EARLY, "good.test", "ca", |_| {}, Bad(B, Tls, "certificate is not valid before ")),
        ("for another name", WRONG_NAME, "good.test", "ca", |_| {}, Bad(B, Tls, "certificate is not for good.test, but for other.test")),
        ("for another name, asked for in SNI", WRONG_NAME, "good.test", "ca", |c| c.security.sni = Some("other.test".to_owned()), Good("status 200")),
        ("for another name, not verified", WRONG_NAME, "good.test", "ca", |c| c.security.verify = false, Good("status 200")),
        ("from an unknown issuer", UNKNOWN, "good.test", "ca", |_| {}, Bad(B, Tls, "certificate is from an unknown issuer")),
        ("from an issuer that is known then", UNKNOWN, "good.test", "other-ca", |_| {}, Good("status 200")),
        ("from nobody the system knows", GOOD, "good.test", "-", |_| {}, Bad(B, Tls, "certificate is from an unknown issuer")),
        ("self-signed", SELF_SIGNED, "good.test", "ca", |_| {}, Bad(B, Tls, "certificate is")),
        ("self-signed, and pinned", SELF_SIGNED, "good.test", "self-signed", |_| {}, Good("status 200")),
        ("self-signed and pinned, for another name", SELF_SIGNED, "other.test", "self-signed", |_| {}, Bad(B, Tls, "certificate is not for other.test, but for good.test")),
        ("self-signed, not verified", SELF_SIGNED, "good.test", "ca", |c| c.security.verify = false, Good("status 200")),
        ("for its address", BY_ADDRESS, "-", "ca", |_| {}, Good("status 200")),
        ("for names, asked by address", WRONG_NAME, "-", "ca", |_| {}, Bad(B, Tls, "but for other.test")),
        ("wants a certificate of ours", CLIENT_CERT, "good.test", "ca", |_| {}, Bad(FirstByte, Status, "status 400")),
        ("HTTP/2", H2, "good.test", "ca", |c| { c.version = HttpVersion::Http2; says(c, "good.test HTTP/2.0 good.test good.test"); }, Good("status 200")),
        ("HTTP/2, another name in SNI", H2, "www.example.test", "ca", |c| { c.version = HttpVersion::Http2; c.security.sni = Some("good.test".to_owned()); says(c, "HTTP/2.0 good.test www.example.test"); }, Good("status 200")),
        ("HTTP/2, a big body", H2, "good.test", "ca", |c| { c.version = HttpVersion::Http2; c.path = "/big.txt".to_owned(); says(c, "the end"); }, Bad(Phase::Body, Content, "the first 65536 octets")),
        ("whatever there is, with HTTP/2", H2, "good.test", "ca", |c| { c.version = HttpVersion::Any; says(c, "HTTP/2.0"); }, Good("status 200")),
        ("whatever there is, without HTTP/2", GOOD, "good.test", "ca", |c| { c.version = HttpVersion::Any; says(c, "HTTP/1.1"); }, Good("status 200")),
        ("HTTP/1.1 although there is HTTP/2", H2, "good.test", "ca", |c| says(c, "HTTP/1.1"), Good("status 200")),
        ("HTTP/2 where there is none", GOOD, "good.test", "ca", |c| c.version = HttpVersion::Http2, Bad(B, Tls, "the endpoint speaks none of the protocols that were offered")),
        ("a redirect from TLS to plain HTTP", GOOD, "good.test", "ca", |c| { c.path = "/plain".to_owned(); c.follow_redirects = true; says(c, "all is ok"); }, Good("status 200")),
        ("TLS to whom speaks none", HTTP, "good.test", "ca", |_| {}, Bad(B, Garbage, "the answer is not TLS")),
        ("an authority file that is missing", GOOD, "good.test", "missing", |_| {}, Bad(B, Local, "missing.pem")),
        ("a name that is none", GOOD, "not a name", "ca", |_| {}, Bad(B, Local, "`not a name` cannot be a name in TLS")),
    ]
}

#[tokio::test]
async fn certificates_and_names_are_judged_in_words() {
    let nginx = Nginx::start();
    let mut wrong = Vec::new();
    for (case, port, host, authority, change, wanted) in cases() {
        let kind = https(host, "/", nginx.pem(authority), |check| {
            if host == "-" {
                check.host = None;
            }
            if authority == "-" {
                check.security.ca_file = None;
            }
            change(check);
        });
        let seen = probe(&target(kind, nginx.at(port)), BUDGET).await;
        wrong.extend(hold(case, &seen, &wanted).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_redirect_from_plain_http_to_tls_verifies_there() {
    let nginx = Nginx::start();
    for (authority, wanted) in [
        ("ca", Good("status 200")),
        ("other-ca", Bad(Phase::Tls, Tls, "unknown issuer")),
    ] {
        let kind = http("/to-tls", |check| {
            check.follow_redirects = true;
            check.security.ca_file = Some(nginx.pem(authority));
        });
        let seen = probe(&target(kind, nginx.at(HTTP)), BUDGET).await;
        hold(authority, &seen, &wanted).unwrap();
    }
}

#[tokio::test]
async fn the_end_of_the_certificate_is_known_of_good_bad_and_unverified_ones() {
    const END_2020: UnixTime = UnixTime(1_577_836_800_000);
    let nginx = Nginx::start();
    let ask = |port, verify| {
        let kind = https("good.test", "/", nginx.pem("ca"), |check| {
            check.security.verify = verify
        });
        let address = nginx.at(port);
        async move { probe(&target(kind, address), BUDGET).await }
    };
    let good = ask(GOOD, true).await;
    assert!(good.evidence.certificate_expiry > Some(END_2020));
    assert!(
        good.phases.tls.is_some() && good.phases.connect.is_some(),
        "{:?}",
        good.phases
    );
    let expired = ask(EXPIRED, true).await;
    assert_eq!(expired.evidence.certificate_expiry, Some(END_2020));
    assert!(
        expired.evidence.text.ends_with(" days ago"),
        "{}",
        expired.evidence.text
    );
    assert_eq!(
        ask(EXPIRED, false).await.evidence.certificate_expiry,
        Some(END_2020)
    );
    assert!(ask(UNKNOWN, true).await.evidence.certificate_expiry.is_some());
}

#[rustfmt::skip]
fn broken_handshakes() -> Vec<(&'static str, Vec<Step>, Expect)> {
    use Step::{Hear, Reset as Rst, Say, Silence};
    // The head of a ServerHello, and no more of it.
    const HALF: &[u8] = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03";
    vec![
        ("silence", vec![Hear, Silence], Bad(Phase::Tls, Timeout, "timeout after 0.400 s during the TLS handshake")),
        ("goodbye", vec![Hear], Bad(Phase::Tls, Reset, "connection closed by the endpoint during the TLS handshake")),
        ("goodbye at once", vec![], Bad(Phase::Tls, Reset, "during the TLS handshake")),
        ("a reset", vec![Hear, Rst], Bad(Phase::Tls, Reset, "connection reset by the endpoint during the TLS handshake")),
        ("half a hello, then silence", vec![Hear, Say(HALF), Silence], Bad(Phase::Tls, Timeout, "during the TLS handshake")),
        ("half a hello, then goodbye", vec![Hear, Say(HALF)], Bad(Phase::Tls, Reset, "connection closed by the endpoint during the TLS handshake")),
        ("mail", vec![Say(b"220 mail.example.test ESMTP\r\n"), Silence], Bad(Phase::Tls, Garbage, "the answer is not TLS")),
        ("an alert", vec![Hear, Say(b"\x15\x03\x03\x00\x02\x02\x28"), Silence], Bad(Phase::Tls, Tls, "the endpoint refused the TLS handshake: handshake failure")),
    ]
}

#[tokio::test]
async fn handshakes_that_break_off_are_told_apart() {
    let mut wrong = Vec::new();
    for (case, steps, wanted) in broken_handshakes() {
        let address = script::play(steps).await;
        let kind = https("good.test", "/", PathBuf::new(), |check| {
            check.security.verify = false
        });
        let seen = probe(&target(kind, address), Duration::from_millis(400)).await;
        wrong.extend(hold(case, &seen, &wanted).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
