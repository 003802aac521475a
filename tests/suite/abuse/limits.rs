//! The engine and how often one network is answered.

use std::time::Duration;

use pointsman::answer::snapshot::Transport;
use pointsman::model::abuse::Require;
use pointsman::model::time::Moment;
use pointsman::wire::rtype::rcode::{BADCOOKIE, NOERROR};
use pointsman::wire::rtype::{A, ANY, NS, TXT};

use super::{Asker, cookies, query, rate, snapshot};

const CLIENT: &[u8] = b"12345678";

#[test]
fn each_kind_of_answer_has_its_own_limit() {
    let snapshot = snapshot(cookies(Require::Limited), Some(rate(3, 0)));
    let asker = Asker::new(&snapshot);
    for (name, rtype) in [
        ("www.example.test", A),
        ("www.example.test", TXT),
        ("none.example.test", A),
        ("x.sub.example.test", A),
        ("www.elsewhere.test", A),
    ] {
        let asked = query(Some(name), rtype, None);
        let answered = (0..20).filter(|_| asker.ask(&asked).is_some()).count();
        assert_eq!(answered, 3, "{name}");
    }
    // However many names are asked for.
    let names = (0..20).map(|number| query(Some(&format!("n{number}.example.test")), A, None));
    assert_eq!(names.filter(|asked| asker.ask(asked).is_some()).count(), 0);
    let later = Asker {
        now: Moment::ZERO.after(Duration::from_secs(2)),
        ..asker
    };
    assert!(later.ask(&query(Some("www.example.test"), A, None)).is_some());
}

#[test]
fn who_shows_a_cookie_or_comes_by_tcp_is_not_limited() {
    let snapshot = snapshot(cookies(Require::Limited), Some(rate(1, 0)));
    let asker = Asker::new(&snapshot);
    let asked = query(Some("www.example.test"), A, Some(&[(10, CLIENT)]));
    let cookie = asker.ask(&asked).unwrap().cookie().unwrap();
    assert!(
        asker.ask(&asked).is_none(),
        "a client's own cookie alone proves nothing"
    );
    let with = query(Some("www.example.test"), A, Some(&[(10, &cookie)]));
    let forged = query(Some("www.example.test"), A, Some(&[(10, &[5; 24])]));
    let tcp = Asker {
        transport: Transport::Tcp,
        ..Asker::new(&snapshot)
    };
    for _ in 0..100 {
        assert_eq!(asker.ask(&with).unwrap().answers(), 1);
        assert_eq!(tcp.ask(&asked).unwrap().answers(), 1);
        assert!(asker.ask(&forged).is_none());
    }
}

#[test]
fn what_slips_through_leads_to_tcp_or_to_a_cookie() {
    let snapshot = snapshot(cookies(Require::Limited), Some(rate(1, 2)));
    let asker = Asker {
        dice: 0,
        ..Asker::new(&snapshot)
    };
    let plain = query(Some("www.example.test"), A, None);
    assert!(asker.ask(&plain).is_some());
    let cut = asker.ask(&plain).unwrap();
    assert!(cut.is_truncated() && cut.about.limited && cut.answers() == 0);
    assert_eq!(cut.octets.len(), plain.len());
    let bad = asker
        .ask(&query(Some("www.example.test"), A, Some(&[(10, CLIENT)])))
        .unwrap();
    assert_eq!((bad.about.rcode, bad.is_truncated()), (BADCOOKIE, false));
    let cookie = bad.cookie().unwrap();
    let good = asker
        .ask(&query(Some("www.example.test"), A, Some(&[(10, &cookie)])))
        .unwrap();
    assert_eq!((good.about.rcode, good.answers()), (NOERROR, 1));
}

/// Octets sent back per octet received, once a network is over its limit, whatever it asks and however it asks.
#[test]
fn nobody_is_sent_more_than_was_sent_in_his_name() {
    for require in [Require::Never, Require::Limited, Require::Always] {
        for slip in [0, 1, 2, 5] {
            let snapshot = snapshot(cookies(require), Some(rate(1, slip)));
            for (name, rtype) in [
                (Some("big.example.test"), TXT),
                (Some("example.test"), ANY),
                (Some("example.test"), NS),
                (Some("x.sub.example.test"), A),
                (Some("none.example.test"), A),
                (Some("elsewhere"), A),
                (None, A),
            ] {
                for options in [
                    None,
                    Some(&[][..]),
                    Some(&[(3, &b""[..])][..]),
                    Some(&[(10, CLIENT)][..]),
                    Some(&[(10, &[9; 24][..])][..]),
                    Some(&[(10, &b"1"[..])][..]),
                ] {
                    let asked = query(name, rtype, options);
                    let (mut sent, mut received) = (0, 0);
                    for number in 0..1000u64 {
                        let asker = Asker {
                            dice: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                            ..Asker::new(&snapshot)
                        };
                        let reply = asker.ask(&asked);
                        // The first is within the limit.
                        if number > 0 {
                            sent += reply.map_or(0, |reply| reply.octets.len());
                            received += asked.len();
                        }
                    }
                    assert!(
                        sent <= received,
                        "{require:?} slip {slip} {name:?} {options:?}: {sent} of {received}"
                    );
                }
            }
        }
    }
}
