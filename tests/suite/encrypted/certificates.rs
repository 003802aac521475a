//! Certificates are exchanged while connections go on; a bad one changes nothing.

use std::time::Duration;

use super::clients::{Site, ask, ask_quic, client, connect, local, made, query};
use crate::support::wait_until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_shown_and_connections_go_on() {
    let site = Site::new("");
    let server = site.start();
    let mut tls = site.tls().await;
    let quic = site.quic().await;
    let question = query("static.example.test", 1, None);
    ask(&mut tls, &question).await.unwrap();

    // The certificate of another key: refused at its place, and the old one is shown.
    let next = made();
    site.folder.write("dns.pem", &next.pem);
    server.signal("HUP");
    wait_until("the reload is refused", Duration::from_secs(20), || {
        server.log().contains("it is not the key of the certificate")
    });
    assert!(server.log().contains("pointsman.toml:"), "{}", server.log());
    site.tls().await;

    site.folder.write("dns.key", &next.key);
    server.signal("HUP");
    wait_until("all three show it", Duration::from_secs(20), || {
        server
            .log()
            .matches("a new certificate is shown from now on")
            .count()
            == 3
    });
    let new = |alpn| client(&next.der, &[alpn]);
    let mut anew = connect(site.secure(), new("dot")).await.unwrap();
    ask(&mut anew, &question).await.unwrap();
    connect(site.https, new("h2")).await.unwrap();
    super::clients::quic(site.secure(), new("doq")).await.unwrap();
    assert!(connect(site.secure(), site.client(&["dot"])).await.is_err());
    // Those of before do not notice.
    ask(&mut tls, &question).await.unwrap();
    assert_eq!(ask_quic(&quic, &question).await.len(), 1);
}

#[tokio::test]
async fn stopping_tells_clients() {
    let site = Site::new("");
    let server = site.start();
    let quic = site.quic().await;
    ask_quic(&quic, &query("static.example.test", 1, None)).await;
    let stopped = std::thread::spawn(move || server.stop());
    let ended = quic.closed().await;
    assert!(
        matches!(ended, quinn::ConnectionError::ApplicationClosed(_)),
        "{ended}"
    );
    assert_eq!(stopped.join().unwrap(), Some(0));
}

#[test]
fn check_tells_where_dns_is_encrypted_and_what_has_ended() {
    let site = Site::new("");
    let said = |site: &Site| String::from_utf8_lossy(&site.folder.run(&["check"]).stdout).into_owned();
    let listens = format!("DNS over QUIC on {}, certificate until", local(site.port));
    assert!(said(&site).contains(&listens), "{}", said(&site));
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    site.folder
        .write("dns.pem", &params.self_signed(&key).unwrap().pem());
    site.folder.write("dns.key", &key.serialize_pem());
    let said = said(&site);
    assert!(
        said.contains("warning: the certificate ended 2021-01-01"),
        "{said}"
    );
    assert!(
        said.contains("0 errors, 1 warning"),
        "one certificate, told once: {said}"
    );
}
