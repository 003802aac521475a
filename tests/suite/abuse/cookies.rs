//! The engine and cookies (RFC 7873).

use pointsman::answer::snapshot::{Shown, Transport};
use pointsman::model::abuse::{CookieSecrets, CookieSettings, Require};
use pointsman::wire::rtype::rcode::{BADCOOKIE, FORMERR, NOERROR, NOTIMP};
use pointsman::wire::rtype::{A, TXT};

use super::{Asker, cookies, query, snapshot};

const CLIENT: &[u8] = b"12345678";

/// The cookie that somebody who has only its own is given.
fn learned(asker: &Asker<'_>) -> [u8; 24] {
    let reply = asker.ask(&query(Some("www.example.test"), A, Some(&[(10, CLIENT)])));
    reply.unwrap().cookie().unwrap()
}

#[test]
fn a_client_is_given_a_cookie_and_shows_it_over_every_transport() {
    let snapshot = snapshot(cookies(Require::Limited), None);
    for transport in Transport::ALL {
        let asker = Asker {
            transport,
            ..Asker::new(&snapshot)
        };
        let new = asker
            .ask(&query(Some("www.example.test"), A, Some(&[(10, CLIENT)])))
            .unwrap();
        assert_eq!(
            (new.about.cookie, new.about.rcode, new.answers()),
            (Shown::Itself, NOERROR, 1)
        );
        let cookie = new.cookie().unwrap();
        assert_eq!(&cookie[..8], CLIENT);
        let again = asker
            .ask(&query(Some("www.example.test"), A, Some(&[(10, &cookie)])))
            .unwrap();
        assert_eq!((again.about.cookie, again.answers()), (Shown::Good, 1));
        assert_eq!(again.cookie(), Some(cookie), "a fresh cookie comes back as it is");
        let later = Asker {
            wall: asker.wall + 1900,
            ..asker
        };
        let renewed = later
            .ask(&query(Some("www.example.test"), A, Some(&[(10, &cookie)])))
            .unwrap();
        assert_eq!(renewed.about.cookie, Shown::Good);
        assert_ne!(renewed.cookie(), Some(cookie), "an older one is renewed");
    }
}

#[test]
fn a_cookie_that_is_not_good_is_answered_with_one_that_is() {
    let snapshot = snapshot(cookies(Require::Limited), None);
    let asker = Asker::new(&snapshot);
    let cookie = learned(&asker);
    let longer = [&cookie[..], &[0; 8]].concat();
    let elsewhere = Asker {
        address: "2001:db8::1".parse().unwrap(),
        ..Asker::new(&snapshot)
    };
    let later = Asker {
        wall: asker.wall + 3601,
        ..Asker::new(&snapshot)
    };
    for (asker, shown) in [
        (&asker, &longer[..]),
        (&asker, &longer[..16]),
        (&elsewhere, &cookie),
        (&later, &cookie),
        (&asker, b"123456789abcdefghijklmno"),
    ] {
        let reply = asker
            .ask(&query(Some("www.example.test"), A, Some(&[(10, shown)])))
            .unwrap();
        assert_eq!(
            (reply.about.cookie, reply.about.rcode, reply.answers()),
            (Shown::Wrong, NOERROR, 1)
        );
        let again = reply.cookie().unwrap();
        let reply = asker
            .ask(&query(Some("www.example.test"), A, Some(&[(10, &again)])))
            .unwrap();
        assert_eq!(reply.about.cookie, Shown::Good);
    }
}

#[test]
fn an_option_of_a_wrong_length_is_a_format_error() {
    let snapshot = snapshot(cookies(Require::Limited), None);
    for length in (0..=7).chain(9..=15).chain([41, 60]) {
        let option = vec![1; length];
        let reply = Asker::new(&snapshot).ask(&query(Some("www.example.test"), A, Some(&[(10, &option)])));
        let reply = reply.unwrap();
        assert_eq!(
            (reply.about.rcode, reply.answers(), reply.cookie()),
            (FORMERR, 0, None),
            "{length}"
        );
    }
}

#[test]
fn without_cookies_the_option_is_unknown() {
    let off = CookieSettings {
        secrets: CookieSecrets::Off,
        ..cookies(Require::Always)
    };
    let snapshot = snapshot(off, None);
    for option in [CLIENT, b"1", &[1; 24]] {
        let reply = Asker::new(&snapshot)
            .ask(&query(Some("www.example.test"), A, Some(&[(10, option)])))
            .unwrap();
        assert_eq!(
            (reply.about.cookie, reply.answers(), reply.cookie()),
            (Shown::Nothing, 1, None)
        );
    }
    let reply = Asker::new(&snapshot)
        .ask(&query(None, A, Some(&[(10, CLIENT)])))
        .unwrap();
    assert_eq!(reply.about.rcode, FORMERR);
}

