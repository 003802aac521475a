//! One corpus by all ways: the same octets, but for the message ID and what only UDP limits.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use tokio::net::TcpStream;

use super::clients::{Site, ask, ask_quic, opt, query};

const RECORDS: &str = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n@ NS ns1\n@ NS ns.elsewhere.test.\n@ MX 10 mail\n\
    ns1 A 192.0.2.53\nns1 AAAA 2001:db8::53\nmail A 192.0.2.25\nwww 60 A 192.0.2.80\nwww AAAA 2001:db8::80\n\
    alias CNAME www\nchain CNAME alias\nout CNAME www.elsewhere.test.\nhang CNAME nothing\n*.wild TXT \"any\"\n\
    sub NS ns.sub\nns.sub A 192.0.2.54\nsub DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000\n\
    old DNAME www\n_sip._tcp SRV 1 2 5060 mail\n@ CAA 0 issue \"ca.test\"\nsvc HTTPS 1 . alpn=\"h2\" ipv4hint=192.0.2.80\n\
    deep.er.name TXT \"x\"\n";

fn records() -> String {
    let mut text = RECORDS.to_owned();
    for index in 0..120 {
        text += &format!("large TXT \"{index:03} {}\"\n", "y".repeat(40));
        text += &format!("many A 198.51.100.{index}\n");
    }
    text
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let names = [
        "example.test",
        "www.example.test",
        "WwW.ExAmPlE.tEsT",
        "alias.example.test",
        "chain.example.test",
        "out.example.test",
        "hang.example.test",
        "no.example.test",
        "a.wild.example.test",
        "x.sub.example.test",
        "sub.example.test",
        "x.old.example.test",
        "_sip._tcp.example.test",
        "svc.example.test",
        "er.name.example.test",
        "large.example.test",
        "many.example.test",
        "elsewhere.test",
        "",
    ];
    let types = [1, 2, 5, 6, 15, 16, 28, 33, 43, 48, 64, 65, 255, 257, 65_280];
    let opts = [
        ("no OPT", None),
        ("OPT", Some(opt(1232, 0, false, b""))),
        ("DO and NSID", Some(opt(4096, 0, true, b"\0\x03\0\0"))),
        (
            "subnet",
            Some(opt(512, 0, false, b"\0\x08\0\x07\0\x01\x18\0\xc0\0\x02")),
        ),
        ("version 1", Some(opt(1232, 1, false, b""))),
        ("unknown option", Some(opt(1232, 0, false, b"\xfd\xe9\0\x02ab"))),
        ("malformed option", Some(opt(1232, 0, false, b"\0\x03\0\x09"))),
    ];
    let mut corpus = Vec::new();
    for name in names {
        for qtype in types {
            for (what, opt) in &opts {
                corpus.push((
                    format!("{name} {qtype} {what}"),
                    query(name, qtype, opt.as_deref()),
                ));
            }
        }
    }
    let mut chaos = query("version.bind", 16, None);
    let end = chaos.len();
    chaos[end - 1] = 3;
    corpus.push(("version.bind CH".into(), chaos));
    let mut opcode = query("example.test", 6, None);
    opcode[2] = 2 << 3;
    corpus.push(("STATUS".into(), opcode));
    let mut twice = query("example.test", 6, None);
    twice[5] = 2;
    corpus.push(("two questions, one there".into(), twice));
    let mut cut = query("example.test", 6, None);
    cut.truncate(18);
    corpus.push(("cut off".into(), cut));
    corpus
}

fn udp(server: SocketAddr, query: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.send(query).unwrap();
    let mut octets = [0; 65_535];
    let length = socket.recv(&mut octets).unwrap();
    octets[..length].to_vec()
}

