//! Answering asks for no memory. A binary of its own, since it has an allocator that counts.
#![deny(unsafe_op_in_unsafe_fn)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected must fail loudly"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use pointsman::answer::snapshot::{Ask, Client, Outcome, Prepared, Scratch, Snapshot, Transport};
use pointsman::model::id::ServiceId;
use pointsman::model::time::{Moment, Ttl, UnixTime};
use pointsman::policy::choice::{Candidate, Choice, Column, Decision, Lifetime, Pick, Weighted};
use pointsman::publish::publisher::Publisher;
use pointsman::wire::name::Name;
use world::World;

#[path = "suite/answers/world.rs"]
#[allow(dead_code, reason = "the answers' tests use the rest of it")]
mod world;

#[path = "suite/support/mmdb.rs"]
mod mmdb;
#[path = "suite/policies/town.rs"]
#[allow(dead_code, reason = "the policies' tests use the rest of it")]
mod town;

thread_local! {
    /// What this thread asked for: others, such as the harness's, are not of interest.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count() {
    // A thread that ends has no counter any more.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: everything is handed to the system's allocator as it came; the counter is a plain cell without a destructor and
// allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// How often `work` asked for memory or gave some back.
fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

const RICH: &str = r#"
[[zone]]
origin = "test"
records = '''
@ 300 SOA ns host 1 7200 900 86400 60
@ 300 NS ns
@ 300 NS NS.sub
@ 300 MX 10 www
@ 300 MX 20 all
ns 300 A 192.0.2.53
www 300 A 192.0.2.80
www 300 AAAA 2001:db8::80
www 300 TXT "text"
alias 60 CNAME alias2
alias2 60 CNAME alias3
alias3 60 CNAME www
toservice 60 CNAME all
nowhere 60 CNAME nx
tofacets 60 CNAME facets
tosrv 60 CNAME _s._tcp.facets
elsewhere 60 CNAME www.child
loop 60 CNAME loop2
loop2 60 CNAME loop
* 300 MX 5 www
*.w 300 CNAME y.x
*.w2 300 SRV 1 2 3 weighted
x 300 DNAME www.child
grow 300 DNAME a.grow
a.b.ent 300 A 192.0.2.1
sub 300 NS ns1.sub
sub 300 NS ns2.sub
sub 300 NS ns
sub 300 DS 1 13 2 0101010101010101010101010101010101010101010101010101010101010101
ns1.sub 300 A 192.0.2.101
ns2.sub 300 AAAA 2001:db8::102
big 300 TXT "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big 300 TXT "1123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big 300 TXT "2123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big 300 TXT "3123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
big 300 TXT "4123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
tobig 300 CNAME big
srv 300 SRV 1 2 3 www
https 300 HTTPS 1 .
https 300 A 192.0.2.44
'''
service = [
  { owner = "weighted.test", addresses = ["192.0.2.1"] },
  { owner = "all.test", addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"], pick = "rotate", take = 2, error = 3 },
  { owner = "failover.test", addresses = ["192.0.2.9"], flip = 3 },
  { owner = "*.anywhere.test", addresses = ["192.0.2.9", "2001:db8::9"] },
  { owner = "nothing.test", pick = "nothing", error = 3 },
  { owner = "fail.test", pick = "fail", error = 22 },
  { owner = "undecided.test", pick = "undecided" },
  { owner = "facets.test", addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1"], pick = "rotate", take = 1, flip = 3, mx = 5, https = true, srv = [["_s._tcp", 1, 2]], endpoint = [{ name = "one", addresses = ["192.0.2.1"] }, { name = "two", addresses = ["192.0.2.2", "2001:db8::1"] }] },
  { owner = "*.bound.test", addresses = ["192.0.2.9"], https = true },
]
[[zone]]
origin = "child.test"
records = '''
@ 300 SOA ns.test. host 1 7200 900 86400 60
@ 300 NS ns.test.
www 300 A 192.0.2.81
up 300 CNAME alias.test.
'''
[[zone]]
origin = "refused.test"
refused = true
"#;

const NAMES: [&str; 42] = [
    "test",
    "ns.test",
    "www.test",
    "WwW.TeSt",
    "alias.test",
    "toservice.test",
    "nowhere.test",
    "elsewhere.test",
    "loop.test",
    "any.thing.test",
    "q.w.test",
    "q.w2.test",
    "www.x.test",
    "deep.er.x.test",
    "a.grow.test",
    "a.b.ent.test",
    "b.ent.test",
    "nx.ent.test",
    "sub.test",
    "q.sub.test",
    "big.test",
    "tobig.test",
    "srv.test",
    "https.test",
    "weighted.test",
    "all.test",
    "failover.test",
    "q.anywhere.test",
    "nothing.test",
    "fail.test",
    "undecided.test",
    "facets.test",
    "one.facets.test",
    "_s._tcp.facets.test",
    "tofacets.test",
    "tosrv.test",
    "q.bound.test",
    "child.test",
    "up.child.test",
    "nx.child.test",
    "www.refused.test",
    "elsewhere.example",
];

const TYPES: [u16; 14] = [1, 1, 1, 28, 2, 5, 6, 15, 16, 33, 39, 43, 65, 255];

/// Two endpoints, one of them with three addresses, three to one.
fn weighted() -> Decision {
    let column = |threshold, alias, first, count| Column {
        threshold,
        alias,
        candidate: Candidate {
            first,
            count,
            take: 2.min(count),
            rotate: true,
        },
    };
    let columns = vec![column(1 << 32, 0, 0, 3), column(1 << 31, 0, 3, 1)];
    let addresses = (1..5u8).map(|host| [192, 0, 2, host].into()).collect();
    Decision {
        service: ServiceId(0),
        a: Choice {
            addresses,
            pick: Pick::Weighted(Weighted { columns }),
        },
        aaaa: Choice::default(),
        lifetime: Lifetime::Fixed(Ttl::from_secs(10)),
        said: [None, None],
        usable: Vec::new(),
    }
}

fn snapshot() -> Arc<Snapshot> {
    let world: World = toml::from_str(RICH).unwrap();
    let (plan, contents) = world::plan(&world);
    let mut decisions = world::decisions(&world);
    decisions.push(weighted());
    Publisher::new(&plan, &contents, 7).apply(&decisions)
}

/// A sequence of numbers without a pattern (an LCG's upper half).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }
}

/// A query of the mix; now and then one that nobody can read.
fn query(numbers: &mut Numbers) -> Vec<u8> {
    let mut octets = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    octets.extend(
        Name::from_text(NAMES[numbers.below(NAMES.len())])
            .unwrap()
            .as_wire(),
    );
    octets.extend(TYPES[numbers.below(TYPES.len())].to_be_bytes());
    octets.extend([0, if numbers.below(40) == 0 { 3 } else { 1 }]);
    match numbers.below(4) {
        0 => {}
        kind => {
            octets[11] = 1;
            // EDNS with 1232 octets; with NSID; with a cookie.
            let option: &[u8] = [&[][..], &[0, 3, 0, 0], &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]][kind - 1];
            octets.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, option.len() as u8]);
            octets.extend(option);
        }
    }
    match numbers.below(50) {
        0 => octets.truncate(numbers.below(octets.len())),
        1 => {
            let at = numbers.below(octets.len());
            octets[at] ^= 1 << numbers.below(8);
        }
        _ => {}
    }
    octets
}

