//! `http` against a real nginx, and against servers that misbehave.

use std::time::Duration;

use pointsman::health::observation::FaultClass::{Content, Garbage, Refused, Reset, Status, Timeout};
use pointsman::health::observation::Phase::{Body, Connect, FirstByte};
use pointsman::model::check::{BodyMatch, CheckKind, HttpCheck, HttpVersion, Scalar};

use super::Expect::{self, Bad, Good};
use super::nginx::{H2C, HTTP, Nginx};
use super::script::{self, Step};
use super::{hold, http, probe, target};

const BUDGET: Duration = Duration::from_secs(2);

type Change = fn(&mut HttpCheck);

fn text(part: &str) -> Option<BodyMatch> {
    Some(BodyMatch::Substring(part.to_owned()))
}

fn regex(pattern: &str) -> Option<BodyMatch> {
    Some(BodyMatch::Regex(pattern.to_owned()))
}

fn json(pointer: &str, equals: Option<Scalar>) -> Option<BodyMatch> {
    let pointer = pointer.to_owned();
    Some(BodyMatch::Json { pointer, equals })
}

#[rustfmt::skip]
fn sites() -> Vec<(&'static str, u16, &'static str, Change, Expect)> {
    vec![
        ("a page", HTTP, "/ok", |_| {}, Good("status 200")),
        ("a page that says what it should", HTTP, "/ok", |c| c.body = text("is ok"), Good("status 200")),
        ("a page that says something else", HTTP, "/ok", |c| c.body = text("fine"), Bad(Body, Content, "body does not contain `fine`")),
        ("a page that matches", HTTP, "/ok", |c| c.body = regex("^all .* ok\\s$"), Good("status 200")),
        ("a page that does not match", HTTP, "/ok", |c| c.body = regex("^ok"), Bad(Body, Content, "body does not match `^ok`")),
        ("JSON with the value", HTTP, "/json", |c| c.body = json("/status", Some(Scalar::Text("ok".to_owned()))), Good("status 200")),
        ("JSON with the value, deep within", HTTP, "/json", |c| c.body = json("/checks/0/up", Some(Scalar::Boolean(true))), Good("status 200")),
        ("JSON with another value", HTTP, "/json", |c| c.body = json("/lag", Some(Scalar::Integer(0))), Bad(Body, Content, "`/lag` is 2, expected 0")),
        ("JSON with a value of another type", HTTP, "/json", |c| c.body = json("/lag", Some(Scalar::Text("2".to_owned()))), Bad(Body, Content, "`/lag` is 2, expected \"2\"")),
        ("JSON without the value", HTTP, "/json", |c| c.body = json("/checks/1", None), Bad(Body, Content, "body has nothing at `/checks/1`")),
        ("JSON behind a redirect", HTTP, "/to-json", |c| { c.follow_redirects = true; c.body = json("/status", None); }, Good("status 200")),
        ("no JSON", HTTP, "/ok", |c| c.body = json("/status", None), Bad(Body, Content, "body is not JSON: expected value at line 1 column 1")),
        ("no JSON, but nothing", HTTP, "/empty", |c| c.body = json("/status", None), Bad(Body, Content, "body is empty, it is not JSON")),
        ("too much for JSON", HTTP, "/big.txt", |c| c.body = json("/status", None), Bad(Body, Content, "the body is no less than 65536 octets, too long to be judged as JSON")),
        ("an empty answer", HTTP, "/empty", |_| {}, Good("status 204")),
        ("an empty answer that should say something", HTTP, "/empty", |c| c.body = text("ok"), Bad(Body, Content, "body is empty, it does not contain `ok`")),
        ("out of order", HTTP, "/503", |_| {}, Bad(FirstByte, Status, "status 503, expected 200-299")),
        ("out of order, as expected", HTTP, "/503", |c| c.status = vec![(500, 599)], Good("status 503")),
        ("a teapot", HTTP, "/teapot", |c| c.status = vec![(200, 200), (301, 302)], Bad(FirstByte, Status, "status 418, expected 200, 301-302")),
        ("not there", HTTP, "/nowhere", |_| {}, Bad(FirstByte, Status, "status 404")),
        ("closed without an answer", HTTP, "/closed", |_| {}, Bad(FirstByte, Reset, "connection closed by the endpoint before an answer")),
        ("a redirect is a status", HTTP, "/redirect", |_| {}, Bad(FirstByte, Status, "status 302, expected 200-299")),
        ("a redirect may be what is expected", HTTP, "/redirect", |c| c.status = vec![(302, 302)], Good("status 302")),
        ("a redirect that is followed", HTTP, "/redirect", |c| { c.follow_redirects = true; c.body = text("all is ok"); }, Good("status 200")),
        ("a relative redirect", HTTP, "/relative", |c| { c.follow_redirects = true; c.body = text("all is ok"); }, Good("status 200")),
        ("a loop", HTTP, "/loop", |c| c.follow_redirects = true, Bad(FirstByte, Status, "status 302: more than 5 redirects")),
        ("a redirect to another address", HTTP, "/away", |c| c.follow_redirects = true, Bad(FirstByte, Status, "status 302 redirects to 192.0.2.9, which is another address")),
        ("a redirect to another protocol", HTTP, "/ftp", |c| c.follow_redirects = true, Bad(FirstByte, Status, "which is no address of HTTP")),
        ("a redirect to another name stays here", HTTP, "/elsewhere", |c| { c.follow_redirects = true; c.body = text("the other site"); }, Good("status 200")),
        ("a redirect to a closed port", HTTP, "/to-nobody", |c| c.follow_redirects = true, Bad(Connect, Refused, "connection refused")),
        ("303 after POST is GET", HTTP, "/see-other", |c| { c.follow_redirects = true; c.method = "POST".to_owned(); c.body = text("GET"); }, Good("status 200")),
        ("HEAD", HTTP, "/ok", |c| c.method = "HEAD".to_owned(), Good("status 200")),
        ("HEAD of a big file", HTTP, "/big.txt", |c| c.method = "HEAD".to_owned(), Good("status 200")),
        ("OPTIONS", HTTP, "/method", |c| { c.method = "OPTIONS".to_owned(); c.body = text("OPTIONS"); }, Good("status 200")),
        ("who asks, and that nothing else is offered", HTTP, "/agent", |c| c.body = regex(r"^\[pointsman/\S+ \(health check\)\] \[\] \[\] \[close\]"), Good("status 200")),
        ("the address is the name when there is none", HTTP, "/host", |c| c.body = regex(r"^\[127\.[0-9.]+:15600\] HTTP/1\.1"), Good("status 200")),
        ("a name of its own", HTTP, "/host", |c| { c.host = Some("good.test".to_owned()); c.body = text("[good.test]"); }, Good("status 200")),
        ("a name selects the site", HTTP, "/", |c| { c.host = Some("other.test".to_owned()); c.body = text("the other site"); }, Good("status 200")),
        ("a name that is an address elsewhere", HTTP, "/host", |c| { c.host = Some("192.0.2.9".to_owned()); c.body = text("[192.0.2.9]"); }, Good("status 200")),
        ("a query", HTTP, "/query?deep=1&x=%20", |c| c.body = text("[deep=1&x=%20]"), Good("status 200")),
        ("headers", HTTP, "/header", |c| { c.headers = vec![("X-Token".to_owned(), "s3cret".to_owned()), ("x-other".to_owned(), "b".to_owned())]; c.body = text("[s3cret] [b]"); }, Good("status 200")),
        ("a big body", HTTP, "/big.txt", |_| {}, Good("status 200")),
        ("a big body, the beginning", HTTP, "/big.txt", |c| c.body = text("0123"), Good("status 200")),
        ("a big body, past the limit", HTTP, "/big.txt", |c| c.body = text("the end"), Bad(Body, Content, "the first 65536 octets of the body do not contain `the end`")),
        ("a chunked body", HTTP, "/chunked", |c| c.body = text("f0123"), Good("status 200")),
        ("a slow body", HTTP, "/slow.txt", |c| c.body = text("the end"), Bad(Body, Timeout, "timeout after 2.000 s while reading the answer (")),
        ("HTTP/2 without TLS", H2C, "/host", |c| { c.version = HttpVersion::Http2; c.host = Some("good.test".to_owned()); c.body = text("HTTP/2.0"); }, Good("status 200")),
        ("HTTP/2 without TLS, out of order", H2C, "/503", |c| c.version = HttpVersion::Http2, Bad(FirstByte, Status, "status 503")),
        ("HTTP/2 without TLS, big", H2C, "/big.txt", |c| { c.version = HttpVersion::Http2; c.body = text("the end"); }, Bad(Body, Content, "the first 65536 octets")),
        ("HTTP/2 without TLS, HEAD", H2C, "/big.txt", |c| { c.version = HttpVersion::Http2; c.method = "HEAD".to_owned(); }, Good("status 200")),
        ("HTTP/2 to whom speaks HTTP/1.1", HTTP, "/ok", |c| c.version = HttpVersion::Http2, Bad(FirstByte, Garbage, "the answer is not HTTP/2; it begins with `HTTP/1.1 400 Bad Request")),
        ("HTTP/1.1 to whom speaks HTTP/2", H2C, "/ok", |_| {}, Bad(FirstByte, Garbage, "the answer is not HTTP")),
        ("any version without TLS is HTTP/1.1", HTTP, "/host", |c| { c.version = HttpVersion::Any; c.body = text("HTTP/1.1"); }, Good("status 200")),
        ("a setting that cannot be asked", HTTP, "/ok", |c| c.method = "GE T".to_owned(), Bad(Connect, pointsman::health::observation::FaultClass::Local, "method `GE T`")),
    ]
}