#[test]
fn who_asks_for_nothing_but_a_cookie_is_given_one() {
    let snapshot = snapshot(cookies(Require::Always), None);
    let asker = Asker::new(&snapshot);
    let reply = asker.ask(&query(None, A, Some(&[(10, CLIENT)]))).unwrap();
    assert_eq!(
        (reply.about.rcode, &reply.octets[4..12]),
        (NOERROR, &[0, 0, 0, 0, 0, 0, 0, 1][..])
    );
    let cookie = reply.cookie().unwrap();
    let good = asker.ask(&query(None, A, Some(&[(10, &cookie)]))).unwrap();
    assert_eq!((good.about.rcode, good.cookie()), (NOERROR, Some(cookie)));
    let wrong = asker.ask(&query(None, A, Some(&[(10, &[9; 24])]))).unwrap();
    assert_eq!(wrong.about.rcode, BADCOOKIE);
    assert!(wrong.cookie().is_some());
    let without = asker.ask(&query(None, A, Some(&[]))).unwrap();
    assert_eq!(without.about.rcode, FORMERR);
    let mut status = query(None, A, Some(&[(10, CLIENT)]));
    status[2] = 2 << 3;
    assert_eq!(asker.ask(&status).unwrap().about.rcode, NOTIMP);
}

#[test]
fn who_must_show_a_cookie_is_told_so_over_udp_alone() {
    let snapshot = snapshot(cookies(Require::Always), None);
    let asker = Asker::new(&snapshot);
    let bad = asker
        .ask(&query(Some("www.example.test"), A, Some(&[(10, CLIENT)])))
        .unwrap();
    assert_eq!(
        (bad.about.rcode, bad.answers(), bad.is_truncated()),
        (BADCOOKIE, 0, false)
    );
    let cookie = bad.cookie().unwrap();
    let good = asker
        .ask(&query(Some("www.example.test"), A, Some(&[(10, &cookie)])))
        .unwrap();
    assert_eq!((good.about.rcode, good.answers()), (NOERROR, 1));
    for options in [None, Some(&[][..])] {
        let asked = query(Some("www.example.test"), A, options);
        let none = asker.ask(&asked).unwrap();
        assert!(none.is_truncated() && none.answers() == 0 && none.octets.len() <= asked.len());
        let tcp = Asker {
            transport: Transport::Tcp,
            ..Asker::new(&snapshot)
        };
        assert_eq!(tcp.ask(&asked).unwrap().answers(), 1);
    }
}

#[test]
fn large_answers_are_for_those_who_show_a_cookie() {
    let limited = CookieSettings {
        max_without: Some(128),
        ..cookies(Require::Limited)
    };
    let snapshot = snapshot(limited, None);
    let asker = Asker::new(&snapshot);
    let cookie = learned(&asker);
    for (options, fits) in [
        (None, false),
        (Some(&[][..]), false),
        (Some(&[(10, CLIENT)][..]), false),
        (Some(&[(10, &cookie[..])][..]), true),
    ] {
        let asked = query(Some("big.example.test"), TXT, options);
        let reply = asker.ask(&asked).unwrap();
        assert_eq!(
            (reply.is_truncated(), reply.answers() == 2),
            (!fits, fits),
            "{options:?}"
        );
        assert!(fits || reply.octets.len() <= 128);
        let small = asker.ask(&query(Some("www.example.test"), A, options)).unwrap();
        assert_eq!((small.is_truncated(), small.answers()), (false, 1));
    }
    // A question that is longer by itself is repeated whole.
    let long = [&"a".repeat(60), ".", &"b".repeat(60), ".example.test"].concat();
    let reply = asker.ask(&query(Some(&long), A, Some(&[(10, CLIENT)]))).unwrap();
    assert!(reply.is_truncated() && reply.cookie().is_some() && reply.octets[5] == 1);
    let tcp = Asker {
        transport: Transport::Tcp,
        ..Asker::new(&snapshot)
    };
    assert_eq!(
        tcp.ask(&query(Some("big.example.test"), TXT, None))
            .unwrap()
            .answers(),
        2
    );
}
