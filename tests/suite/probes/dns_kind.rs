//! `dns` against a real BIND, and against servers that only look like one.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pointsman::health::observation::FaultClass::{Content, Garbage, Refused, Reset, Status, Timeout};
use pointsman::health::observation::Phase::{Body, Connect, FirstByte};
use pointsman::model::check::{CheckKind, DnsCheck, Rdata, Transport};
use pointsman::zone::rdata;
use tempfile::TempDir;
use tokio::net::UdpSocket;

use super::Expect::{self, Bad, Good};
use super::script::{self, Step};
use super::{hold, probe, target};

const BUDGET: Duration = Duration::from_secs(2);
const SHORT: Duration = Duration::from_millis(400);

/// A running named; ends with this.
struct Bind {
    process: Child,
    _folder: TempDir,
    address: SocketAddr,
}

impl Bind {
    fn start() -> Self {
        // It listens on addresses that interfaces have, hence on a port of its own.
        let address = Ipv4Addr::LOCALHOST;
        let free = std::net::TcpListener::bind((address, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().display();
        let long: String = (0..40)
            .map(|n| format!("long IN TXT \"{n} {}\"\n", "x".repeat(60)))
            .collect();
        std::fs::write(
            folder.path().join("a.zone"),
            format!(
                "$ORIGIN a.test.\n$TTL 60\n@ IN SOA ns h 1 3600 900 1209600 60\n@ IN NS ns\nns IN A 192.0.2.1\n\
                 www IN A 192.0.2.10\nwww IN A 192.0.2.11\nwww IN AAAA 2001:db8::10\nmail IN MX 10 Mx.a.test.\n\
                 alias IN CNAME www\nword IN TXT \"ok; all is well\"\nodd IN TYPE65280 \\# 2 0102\n{long}"
            ),
        )
        .unwrap();
        std::fs::write(
            folder.path().join("shut.zone"),
            "$TTL 60\n@ IN SOA ns h 1 3600 900 1209600 60\n@ IN NS ns.a.test.\nwww IN A 192.0.2.1\n",
        )
        .unwrap();
        std::fs::write(
            folder.path().join("named.conf"),
            format!(
                "options {{ directory \"{dir}\"; listen-on port {port} {{ {address}; }}; listen-on-v6 {{ none; }};
                   recursion no; dnssec-validation no; pid-file none; session-keyfile \"{dir}/session.key\"; }};
                 controls {{ }};
                 zone \"a.test\" {{ type primary; file \"a.zone\"; }};
                 zone \"broken.test\" {{ type primary; file \"missing.zone\"; }};
                 zone \"shut.test\" {{ type primary; file \"shut.zone\"; allow-query {{ none; }}; }};\n"
            ),
        )
        .unwrap();
        let process = Command::new("named")
            .args(["-f", "-c"])
            .arg(folder.path().join("named.conf"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("named is installed (Debian: bind9)");
        Self {
            process,
            _folder: folder,
            address: SocketAddr::from((address, port)),
        }
    }

    #[allow(clippy::disallowed_methods, reason = "a deadline of the test in real time")]
    async fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let seen = probe(&target(dns("www.a.test", "A", |_| {}), self.address), SHORT).await;
            if seen.finding.is_good() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "named does not start: {}",
                seen.evidence.text
            );
        }
    }
}

impl Drop for Bind {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn dns(name: &str, rtype: &str, change: impl FnOnce(&mut DnsCheck)) -> CheckKind {
    let mut check = DnsCheck {
        name: pointsman::wire::name::Name::from_text(name).unwrap(),
        rtype: rdata::type_number(rtype).unwrap(),
        transport: Transport::Udp,
        recursion: false,
        rcode: 0,
        expect: Vec::new(),
    };
    change(&mut check);
    CheckKind::Dns(Box::new(check))
}

/// Expects one of these data.
fn one_of(texts: &'static [&'static str]) -> impl FnOnce(&mut DnsCheck) {
    move |check| {
        check.expect = texts
            .iter()
            .map(|text| Rdata {
                text: (*text).to_owned(),
                wire: rdata::from_text(check.rtype, text).unwrap(),
            })
            .collect();
    }
}

#[tokio::test]
async fn a_real_servers_answers_are_judged_as_their_check_asks() {
    let bind = Bind::start();
    bind.wait_until_ready().await;
    let tcp = |check: &mut DnsCheck| check.transport = Transport::Tcp;
    #[rustfmt::skip]
    let cases: Vec<(&str, CheckKind, Expect)> = vec![
        ("an answer", dns("www.a.test", "A", |_| {}), Good("NOERROR, 192.0.2.1")),
        ("an answer over TCP", dns("www.a.test", "A", tcp), Good("NOERROR, 192.0.2.1")),
        ("an answer in any case", dns("WWW.a.TEST", "A", |_| {}), Good("NOERROR")),
        ("one of the expected", dns("www.a.test", "A", one_of(&["192.0.2.99", "192.0.2.11"])), Good("NOERROR")),
        ("none of the expected", dns("www.a.test", "A", one_of(&["192.0.2.99", "192.0.2.98"])), Bad(FirstByte, Content, ", expected 192.0.2.99 or 192.0.2.98")),
        ("another family", dns("www.a.test", "AAAA", one_of(&["2001:DB8:0::10"])), Good("NOERROR, 2001:db8::10")),
        ("a name within data, in another case", dns("mail.a.test", "MX", one_of(&["10 mx.A.test."])), Good("NOERROR, 10 ")),
        ("text with a semicolon", dns("word.a.test", "TXT", one_of(&["\"ok; all is well\""])), Good("NOERROR")),
        ("a type that nobody knows", dns("odd.a.test", "TYPE65280", one_of(&["\\# 2 0102"])), Good("NOERROR")),
        ("behind an alias", dns("alias.a.test", "A", one_of(&["192.0.2.10"])), Good("NOERROR")),
        ("no data", dns("www.a.test", "TXT", |_| {}), Bad(FirstByte, Content, "NOERROR, but no TXT in the answer")),
        ("no data, but some expected", dns("www.a.test", "TXT", one_of(&["x"])), Bad(FirstByte, Content, "answer holds no TXT, expected x")),
        ("no such name", dns("no.a.test", "A", |_| {}), Bad(FirstByte, Status, "NXDOMAIN, expected NOERROR")),
        ("no such name, as expected", dns("no.a.test", "A", |c| c.rcode = 3), Good("NXDOMAIN")),
        ("not its zone", dns("b.test", "A", |_| {}), Bad(FirstByte, Status, "REFUSED, expected NOERROR")),
        ("a zone that is shut", dns("www.shut.test", "A", |_| {}), Bad(FirstByte, Status, "REFUSED")),
        ("a zone that is broken", dns("www.broken.test", "A", |_| {}), Bad(FirstByte, Status, "SERVFAIL, expected NOERROR")),
        ("a zone that is broken, over TCP", dns("www.broken.test", "A", tcp), Bad(Body, Status, "SERVFAIL")),
        ("too long for UDP", dns("long.a.test", "TXT", |_| {}), Good("37 more")),
        ("recursion that is not offered", dns("www.a.test", "A", |c| c.recursion = true), Good("NOERROR")),
    ];
    let mut wrong = Vec::new();
    for (case, kind, wanted) in cases {
        let seen = probe(&target(kind, bind.address), BUDGET).await;
        wrong.extend(hold(case, &seen, &wanted).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is answered to a question.
type Answers = fn(&[u8]) -> Vec<Vec<u8>>;

/// A server over UDP: what it answers to a question, by its octets; nothing: silence.
async fn answers(with: Answers) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut heard = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut heard).await {
            for answer in with(&heard[..length]) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    address
}

/// The question as its own answer, empty.
fn echoed(question: &[u8]) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    answer
}

#[tokio::test]
async fn servers_that_are_none_are_told_apart() {
    let kind = || dns("www.a.test", "A", |_| {});
    let over_tcp = || dns("www.a.test", "A", |check| check.transport = Transport::Tcp);
    #[rustfmt::skip]
    let datagrams: Vec<(&str, Answers, Expect)> = vec![
        ("silence", |_| vec![], Bad(FirstByte, Timeout, "timeout after 0.400 s while waiting for an answer")),
        ("an empty answer", |q| vec![echoed(q)], Bad(FirstByte, Content, "NOERROR, but no A in the answer")),
        ("the question itself", |q| vec![q.to_vec()], Bad(FirstByte, Garbage, "the answer is none to this question")),
        ("something else", |_| vec![b"\0\0HTTP/1.1 400".to_vec()], Bad(FirstByte, Garbage, "the answer is none to this question; it begins with `\\x00\\x00HTTP")),
        ("another number", |q| { let mut a = echoed(q); a[1] ^= 1; vec![a] }, Bad(FirstByte, Garbage, "none to this question")),
        ("a forgery, then the answer", |q| { let mut a = echoed(q); a[0] ^= 1; vec![a, echoed(q)] }, Bad(FirstByte, Content, "NOERROR, but no A")),
        ("another question", |q| { let mut a = echoed(q); a[13] = b'x'; vec![a] }, Bad(FirstByte, Garbage, "none to this question")),
        ("half an answer", |q| vec![echoed(q)[..20].to_vec()], Bad(FirstByte, Garbage, "the answer is not DNS")),
        ("truncated, and nobody at TCP", |q| { let mut a = echoed(q); a[2] |= 2; vec![a] }, Bad(Connect, Refused, "connection refused")),
    ];
    let mut wrong = Vec::new();
    for (case, with, wanted) in datagrams {
        let seen = probe(&target(kind(), answers(with).await), SHORT).await;
        wrong.extend(hold(case, &seen, &wanted).err());
    }
    // Nobody at all: the system says so for a datagram, too.
    let nobody = UdpSocket::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let seen = probe(&target(kind(), nobody), SHORT).await;
    wrong.extend(hold("nobody", &seen, &Bad(FirstByte, Refused, "connection refused")).err());
    #[rustfmt::skip]
    let streams = vec![
        ("TCP: silence", vec![Step::Hear, Step::Silence], Bad(FirstByte, Timeout, "while waiting for an answer")),
        ("TCP: goodbye", vec![Step::Hear], Bad(FirstByte, Reset, "connection closed by the endpoint before an answer")),
        ("TCP: half", vec![Step::Hear, Step::Say(b"\x00\x40half")], Bad(Body, Reset, "connection closed after 4 of 64 octets of the answer")),
        ("TCP: slow", vec![Step::Hear, Step::Say(b"\x00\x40"), Step::Drip(&[0; 64], Duration::from_millis(30))], Bad(Body, Timeout, "while reading the answer")),
        ("TCP: garbage", vec![Step::Hear, Step::Say(b"\x00\x04mail"), Step::Silence], Bad(Body, Garbage, "the answer is not DNS; it begins with `mail`")),
    ];
    for (case, steps, wanted) in streams {
        let seen = probe(&target(over_tcp(), script::play(steps).await), SHORT).await;
        wrong.extend(hold(case, &seen, &wanted).err());
    }
    let (address, _listening) = script::full().await;
    let seen = probe(&target(over_tcp(), address), SHORT).await;
    wrong.extend(hold("TCP: full", &seen, &Bad(Connect, Timeout, "while connecting")).err());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