const BATCH: usize = 32;

/// Answers all in batches, as the listeners do, over UDP and TCP; calls `heard` with each RCODE.
fn answer(
    snapshot: &Snapshot,
    queries: &[Vec<u8>],
    scratch: &mut Scratch,
    out: &mut [u8],
    mut heard: impl FnMut(u16, bool),
) {
    for (number, batch) in queries.chunks(BATCH).enumerate() {
        for transport in [Transport::Udp, Transport::Tcp] {
            let mut prepared: [Option<Prepared<'_>>; BATCH] = [None; BATCH];
            for (slot, query) in prepared.iter_mut().zip(batch) {
                *slot = Some(snapshot.prepare(query));
            }
            for prepared in prepared.iter().flatten() {
                snapshot.fetch(prepared);
            }
            for (at, (prepared, query)) in prepared.into_iter().flatten().zip(batch).enumerate() {
                let dice = (number * BATCH + at) as u64;
                let ask = Ask {
                    query,
                    client: Client {
                        address: [192, 0, 2, 7].into(),
                        transport,
                    },
                    now: Moment::from_secs(number as u64 % 12),
                    wall: UnixTime(0),
                    dice: dice.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                };
                if let Outcome::Reply { about, .. } = snapshot.finish(prepared, &ask, scratch, out) {
                    heard(about.rcode, about.truncated);
                }
            }
        }
    }
}

#[test]
fn answers_ask_for_no_memory() {
    assert_eq!(
        allocations(|| drop(std::hint::black_box(Box::new(1)))),
        2,
        "the counter does not count"
    );
    let snapshot = snapshot();
    let mut numbers = Numbers(1);
    let queries: Vec<Vec<u8>> = (0..10_000).map(|_| query(&mut numbers)).collect();
    let (mut scratch, mut out) = (Scratch::default(), vec![0; 65_535]);
    let mut seen = BTreeSet::new();
    // Once over a few, so that what grows to its size once has done so.
    answer(&snapshot, &queries[..500], &mut scratch, &mut out, |_, _| {});
    let (mut replies, mut cut_short, mut failures) = (0, 0, 0);
    let asked = allocations(|| {
        answer(&snapshot, &queries, &mut scratch, &mut out, |rcode, truncated| {
            replies += 1;
            cut_short += usize::from(truncated);
            failures += usize::from(rcode != 0);
        });
    });
    answer(&snapshot, &queries, &mut scratch, &mut out, |rcode, _| {
        seen.insert(rcode);
    });
    assert_eq!(asked, 0, "{replies} answers asked {asked} times for memory");
    assert!(replies > 19_000, "{replies}");
    assert!(cut_short > 5 && failures > 1000, "{cut_short} {failures}");
    // NOERROR, FORMERR, SERVFAIL, NXDOMAIN, REFUSED at the least.
    assert!(
        [0, 1, 2, 3, 5].iter().all(|rcode| seen.contains(rcode)),
        "{seen:?}"
    );
}

/// Policies that depend on the client, nested, asked by a resolver that tells its client's network.
#[test]
fn policies_that_depend_on_the_client_ask_for_no_memory_either() {
    let places = mmdb::database(&[("192.0.2.0/24", "EU", "DE", "BE", Some((52.5, 13.4)))]);
    let zone = "[pools.pinned]\npolicy = \"sticky\"\nregions = [\"DE\"]\nendpoints = [\
                { name = \"a\", address = \"192.0.2.1\" }, { name = \"b\", address = \"192.0.2.2\" }]\n\
                [pools.near]\npolicy = \"geo\"\npools = [\"pinned\", \"far\"]\n\
                [pools.far]\npolicy = \"weighted\"\nlocation = [0, 0]\nendpoints = [\
                { name = \"c\", address = \"192.0.2.3\" }, { name = \"d\", address = \"192.0.2.4\" }]\n\
                [pools.office]\npolicy = \"all\"\nnetworks = [\"10.0.0.0/8\"]\nendpoints = [\
                { name = \"e\", address = \"192.0.2.5\" }]\n\
                [services.www]\npolicy = \"subnet\"\npools = [\"near\", \"office\"]\n";
    let server = "[dns]\ntrust_ecs = [\"192.0.2.7\"]\n[geo]\ndatabase = \"places.mmdb\"\n";
    let snapshot = town::Town::new(server, zone, Some(&places)).snapshot();
    let mut queries = Vec::new();
    for network in [[192, 0, 2], [10, 0, 1], [8, 8, 8]] {
        let mut octets = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        octets.extend(Name::from_text("www.example.test").unwrap().as_wire());
        octets.extend([
            0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0,
        ]);
        octets.extend(network);
        queries.push(octets);
    }
    let (mut scratch, mut out) = (Scratch::default(), vec![0; 65_535]);
    answer(&snapshot, &queries, &mut scratch, &mut out, |_, _| {});
    let mut replies = 0;
    let asked = allocations(|| {
        for _ in 0..500 {
            answer(&snapshot, &queries, &mut scratch, &mut out, |rcode, _| {
                assert_eq!(rcode, 0);
                replies += 1;
            });
        }
    });
    assert_eq!((asked, replies), (0, 3000));
}
