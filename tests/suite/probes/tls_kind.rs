//! `tls` against nginx and haproxy, and against servers that only begin to speak it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use pointsman::health::observation::FaultClass::{Content, Garbage, Local, Refused, Reset, Timeout, Tls};
use pointsman::health::observation::Phase::{self, Body, Connect, FirstByte};
use pointsman::model::check::{CheckKind, Security, TcpCheck, TlsCheck};
use pointsman::model::time::UnixTime;

use super::Expect::{self, Bad, Good};
use super::haproxy::{self, Haproxy};
use super::nginx::{self, Nginx};
use super::script::{self, Step};
use super::{hold, probe, target};

const BUDGET: Duration = Duration::from_secs(2);

fn tls(sni: &str, authority: PathBuf, change: impl FnOnce(&mut TlsCheck)) -> CheckKind {
    let mut check = TlsCheck {
        security: Security {
            sni: Some(sni.to_owned()),
            ca_file: Some(authority),
            ..Security::default()
        },
        talk: TcpCheck {
            send: None,
            expect: None,
        },
    };
    change(&mut check);
    CheckKind::Tls(Box::new(check))
}

/// Asks for a page, and expects `part` of it.
fn asks(check: &mut TlsCheck, part: &[u8]) {
    check.talk.send = Some(b"GET / HTTP/1.0\r\nHost: good.test\r\n\r\n".to_vec());
    check.talk.expect = Some(part.to_vec());
}

#[tokio::test]
async fn handshakes_certificates_and_words_within_are_judged() {
    const B: Phase = Phase::Tls;
    let (nginx, haproxy) = (Nginx::start(), Haproxy::start());
    let n = |change: fn(&mut TlsCheck)| tls("good.test", nginx.pem("ca"), change);
    let h = |identity: Option<&str>| {
        tls("good.test", haproxy.pem("ca"), |check| {
            check.security.identity = identity.and_then(|name| haproxy.identity(name));
        })
    };
    #[rustfmt::skip]
    let cases: Vec<(&str, CheckKind, SocketAddr, Expect)> = vec![
        ("a good certificate", n(|_| {}), nginx.at(nginx::GOOD), Good(", certificate ends in ")),
        ("TLS 1.2", n(|_| {}), nginx.at(nginx::TLS12), Good("TLS 1.2, certificate ends in ")),
        ("an answer", n(|c| asks(c, b"good.test HTTP/1.0")), nginx.at(nginx::GOOD), Good("TLS 1.")),
        ("another answer", n(|c| asks(c, b"banana")), nginx.at(nginx::GOOD), Bad(Body, Content, "without `banana`")),
        ("no answer", n(|c| c.talk.expect = Some(b"220".to_vec())), nginx.at(nginx::GOOD), Bad(FirstByte, Timeout, "while waiting for an answer")),
        ("expired", n(|_| {}), nginx.at(nginx::EXPIRED), Bad(B, Tls, "certificate expired ")),
        ("expired, not verified", n(|c| c.security.verify = false), nginx.at(nginx::EXPIRED), Good(", certificate expired ")),
        ("not valid yet", n(|_| {}), nginx.at(nginx::EARLY), Bad(B, Tls, "certificate is not valid before ")),
        ("for another name", n(|_| {}), nginx.at(nginx::WRONG_NAME), Bad(B, Tls, "certificate is not for good.test, but for other.test")),
        ("from an unknown issuer", n(|_| {}), nginx.at(nginx::UNKNOWN), Bad(B, Tls, "unknown issuer")),
        ("self-signed", n(|_| {}), nginx.at(nginx::SELF_SIGNED), Bad(B, Tls, "certificate is")),
        ("by address", n(|c| c.security.sni = None), nginx.at(nginx::BY_ADDRESS), Good("TLS 1.")),
        ("a name that is none", n(|c| c.security.sni = Some("a name".to_owned())), nginx.at(nginx::GOOD), Bad(B, Local, "cannot be a name in TLS")),
        ("whom speaks no TLS", n(|_| {}), nginx.at(nginx::HTTP), Bad(B, Garbage, "the answer is not TLS")),
        ("asks who we are without insisting on the handshake", n(|_| {}), nginx.at(nginx::CLIENT_CERT), Good("TLS 1.")),
        ("haproxy misses our certificate", h(None), haproxy.at(haproxy::MUTUAL), Bad(B, Tls, "the endpoint refused the TLS handshake: certificate required")),
        ("haproxy does not know our authority", h(Some("stranger")), haproxy.at(haproxy::MUTUAL), Bad(B, Tls, "unknown ca")),
        ("haproxy knows us", h(Some("client")), haproxy.at(haproxy::MUTUAL), Good("TLS 1.")),
        ("haproxy with another name", h(None), haproxy.at(haproxy::WRONG_NAME), Bad(B, Tls, "not for good.test, but for other.test")),
        ("haproxy, expired", h(None), haproxy.at(haproxy::EXPIRED), Bad(B, Tls, "certificate expired ")),
    ];
    let mut wrong = Vec::new();
    for (case, kind, address, wanted) in cases {
        let seen = probe(&target(kind, address), BUDGET).await;
        wrong.extend(hold(case, &seen, &wanted).err());
        if matches!(wanted, Good(_)) && seen.evidence.certificate_expiry.is_none() {
            wrong.push(format!("{case}: the end of the certificate is unknown"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_end_of_a_bad_certificate_is_evidence() {
    const END_2020: UnixTime = UnixTime(1_577_836_800_000);
    let haproxy = Haproxy::start();
    let kind = tls("good.test", haproxy.pem("ca"), |_| {});
    let seen = probe(&target(kind, haproxy.at(haproxy::EXPIRED)), BUDGET).await;
    assert_eq!(seen.evidence.certificate_expiry, Some(END_2020));
    assert!(seen.phases.connect.is_some() && seen.phases.tls.is_some());
}

#[tokio::test]
async fn endpoints_that_do_not_come_to_tls_are_told_apart() {
    let kind = || tls("good.test", PathBuf::new(), |check| check.security.verify = false);
    let short = Duration::from_millis(400);
    let (address, _taken) = script::nobody();
    let seen = probe(&target(kind(), address), short).await;
    hold("nobody", &seen, &Bad(Connect, Refused, "connection refused")).unwrap();
    let (address, _listening) = script::full().await;
    let seen = probe(&target(kind(), address), short).await;
    hold("full", &seen, &Bad(Connect, Timeout, "while connecting")).unwrap();
    #[rustfmt::skip]
    let scripts = [
        ("silence", vec![Step::Hear, Step::Silence], Bad(Phase::Tls, Timeout, "timeout after 0.400 s during the TLS handshake")),
        ("goodbye", vec![Step::Hear], Bad(Phase::Tls, Reset, "connection closed by the endpoint during the TLS handshake")),
        ("a reset", vec![Step::Hear, Step::Reset], Bad(Phase::Tls, Reset, "connection reset by the endpoint during")),
        ("mail", vec![Step::Say(b"220 mail ESMTP\r\n"), Step::Silence], Bad(Phase::Tls, Garbage, "the answer is not TLS")),
        ("slow", vec![Step::Hear, Step::Drip(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03", Duration::from_millis(60)), Step::Silence], Bad(Phase::Tls, Timeout, "during the TLS handshake")),
    ];
    for (case, steps, wanted) in scripts {
        let address = script::play(steps).await;
        let seen = probe(&target(kind(), address), short).await;
        hold(case, &seen, &wanted).unwrap();
    }
}