/// With the ID of the query, which QUIC and HTTPS have at 0.
fn with_id(mut answer: Vec<u8>, query: &[u8]) -> Vec<u8> {
    assert_eq!(answer[..2], [0, 0]);
    answer[..2].copy_from_slice(&query[..2]);
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transport_gives_the_same_octets() {
    let site = Site::new("");
    site.folder.write("zones/example.test.records", &records());
    let server = site.start();
    let mut tcp = TcpStream::connect(server.dns).await.unwrap();
    let mut tls = site.tls().await;
    let quic = site.quic().await;
    let web = site.web();
    let (mut truncated, mut sizes) = (0, BTreeSet::new());
    for (what, query) in corpus() {
        let expected = ask(&mut tcp, &query).await.unwrap();
        let by_udp = udp(server.dns, &query);
        if by_udp[2] & 2 == 0 {
            assert_eq!(by_udp, expected, "UDP and TCP: {what}");
        } else {
            truncated += 1;
        }
        sizes.insert(expected.len());
        assert_eq!(ask(&mut tls, &query).await.unwrap(), expected, "TLS: {what}");
        let mut over_quic = ask_quic(&quic, &query).await;
        assert_eq!(over_quic.len(), 1, "QUIC: {what}");
        assert_eq!(with_id(over_quic.remove(0), &query), expected, "QUIC: {what}");
        let mut zero = query.clone();
        zero[..2].fill(0);
        let get = format!("{}?dns={}", site.url(), BASE64URL_NOPAD.encode(&zero));
        let post = web
            .post(site.url())
            .header("content-type", "application/dns-message")
            .body(zero);
        for (how, request) in [("GET", web.get(get)), ("POST", post)] {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200, "{how}: {what}");
            assert_eq!(response.version(), reqwest::Version::HTTP_2);
            assert_eq!(response.headers()["content-type"], "application/dns-message");
            let body = response.bytes().await.unwrap().to_vec();
            assert_eq!(with_id(body, &query), expected, "{how}: {what}");
        }
    }
    assert!(
        truncated > 0 && sizes.last().is_some_and(|largest| *largest > 4096),
        "{sizes:?}"
    );
}

/// The sections of what `kdig` prints.
fn sections(printed: &str) -> Vec<String> {
    printed
        .lines()
        .filter(|line| !line.starts_with(";; ") || line.contains("Flags:") || line.contains("SECTION"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn kdig_and_curl_agree_with_udp() {
    let site = Site::new("");
    site.folder.write("zones/example.test.records", &records());
    let server = site.start();
    let kdig = |more: &[&str], port: u16| {
        let output = Command::new("kdig")
            .args([
                "@127.0.0.1",
                "-p",
                &port.to_string(),
                "+nopadding",
                "+noedns",
                "+norec",
            ])
            .args(more)
            .output();
        output
            .ok()
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let questions = [
        "www.example.test A",
        "example.test MX",
        "no.example.test A",
        "many.example.test A",
    ];
    for question in questions {
        let question: Vec<&str> = question.split(' ').collect();
        let Some(plain) = kdig(&[&["+tcp"], &question[..]].concat(), server.dns.port()) else {
            eprintln!("kdig is not here");
            return;
        };
        assert!(plain.contains("QUESTION SECTION"), "{plain}");
        for (how, port) in [
            ("+tls", site.port),
            ("+quic", site.port),
            ("+https", site.https.port()),
            ("+https-get", site.https.port()),
        ] {
            let answer = kdig(&[&[how], &question[..]].concat(), port).unwrap();
            if answer.is_empty() && how == "+quic" {
                // Built without.
                continue;
            }
            assert_eq!(sections(&answer), sections(&plain), "{how}");
        }
    }
    let mut question = query("www.example.test", 1, None);
    question[..2].fill(0);
    let url = format!("{}?dns={}", site.url(), BASE64URL_NOPAD.encode(&question));
    for version in ["--http1.1", "--http2"] {
        let fetched = Command::new("curl")
            .args(["-s", "--fail", version, "--cacert"])
            .arg(site.folder.path("dns.pem"))
            .arg(&url)
            .output();
        let Ok(fetched) = fetched else { return };
        assert!(fetched.status.success());
        assert_eq!(fetched.stdout, udp(server.dns, &question), "curl {version}");
    }
}
