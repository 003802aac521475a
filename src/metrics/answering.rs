//! What the front ends counted.

use crate::metrics::families as f;
use crate::metrics::text::{Text, labels};
use crate::serve::counters::Tally;
use crate::serve::kinds::{CODES, TYPES};

/// Types that have rows even while nobody has asked for them, so that a first query is seen to come.
const ALWAYS: [&str; 2] = ["A", "AAAA"];

/// Writes them, by transport.
pub(super) fn write(text: &mut Text, totals: &[(&'static str, Tally)]) {
    let mut samples = text.family(&f::QUERIES);
    for (transport, tally) in totals {
        for ((_, qtype), codes) in TYPES.iter().zip(&tally.kinds) {
            for (rcode, count) in CODES.iter().zip(codes) {
                if *count > 0 || (*rcode == "NOERROR" && ALWAYS.contains(qtype)) {
                    let labels = labels(&[("transport", transport), ("type", qtype), ("rcode", rcode)]);
                    samples.count(&labels, *count);
                }
            }
        }
    }
    type Part = fn(&Tally) -> u64;
    let parts: [(_, Part); 8] = [
        (&f::MESSAGES, |tally| tally.queries),
        (&f::DROPPED, |tally| tally.dropped),
        (&f::WITHHELD, |tally| tally.withheld),
        (&f::LIMITED, |tally| tally.limited),
        (&f::TRUNCATED, |tally| tally.truncated),
        (&f::TRANSACTIONS, |tally| tally.transactions),
        (&f::REFUSED, |tally| tally.transactions_refused),
        (&f::OVERFLOWS, |tally| tally.overflows),
    ];
    for (family, part) in parts {
        let mut samples = text.family(family);
        for (transport, tally) in totals {
            // Only datagrams can be lost in a queue, limited, and hand transactions over.
            if ["udp", "xdp"].contains(transport)
                || ![
                    f::REFUSED.name,
                    f::OVERFLOWS.name,
                    f::WITHHELD.name,
                    f::LIMITED.name,
                ]
                .contains(&family.name)
            {
                samples.count(&labels(&[("transport", transport)]), part(tally));
            }
        }
    }
    let mut samples = text.family(&f::COOKIES);
    for (transport, tally) in totals {
        for (cookie, count) in [
            ("good", tally.cookies_good),
            ("wrong", tally.cookies_wrong),
            ("new", tally.cookies_new),
        ] {
            samples.count(&labels(&[("transport", transport), ("cookie", cookie)]), count);
        }
    }
    let mut samples = text.family(&f::SOCKET_ERRORS);
    for (transport, tally) in totals {
        let calls = match *transport {
            "udp" | "xdp" => &[("receive", tally.receive_errors), ("send", tally.send_errors)][..],
            _ => &[("accept", tally.accept_errors)][..],
        };
        for (call, count) in calls {
            samples.count(&labels(&[("transport", transport), ("call", call)]), *count);
        }
    }
    let mut samples = text.family(&f::LATENCY);
    for (transport, tally) in totals {
        samples.times(&labels(&[("transport", transport)]), &tally.latencies());
    }
    let mut all = Tally::default();
    for (_, tally) in totals {
        all.live_as_long_as(tally);
    }
    text.family(&f::TTLS).sizes("", &all.ttls());
    connections(text, totals);
    encrypted(text, totals);
}

/// Those of which a connection begins with a handshake.
const ENCRYPTED: [&str; 3] = ["tls", "quic", "https"];

fn encrypted(text: &mut Text, totals: &[(&'static str, Tally)]) {
    let totals: Vec<_> = totals
        .iter()
        .filter(|(transport, _)| ENCRYPTED.contains(transport))
        .collect();
    type Part = fn(&Tally) -> u64;
    let parts: [(_, Part); 3] = [
        (&f::ENCRYPTED, |tally| {
            tally.connections.saturating_sub(tally.connections_ended)
        }),
        (&f::ENCRYPTED_ACCEPTED, |tally| tally.connections),
        (&f::HANDSHAKES, |tally| tally.handshakes),
    ];
    for (family, part) in parts {
        let mut samples = text.family(family);
        for (transport, tally) in &totals {
            samples.count(&labels(&[("transport", transport)]), part(tally));
        }
    }
    let mut samples = text.family(&f::HANDSHAKES_FAILED);
    for (transport, tally) in &totals {
        for (reason, count) in [
            ("broken", tally.handshakes_failed),
            ("evicted", tally.handshakes_evicted),
        ] {
            samples.count(&labels(&[("transport", transport), ("reason", reason)]), count);
        }
    }
    let mut samples = text.family(&f::ENCRYPTED_CLOSED);
    for (transport, tally) in &totals {
        for (reason, count) in [
            ("refused", tally.connections_refused),
            ("evicted", tally.connections_evicted),
            ("stalled", tally.connections_stalled),
        ] {
            samples.count(&labels(&[("transport", transport), ("reason", reason)]), count);
        }
    }
}

fn connections(text: &mut Text, totals: &[(&'static str, Tally)]) {
    let Some((_, tcp)) = totals.iter().find(|(transport, _)| *transport == "tcp") else {
        return;
    };
    let open = tcp.connections.saturating_sub(tcp.connections_ended);
    text.family(&f::CONNECTIONS).count("", open);
    text.family(&f::ACCEPTED).count("", tcp.connections);
    let mut samples = text.family(&f::CLOSED);
    for (reason, count) in [
        ("refused", tcp.connections_refused),
        ("evicted", tcp.connections_evicted),
        ("stalled", tcp.connections_stalled),
    ] {
        samples.count(&labels(&[("reason", reason)]), count);
    }
}
