//! Source addresses, PROXY headers and certificates of our own, against nginx and haproxy.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pointsman::health::observation::FaultClass::{Local, Reset, Status, Tls};
use pointsman::health::observation::Observation;
use pointsman::health::observation::Phase::{self, Connect, FirstByte};
use pointsman::model::check::{BodyMatch, CheckKind, HttpCheck, HttpVersion, ProxyHeader, Way};

use super::Expect::{self, Bad, Good};
use super::haproxy::{self, Haproxy};
use super::nginx::{self, Nginx};
use super::{hold, http, https, probe, target, tcp};

const BUDGET: Duration = Duration::from_secs(2);
const SOURCE: Ipv4Addr = Ipv4Addr::new(127, 9, 8, 7);

/// What it is, which server at which port, who we are, the version, what the answer says, and what is expected.
type Mutual = (
    &'static str,
    &'static str,
    u16,
    Option<&'static str>,
    HttpVersion,
    &'static str,
    Expect,
);

fn from_source() -> Way {
    Way {
        source_v4: Some(SOURCE),
        ..Way::default()
    }
}

fn proxied(version: ProxyHeader) -> Way {
    Way {
        proxy_header: Some(version),
        ..from_source()
    }
}

async fn probe_by(way: Way, kind: CheckKind, address: SocketAddr) -> Observation {
    let mut target = target(kind, address);
    Arc::get_mut(&mut target.check).unwrap().way = way;
    probe(&target, BUDGET).await
}

fn says(part: &str) -> impl FnOnce(&mut HttpCheck) {
    let body = Some(BodyMatch::Substring(part.to_owned()));
    move |check| check.body = body
}

