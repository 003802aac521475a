//! Each constellation, ruled.

use super::*;

fn stands(claims: [bool; 3]) -> Vec<Stand> {
    claims
        .map(|claims| Stand {
            claims,
            ..Stand::default()
        })
        .to_vec()
}

fn case(stands: &[Stand], incumbent: Option<usize>, named: Option<usize>) -> Case<'_> {
    Case {
        stands,
        incumbent,
        by_hand: false,
        named,
        frozen: false,
        switch: Switch::Auto,
        handover: Handover::Safe,
    }
}

const NOW: Moment = Moment::from_secs(100);
const LATER: Moment = Moment::from_secs(110);

#[test]
fn each_constellation_is_ruled_as_written() {
    let (a, b, both, none) = (
        stands([true, false, false]),
        stands([false, true, false]),
        stands([true, true, false]),
        stands([false; 3]),
    );
    let torn = stands([false, true, true]);
    for (told, stands, incumbent, named, held, expected) in [
        (
            "alone",
            &a,
            Some(0),
            Some(0),
            Held::No,
            (Some(0), None, None, Why::Claims),
        ),
        (
            "first ever",
            &a,
            None,
            None,
            Held::No,
            (None, Some(0), None, Why::Electing),
        ),
        (
            "after a restart",
            &a,
            Some(0),
            None,
            Held::No,
            (Some(0), None, None, Why::Claims),
        ),
        (
            "withdrawn first",
            &b,
            Some(0),
            Some(0),
            Held::Still,
            (None, None, Some(NOW), Why::Handover),
        ),
        (
            "caches hold",
            &b,
            Some(0),
            None,
            Held::Until(LATER),
            (None, None, Some(LATER), Why::Handover),
        ),
        (
            "caches let go",
            &b,
            Some(0),
            None,
            Held::No,
            (None, Some(1), None, Why::Electing),
        ),
        (
            "split brain",
            &both,
            Some(0),
            Some(0),
            Held::No,
            (Some(0), None, None, Why::SplitBrain),
        ),
        (
            "split from the start",
            &both,
            None,
            None,
            Held::No,
            (None, None, None, Why::Torn),
        ),
        (
            "two heirs",
            &torn,
            Some(0),
            Some(0),
            Held::No,
            (None, None, None, Why::Torn),
        ),
        (
            "nobody",
            &none,
            Some(0),
            Some(0),
            Held::No,
            (None, None, None, Why::NoClaim),
        ),
        (
            "switched by hand",
            &both,
            Some(1),
            Some(0),
            Held::Still,
            (None, None, Some(NOW), Why::Handover),
        ),
    ] {
        let ruling = rule(&case(stands, incumbent, named), NOW, |_| held);
        assert_eq!(
            (ruling.named, ruling.elect, ruling.wake, ruling.why),
            expected,
            "{told}"
        );
    }
}

#[test]
fn nobody_is_promoted_while_cut_off_too_far_behind_or_without_the_operator() {
    let mut b = stands([false, true, false]);
    let frozen = Case {
        frozen: true,
        ..case(&b, Some(0), Some(0))
    };
    let ruling = rule(&frozen, NOW, |_| Held::No);
    assert_eq!(
        (ruling.named, ruling.elect, ruling.why),
        (Some(0), None, Why::Frozen)
    );
    let manual = Case {
        switch: Switch::Manual,
        ..case(&b, Some(0), Some(0))
    };
    let ruling = rule(&manual, NOW, |_| Held::No);
    assert_eq!(
        (ruling.named, ruling.elect, ruling.proposed),
        (Some(0), None, Some(1))
    );
    b[1].too_far = true;
    let ruling = rule(&case(&b, Some(0), None), NOW, |_| Held::No);
    assert_eq!(
        (ruling.named, ruling.elect, ruling.why),
        (None, None, Why::TooFar)
    );
}

#[test]
fn an_operators_word_stands_in_for_a_claim_until_it_is_taken_out() {
    let mut nobody = stands([false; 3]);
    let by_hand = Case {
        by_hand: true,
        ..case(&nobody, Some(1), None)
    };
    assert_eq!(rule(&by_hand, NOW, |_| Held::No).named, Some(1));
    nobody[1].removed = true;
    let drained = Case {
        by_hand: true,
        ..case(&nobody, Some(1), Some(1))
    };
    assert_eq!(rule(&drained, NOW, |_| Held::No).named, None);
}

#[test]
fn only_under_fast_are_the_demoted_excepted() {
    let mut all = stands([false, true, false]);
    for (n, stand) in (1..).zip(&mut all) {
        stand.addresses = vec![IpAddr::from([192, 0, 2, n])];
    }
    all[0].demoted = true;
    assert_eq!(excepted(&all, 1, Handover::Safe), all[1].addresses);
    assert_eq!(
        excepted(&all, 1, Handover::Fast),
        [all[0].addresses[0], all[1].addresses[0]]
    );
}
