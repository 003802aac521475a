//! RFC 8484 over both versions of HTTP, and requests that are not answered.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::clients::{PATIENCE, Site, connect, opt, query};

const TYPE: &str = "application/dns-message";

#[tokio::test]
async fn answers_are_fresh_for_their_smallest_ttl() {
    let site = Site::new("");
    let _server = site.start();
    let web = site.web();
    for (name, qtype, fresh) in [
        ("static.example.test", 1, "max-age=300"),
        ("static.example.test", 28, "max-age=60"),
        ("no.example.test", 1, "max-age=60"),
        ("elsewhere.test", 1, "max-age=0"),
    ] {
        let dns = BASE64URL_NOPAD.encode(&query(name, qtype, None));
        let response = web.get(format!("{}?dns={dns}", site.url())).send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], fresh, "{name} {qtype}");
    }
}

#[tokio::test]
async fn requests_that_are_no_queries_get_their_status() {
    let site = Site::new("");
    let server = site.start();
    let web = site.web();
    let good = query("static.example.test", 1, None);
    let dns = BASE64URL_NOPAD.encode(&good);
    let url = site.url();
    let root = url.trim_end_matches("/dns-query").to_owned();
    let get = |tail: String| web.get(format!("{root}{tail}"));
    let post = |media: &str, body: Vec<u8>| web.post(&url).header("content-type", media).body(body);
    for (what, request, status) in [
        ("good", get(format!("/dns-query?dns={dns}")), 200),
        ("another path", get(format!("/?dns={dns}")), 404),
        ("no parameter", get("/dns-query".into()), 400),
        (
            "two parameters",
            get(format!("/dns-query?dns={dns}&dns={dns}")),
            400,
        ),
        ("bad base64", get("/dns-query?dns=a+b/c".into()), 400),
        ("padded base64", get(format!("/dns-query?dns={dns}==")), 400),
        ("a runt", get("/dns-query?dns=AAAA".into()), 400),
        ("a good body", post(TYPE, good.clone()), 200),
        ("no type", web.post(&url).body(good.clone()), 415),
        ("another type", post("application/json", good.clone()), 415),
        (
            "a response",
            post(TYPE, {
                let mut r = good.clone();
                r[2] |= 0x80;
                r
            }),
            400,
        ),
        ("nothing", post(TYPE, Vec::new()), 400),
        ("too long", post(TYPE, vec![0; 65_536]), 413),
        ("far too long", post(TYPE, vec![0; 300_000]), 413),
        ("another method", web.put(&url).body(good.clone()), 405),
        ("the head alone", web.head(format!("{url}?dns={dns}")), 200),
    ] {
        let response = request
            .send()
            .await
            .unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!(response.status(), status, "{what}");
    }
    let malformed = post(TYPE, good[..good.len() - 1].to_vec()).send().await.unwrap();
    assert_eq!(
        (
            malformed.status().as_u16(),
            malformed.bytes().await.unwrap()[3] & 15
        ),
        (200, 1),
        "FORMERR"
    );
    let transfer = post(TYPE, query("example.test", 252, None)).send().await.unwrap();
    assert_eq!(transfer.bytes().await.unwrap()[3] & 15, 5, "REFUSED");
    drop(server);
}

#[tokio::test]
async fn padding_is_of_encrypted_transports() {
    let site = Site::new("");
    let server = site.start();
    let asked = query(
        "static.example.test",
        1,
        Some(&opt(1232, 0, false, b"\0\x0c\0\x02\0\0")),
    );
    let post = site
        .web()
        .post(site.url())
        .header("content-type", TYPE)
        .body(asked.clone());
    assert_eq!(post.send().await.unwrap().bytes().await.unwrap().len(), 468);
    let mut tls = site.tls().await;
    assert_eq!(super::clients::ask(&mut tls, &asked).await.unwrap().len(), 468);
    let quic = site.quic().await;
    assert_eq!(super::clients::ask_quic(&quic, &asked).await[0].len(), 468);
    let mut tcp = tokio::net::TcpStream::connect(server.dns).await.unwrap();
    assert!(super::clients::ask(&mut tcp, &asked).await.unwrap().len() < 100);
}

#[tokio::test]
async fn a_slow_body_and_a_large_head_are_given_up() {
    let site = Site::new("[dns.tcp]\nmessage = \"300ms\"\n[dns.encrypted]\nidle = \"1s\"\n");
    let _server = site.start();
    let exchange = async |request: String| {
        let mut stream = connect(site.https, site.client(&["http/1.1"])).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut response))
            .await
            .unwrap();
        String::from_utf8_lossy(&response).into_owned()
    };
    let slow = exchange(format!(
        "POST /dns-query HTTP/1.1\r\nhost: x\r\ncontent-type: {TYPE}\r\ncontent-length: 40\r\n\r\nabc"
    ));
    assert!(slow.await.starts_with("HTTP/1.1 408 "));
    let large = exchange(format!(
        "GET /dns-query?dns={} HTTP/1.1\r\nhost: x\r\n\r\n",
        "A".repeat(40_000)
    ));
    let large = large.await;
    assert!(large.starts_with("HTTP/1.1 4"), "{large}");
    // Neither ALPN: HTTP/1.1. Silence ends it.
    let mut stream = connect(site.https, site.client(&[])).await.unwrap();
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap();
    assert!(connect(site.https, site.client(&["dot"])).await.is_err());
}

#[tokio::test]
async fn an_idle_connection_of_http_2_ends() {
    let site = Site::new("[dns.encrypted]\nidle = \"1s\"\n");
    let server = site.start();
    let web = site.web();
    let dns = BASE64URL_NOPAD.encode(&query("static.example.test", 1, None));
    web.get(format!("{}?dns={dns}", site.url())).send().await.unwrap();
    let open = async || {
        let page = reqwest::get(format!("http://{}/metrics", site.folder.api))
            .await
            .unwrap();
        let page = page.text().await.unwrap();
        page.contains("pointsman_encrypted_connections{transport=\"https\"} 1")
    };
    assert!(open().await);
    timeout(PATIENCE, async {
        while open().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    drop(server);
}