#[tokio::test]
async fn probes_come_from_the_source_address_and_begin_with_the_header_that_the_check_says() {
    use ProxyHeader::{V1, V2};
    let (nginx, haproxy) = (Nginx::start(), Haproxy::start());
    let mut wrong = Vec::new();
    let nginx_tls = |part: &str| https("good.test", "/whom", nginx.pem("ca"), says(part));
    let haproxy_tls = |part: &str| https("good.test", "/", haproxy.pem("ca"), says(part));
    #[rustfmt::skip]
    let cases: Vec<(&str, Way, CheckKind, SocketAddr, Expect)> = vec![
        ("nginx sees the source", from_source(), http("/whom", says("[127.9.8.7] []")), nginx.at(nginx::HTTP), Good("status 200")),
        ("nginx reads version 1", proxied(V1), http("/whom", says("[127.9.8.7] [127.9.8.7]")), nginx.at(nginx::PROXIED), Good("status 200")),
        ("nginx reads version 2, which names no address", proxied(V2), http("/whom", says("[127.9.8.7] []")), nginx.at(nginx::PROXIED), Good("status 200")),
        ("nginx insists on a header", from_source(), http("/whom", |_| {}), nginx.at(nginx::PROXIED), Bad(FirstByte, Reset, "before an answer")),
        ("nginx was told of no header", proxied(V1), http("/whom", |_| {}), nginx.at(nginx::HTTP), Bad(FirstByte, Status, "status 400")),
        ("nginx reads version 1 before TLS", proxied(V1), nginx_tls("[127.9.8.7] [127.9.8.7]"), nginx.at(nginx::PROXIED_TLS), Good("status 200")),
        ("nginx reads version 2 before TLS", proxied(V2), nginx_tls("[127.9.8.7] []"), nginx.at(nginx::PROXIED_TLS), Good("status 200")),
        ("nginx insists on a header before TLS", from_source(), nginx_tls(""), nginx.at(nginx::PROXIED_TLS), Bad(Phase::Tls, Reset, "during the TLS handshake")),
        ("haproxy sees the source", from_source(), http("/", says("[127.9.8.7] [0]")), haproxy.at(haproxy::PLAIN), Good("status 200")),
        ("haproxy reads version 1", proxied(V1), http("/", says("[127.9.8.7] [1]")), haproxy.at(haproxy::PROXIED), Good("status 200")),
        ("haproxy reads version 2", proxied(V2), http("/", says("[127.9.8.7]")), haproxy.at(haproxy::PROXIED), Good("status 200")),
        ("haproxy insists on a header", from_source(), http("/", |_| {}), haproxy.at(haproxy::PROXIED), Bad(FirstByte, Reset, "before an answer")),
        ("haproxy reads version 2 before TLS", proxied(V2), haproxy_tls("[127.9.8.7]"), haproxy.at(haproxy::PROXIED_TLS), Good("status 200")),
        ("tcp reads what haproxy says", proxied(V1), tcp(Some(b"GET / HTTP/1.0\r\n\r\n"), Some(b"[127.9.8.7] [1]")), haproxy.at(haproxy::PROXIED), Good("connected")),
        ("haproxy without a server", Way::default(), http("/", |_| {}), haproxy.at(haproxy::NO_SERVER), Bad(FirstByte, Status, "status 503")),
        ("a source that is not ours", Way { source_v4: Some(Ipv4Addr::new(192, 0, 2, 77)), ..Way::default() }, http("/", |_| {}), haproxy.at(haproxy::PLAIN), Bad(Connect, Local, "no address of that family")),
    ];
    for (case, way, kind, address, wanted) in cases {
        let seen = probe_by(way, kind, address).await;
        wrong.extend(hold(case, &seen, &wanted).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_source_is_for_its_own_family() {
    let way = from_source();
    assert_eq!(way.source([192, 0, 2, 1].into()), Some(IpAddr::V4(SOURCE)));
    assert_eq!(way.source("2001:db8::1".parse().unwrap()), None);
}

#[tokio::test]
async fn endpoints_that_ask_who_we_are_are_told_and_judge() {
    use HttpVersion::{Http1, Http2};
    let (nginx, haproxy) = (Nginx::start(), Haproxy::start());
    let mut wrong = Vec::new();
    #[rustfmt::skip]
    let cases: Vec<Mutual> = vec![
        ("nginx knows us", "nginx", nginx::CLIENT_CERT, Some("client"), Http1, "[CN=client]", Good("status 200")),
        ("nginx knows us over HTTP/2", "nginx", nginx::CLIENT_CERT_H2, Some("client"), Http2, "[CN=client]", Good("status 200")),
        ("nginx misses our certificate", "nginx", nginx::CLIENT_CERT, None, Http1, "", Bad(FirstByte, Status, "status 400")),
        ("nginx does not know our authority", "nginx", nginx::CLIENT_CERT, Some("stranger"), Http1, "", Bad(FirstByte, Status, "status 400")),
        ("nginx does not ask", "nginx", nginx::GOOD, Some("client"), Http1, "[]", Good("status 200")),
        ("haproxy knows us", "haproxy", haproxy::MUTUAL, Some("client"), Http1, "[/CN=client]", Good("status 200")),
        ("haproxy knows us over HTTP/2", "haproxy", haproxy::MUTUAL, Some("client"), Http2, "[/CN=client]", Good("status 200")),
        ("haproxy misses our certificate", "haproxy", haproxy::MUTUAL, None, Http1, "", Bad(FirstByte, Tls, "the endpoint refused the TLS handshake: certificate required")),
        ("haproxy does not know our authority", "haproxy", haproxy::MUTUAL, Some("stranger"), Http1, "", Bad(FirstByte, Tls, "the endpoint refused the TLS handshake: unknown ca")),
    ];
    for (case, server, port, identity, version, part, wanted) in cases {
        let (address, authority) = match server {
            "nginx" => (nginx.at(port), nginx.pem("ca")),
            _ => (haproxy.at(port), haproxy.pem("ca")),
        };
        let kind = https("good.test", "/whom", authority, |check| {
            check.version = version;
            says(part)(check);
            check.security.identity = identity.and_then(|name| match server {
                "nginx" => nginx.identity(name),
                _ => haproxy.identity(name),
            });
        });
        let seen = probe(&target(kind, address), BUDGET).await;
        wrong.extend(hold(case, &seen, &wanted).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Over HTTP/2 both sides write at once: the alert may be lost with the connection, the reason is not.
    let kind = https("good.test", "/", haproxy.pem("ca"), |check| check.version = Http2);
    let seen = probe(&target(kind, haproxy.at(haproxy::MUTUAL)), BUDGET).await;
    let text = &seen.evidence.text;
    assert!(!seen.finding.is_good(), "{text}");
    assert!(
        text.contains("certificate required") || text.contains("asked for a certificate of ours"),
        "{text}"
    );
}