#[tokio::test]
async fn sites_of_a_real_server_are_judged_as_their_check_asks() {
    let nginx = Nginx::start();
    let mut wrong = Vec::new();
    for (case, port, path, change, wanted) in sites() {
        let seen = probe(&target(http(path, change), nginx.at(port)), BUDGET).await;
        wrong.extend(hold(case, &seen, &wanted).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[rustfmt::skip]
fn scripts() -> Vec<(&'static str, Vec<Step>, CheckKind, Expect)> {
    use Step::{Drip, Endless, Hear, HearRequest, Reset as Rst, Say, Silence};
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n";
    const PAUSE: Duration = Duration::from_millis(30);
    let get = || http("/", |_| {});
    let wants = |part: &'static str| http("/", move |check| check.body = text(part));
    let h2 = || http("/", |check| check.version = HttpVersion::Http2);
    vec![
        ("accepts, then silence", vec![Silence], get(), Bad(FirstByte, Timeout, "timeout after 0.500 s while waiting for an answer")),
        ("accepts, then goodbye", vec![], get(), Bad(FirstByte, Reset, "before an answer")),
        ("hears, then goodbye", vec![HearRequest], get(), Bad(FirstByte, Reset, "connection closed by the endpoint before an answer")),
        ("hears, then a reset", vec![HearRequest, Rst], get(), Bad(FirstByte, Reset, "connection reset by the endpoint before an answer")),
        ("another protocol", vec![Say(b"SSH-2.0-OpenSSH_9.2\r\n"), Silence], get(), Bad(FirstByte, Garbage, "the answer is not HTTP; it begins with `SSH-2.0-OpenSSH_9.2\\r\\n`")),
        ("TLS where none is expected", vec![Hear, Say(b"\x15\x03\x01\x00\x02\x02\x46")], get(), Bad(FirstByte, Garbage, "the answer is not HTTP; it begins with `\\x15\\x03")),
        ("a status line of nonsense", vec![HearRequest, Say(b"HTTP/1.1 banana\r\n\r\n"), Silence], get(), Bad(FirstByte, Garbage, "not HTTP")),
        ("a header of nonsense", vec![HearRequest, Say(b"HTTP/1.1 200 OK\r\n\0\0: x\r\n\r\n"), Silence], get(), Bad(FirstByte, Garbage, "not HTTP")),
        ("HTTP/0.9", vec![HearRequest, Say(b"<html>hello</html>\n")], get(), Bad(FirstByte, Garbage, "not HTTP")),
        ("HTTP/1.0", vec![HearRequest, Say(b"HTTP/1.0 200 OK\r\n\r\nold but ok")], wants("but ok"), Good("status 200")),
        ("a header that drips", vec![HearRequest, Drip(b"HTTP/1.1 200 OK\r\nServer: slowloris\r\nX: y\r\n\r\n", PAUSE), Silence], get(), Bad(FirstByte, Timeout, "timeout after 0.500 s while reading the header (")),
        ("half a header, then goodbye", vec![HearRequest, Say(b"HTTP/1.1 200 OK\r\nServ")], get(), Bad(FirstByte, Reset, "connection closed within the header, after 21 octets")),
        ("half a header, then a reset", vec![HearRequest, Say(b"HTTP/1.1 200 OK\r\nServ"), Rst], get(), Bad(FirstByte, Reset, "connection")),
        ("an endless header", vec![HearRequest, Say(HEAD), Endless(b"X-Filler: 0123456789012345678901234567890123456789\r\n")], get(), Bad(FirstByte, Garbage, "the header of the answer is too long")),
        ("a header without end", vec![HearRequest, Say(HEAD), Say(b"X: "), Endless(b"0123456789012345678901234567890123456789")], get(), Bad(FirstByte, Garbage, "the header of the answer is too long")),
        ("half a body, then goodbye", vec![HearRequest, Say(HEAD), Say(b"Content-Length: 100\r\n\r\nonly this")], get(), Bad(Body, Reset, "connection closed after 9 of 100 octets of the body")),
        ("half a body, then silence", vec![HearRequest, Say(HEAD), Say(b"Content-Length: 100\r\n\r\nonly this"), Silence], get(), Bad(Body, Timeout, "while reading the answer (9 octets came)")),
        ("half a chunked body, then goodbye", vec![HearRequest, Say(HEAD), Say(b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")], get(), Bad(Body, Reset, "connection closed within the body, after 5 octets")),
        ("chunks of nonsense", vec![HearRequest, Say(HEAD), Say(b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"), Silence], get(), Bad(Body, Garbage, "within the body")),
        ("a body until goodbye", vec![HearRequest, Say(HEAD), Say(b"\r\nall the rest is ok")], wants("is ok"), Good("status 200")),
        ("an endless body", vec![HearRequest, Say(HEAD), Say(b"\r\n"), Endless(b"0123456789abcdef")], get(), Good("status 200")),
        ("an endless body without the expected", vec![HearRequest, Say(HEAD), Say(b"\r\n"), Endless(b"0123456789abcdef")], wants("ok"), Bad(Body, Content, "the first 65536 octets of the body do not contain `ok`")),
        ("an endless body with the expected", vec![HearRequest, Say(HEAD), Say(b"\r\n is ok "), Silence], wants("is ok"), Good("status 200")),
        ("an endless drip", vec![HearRequest, Say(HEAD), Say(b"\r\n"), Drip(&[b'x'; 1000], PAUSE)], get(), Bad(Body, Timeout, "while reading the answer (")),
        ("a refusal whose body never ends", vec![HearRequest, Say(b"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nwhy"), Silence], get(), Bad(FirstByte, Status, "status 500, expected 200-299")),
        ("a refusal whose body breaks off", vec![HearRequest, Say(b"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nwhy")], get(), Bad(FirstByte, Status, "status 500")),
        ("early hints, then the answer", vec![HearRequest, Say(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Silence], wants("ok"), Good("status 200")),
        ("please continue, for ever", vec![HearRequest, Say(b"HTTP/1.1 100 Continue\r\n\r\n"), Silence], get(), Bad(FirstByte, Timeout, "timeout after 0.500 s")),
        ("please continue, then goodbye", vec![HearRequest, Say(b"HTTP/1.1 100 Continue\r\n\r\n")], get(), Bad(FirstByte, Reset, "connection closed")),
        ("other protocols that nobody asked for", vec![HearRequest, Say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), Silence], get(), Bad(FirstByte, Status, "status 101, expected 200-299")),
        ("no content, although some follows", vec![HearRequest, Say(b"HTTP/1.1 204 No Content\r\n\r\nbut here it is"), Silence], wants("here"), Bad(Body, Content, "body is empty")),
        ("no content, with a length", vec![HearRequest, Say(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"), Silence], get(), Good("status 204")),
        ("not modified, with a length", vec![HearRequest, Say(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), Silence], http("/", |c| c.status = vec![(304, 304)]), Good("status 304")),
        ("HEAD with a length and nothing else", vec![HearRequest, Say(HEAD), Say(b"Content-Length: 100\r\n\r\n"), Silence], http("/", |c| c.method = "HEAD".to_owned()), Good("status 200")),
        ("HEAD with a body all the same", vec![HearRequest, Say(HEAD), Say(b"Content-Length: 4\r\n\r\noops"), Silence], http("/", |c| c.method = "HEAD".to_owned()), Good("status 200")),
        ("a length of nothing", vec![HearRequest, Say(HEAD), Say(b"Content-Length: 0\r\n\r\n"), Silence], wants("ok"), Bad(Body, Content, "body is empty")),
        ("a length that is no number", vec![HearRequest, Say(HEAD), Say(b"Content-Length: many\r\n\r\nok"), Silence], get(), Bad(FirstByte, Garbage, "not HTTP")),
        ("a length below nothing", vec![HearRequest, Say(HEAD), Say(b"Content-Length: -1\r\n\r\nok"), Silence], get(), Bad(FirstByte, Garbage, "not HTTP")),
        ("more than the length", vec![HearRequest, Say(HEAD), Say(b"Content-Length: 2\r\n\r\nokmore"), Silence], wants("more"), Bad(Body, Content, "body does not contain `more`")),
        ("a long length, the expected early", vec![HearRequest, Say(HEAD), Say(b"Content-Length: 99999999999\r\n\r\nis ok"), Silence], wants("is ok"), Good("status 200")),
        ("a length and chunks", vec![HearRequest, Say(HEAD), Say(b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), Silence], wants("ok"), Good("status 200")),
        ("chunks with trailers", vec![HearRequest, Say(HEAD), Say(b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"), Silence], wants("ok"), Good("status 200")),
        ("chunks with extensions", vec![HearRequest, Say(HEAD), Say(b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n"), Silence], wants("ok"), Good("status 200")),
        ("a chunk larger than anything", vec![HearRequest, Say(HEAD), Say(b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nok\r\n"), Silence], get(), Bad(Body, Garbage, "within the body")),
        ("a chunk without its end", vec![HearRequest, Say(HEAD), Say(b"Transfer-Encoding: chunked\r\n\r\n2\r\nokXX0\r\n\r\n"), Silence], get(), Bad(Body, Garbage, "within the body")),
        ("chunks without the last", vec![HearRequest, Say(HEAD), Say(b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"), Silence], wants("no"), Bad(Body, Timeout, "while reading the answer (2 octets came)")),
        ("the expected across chunks", vec![HearRequest, Say(HEAD), Say(b"Transfer-Encoding: chunked\r\n\r\n3\r\nis \r\n2\r\nok\r\n0\r\n\r\n"), Silence], wants("is ok"), Good("status 200")),
        ("a match across chunks", vec![HearRequest, Say(HEAD), Say(b"Transfer-Encoding: chunked\r\n\r\n3\r\nis \r\n2\r\nok\r\n0\r\n\r\n"), Silence], http("/", |c| c.body = regex("^is +ok$")), Good("status 200")),
        ("JSON across chunks", vec![HearRequest, Say(HEAD), Say(b"Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n5\r\n true\r\n1\r\n}\r\n0\r\n\r\n"), Silence], http("/", |c| c.body = json("/a", Some(Scalar::Boolean(true)))), Good("status 200")),
        ("JSON that breaks off", vec![HearRequest, Say(HEAD), Say(b"\r\n{\"a\": tr")], http("/", |c| c.body = json("/a", None)), Bad(Body, Content, "body is not JSON: EOF while parsing")),
        ("JSON after a mark of byte order", vec![HearRequest, Say(HEAD), Say(b"\r\n\xef\xbb\xbf{\"a\": 1}")], http("/", |c| c.body = json("/a", None)), Bad(Body, Content, "body is not JSON")),
        ("a compressed body is left alone", vec![HearRequest, Say(HEAD), Say(b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0ok")], wants("ok"), Good("status 200")),
        ("a redirect without a place", vec![HearRequest, Say(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), Silence], http("/", |c| c.follow_redirects = true), Bad(FirstByte, Status, "status 302, expected 200-299")),
        ("a redirect to nonsense", vec![HearRequest, Say(b"HTTP/1.1 302 Found\r\nLocation: http://[::\r\nContent-Length: 0\r\n\r\n"), Silence], http("/", |c| c.follow_redirects = true), Bad(FirstByte, Status, "which is no address of HTTP")),
        ("a redirect in circles", vec![HearRequest, Say(b"HTTP/1.1 307 Again\r\nLocation: ?again\r\nContent-Length: 0\r\n\r\n")], http("/", |c| c.follow_redirects = true), Bad(FirstByte, Status, "status 307: more than 5 redirects")),
        ("an unknown version", vec![HearRequest, Say(b"HTTP/3.1 200 OK\r\n\r\n"), Silence], get(), Bad(FirstByte, Garbage, "not HTTP")),
        ("a status past all", vec![HearRequest, Say(b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"), Silence], get(), Bad(FirstByte, Status, "status 999, expected 200-299")),
        ("a status of two digits", vec![HearRequest, Say(b"HTTP/1.1 20 OK\r\n\r\n"), Silence], get(), Bad(FirstByte, Garbage, "not HTTP")),
        ("a status without words", vec![HearRequest, Say(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), Silence], get(), Good("status 200")),
        ("lines that end early", vec![HearRequest, Say(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), Silence], wants("ok"), Good("status 200")),
        ("HTTP/2 that answers HTTP/1.1", vec![Hear, Say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Silence], h2(), Bad(FirstByte, Garbage, "the answer is not HTTP/2")),
        ("HTTP/2 that resets the stream", vec![Hear, Say(b"\0\0\0\x04\0\0\0\0\0"), Say(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x02"), Silence], h2(), Bad(FirstByte, Reset, "the endpoint ended the HTTP/2 stream")),
        ("HTTP/2 that only settles", vec![Hear, Say(b"\0\0\0\x04\0\0\0\0\0"), Silence], h2(), Bad(FirstByte, Timeout, "timeout after 0.500 s")),
        ("please continue, then the answer", vec![HearRequest, Say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Silence], get(), Good("status 200")),
        ("two lengths", vec![HearRequest, Say(HEAD), Say(b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), Silence], get(), Bad(FirstByte, Garbage, "not HTTP")),
        ("HTTP/2 with silence", vec![Silence], h2(), Bad(FirstByte, Timeout, "while waiting for an answer")),
        ("HTTP/2 with goodbye", vec![Hear], h2(), Bad(FirstByte, Reset, "before an answer")),
        ("HTTP/2 with a reset", vec![Hear, Rst], h2(), Bad(FirstByte, Reset, "before an answer")),
        ("HTTP/2 with a greeting of mail", vec![Say(b"220 mail.example.test ESMTP\r\n"), Silence], h2(), Bad(FirstByte, Garbage, "the answer is not HTTP/2; it begins with `220 mail")),
        ("HTTP/2 that goes away", vec![Hear, Say(b"\0\0\0\x04\0\0\0\0\0"), Say(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b"), Silence], h2(), Bad(FirstByte, Reset, "the endpoint ended the HTTP/2 stream")),
    ]
}

#[tokio::test]
async fn servers_that_misbehave_are_told_apart() {
    let mut wrong = Vec::new();
    for (case, steps, kind, wanted) in scripts() {
        let address = script::play(steps).await;
        let seen = probe(&target(kind, address), Duration::from_millis(500)).await;
        wrong.extend(hold(case, &seen, &wanted).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_evidence_of_a_refusal_is_its_status_and_the_beginning_of_its_body() {
    let nginx = Nginx::start();
    let seen = probe(&target(http("/503", |_| {}), nginx.at(HTTP)), BUDGET).await;
    assert_eq!(seen.evidence.status, Some(503));
    assert_eq!(seen.evidence.body, b"out of order\n");
    assert_eq!(seen.evidence.certificate_expiry, None);
    let seen = probe(
        &target(http("/big.txt", |check| check.body = text("no")), nginx.at(HTTP)),
        BUDGET,
    )
    .await;
    assert_eq!(seen.evidence.body.len(), 256);
    let phases = seen.phases;
    assert_eq!((phases.resolve, phases.tls), (None, None));
    let parts = [phases.connect, phases.first_byte, phases.body].map(Option::unwrap);
    assert!(parts.iter().sum::<Duration>() <= phases.total, "{phases:?}");
}

#[tokio::test]
async fn a_refusing_port_and_a_full_queue_are_told_apart() {
    let get = || http("/", |_| {});
    let (address, _taken) = script::nobody();
    let seen = probe(&target(get(), address), BUDGET).await;
    hold("nobody", &seen, &Bad(Connect, Refused, "connection refused")).unwrap();
    let (address, _listening) = script::full().await;
    let seen = probe(&target(get(), address), Duration::from_millis(300)).await;
    hold(
        "full",
        &seen,
        &Bad(Connect, Timeout, "timeout after 0.300 s while connecting"),
    )
    .unwrap();
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_rest_of_its_body() {
    let head = b"HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nwhy";
    let address = script::play(vec![Step::HearRequest, Step::Say(head), Step::Silence]).await;
    let seen = probe(&target(http("/", |_| {}), address), Duration::from_secs(60)).await;
    hold("refusal", &seen, &Bad(FirstByte, Status, "status 503")).unwrap();
    assert_eq!(seen.evidence.body, b"why");
    assert!(seen.phases.total < Duration::from_secs(10), "{:?}", seen.phases);
}

#[test]
fn misbehaviour_is_covered_widely() {
    let (sites, scripts) = (sites().len(), scripts().len());
    assert!(scripts >= 60, "{scripts} scripts beside {sites} sites");
}
