//! Past the kernel: the real binary at one end of a veth pair, with a program at its interface.

mod place;

use std::time::Duration;

use crate::support::wait_until;
use place::{INTERFACE, IPV4, IPV6, Place, exchange, exchange_tcp, query};

const SECOND: Duration = Duration::from_secs(1);
/// OPT with a payload of 1,232 octets; DO; NSID.
const EDNS: [u8; 11] = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
const EDNS_DO: [u8; 11] = [0, 0, 41, 4, 208, 0, 0, 128, 0, 0, 0];
const EDNS_NSID: [u8; 15] = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 3, 0, 0];

macro_rules! place_or_skip {
    () => {
        match Place::new() {
            Ok(place) => place,
            Err(why) => {
                eprintln!("skipped: {why}");
                return;
            }
        }
    };
}

fn xdp() -> String {
    format!("xdp = [\"{INTERFACE}\"]")
}

const RECORDS: &str =
    "[services.web]\npolicy = \"failover\"\nendpoints = [{ name = \"a\", address = \"192.0.2.7\" }]\n";

/// Queries of every kind that has one answer: ordinary ones, malformed ones, and what is a transaction.
fn corpus() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for name in [
        "static.example.test",
        "web.example.test",
        "none.example.test",
        "example.test",
        "other.test",
        "",
    ] {
        for rtype in [1, 28, 2, 6, 16, 255, 250] {
            for more in [&[][..], &EDNS, &EDNS_DO, &EDNS_NSID] {
                all.push(query(name, rtype, more));
            }
        }
    }
    // An answer longer than fits: TC.
    all.push(query("long.example.test", 16, &[]));
    all.push(query("long.example.test", 16, &EDNS));
    let plain = query("static.example.test", 1, &EDNS);
    for (at, octet) in [
        (2, 0x28),
        (2, 0x20),
        (2, 0x10),
        (5, 0),
        (5, 2),
        (7, 1),
        (11, 2),
        (12, 0xc0),
        (12, 64),
    ] {
        let mut changed = plain.clone();
        changed[at] = octet;
        all.push(changed);
    }
    for length in [12, 17, plain.len() - 1] {
        all.push(plain[..length].to_vec());
    }
    all
}

#[test]
fn what_comes_past_the_kernel_is_answered_as_by_sockets_octet_by_octet() {
    let place = place_or_skip!();
    let folder = place.folder(&xdp());
    folder.zone(RECORDS);
    let text = std::fs::read_to_string(folder.path("zones/example.test.records")).unwrap();
    let long: String = (0..8)
        .map(|n| format!("long TXT \"{}\"\n", format!("{n}").repeat(250)))
        .collect();
    folder.write("zones/example.test.records", &(text + &long));
    let server = place.start(&folder, &[]);
    assert!(place.has_program(), "{}", server.log());
    let count = |transport: &str| {
        place.metric(
            &folder,
            &format!("pointsman_messages_total{{transport=\"{transport}\"}}"),
        )
    };
    let (udp, xdp) = (count("udp"), count("xdp"));
    let corpus = corpus();
    for address in [IPV4, IPV6] {
        for message in &corpus {
            let past = place.at_client(|| exchange(address, message, SECOND));
            let socket = place.at_server(|| exchange(address, message, SECOND));
            assert!(socket.is_some(), "{message:02x?}");
            assert_eq!(past, socket, "{message:02x?}");
        }
    }
    let asked = 2 * corpus.len() as u64;
    // Counts are kept when a batch was sent, hence maybe after its answer came.
    wait_until("all were counted", SECOND, || {
        (count("udp") - udp, count("xdp") - xdp) == (asked, asked)
    });

    // TCP, and what comes in fragments, is the kernel's.
    let long = query("long.example.test", 16, &EDNS);
    let whole = place.at_client(|| exchange_tcp(IPV4, &long)).unwrap();
    assert!(whole.len() > 2000 && whole[2] & 2 == 0);
    assert!(place.at_client(|| exchange_tcp(IPV6, &long)).is_some());
    let mut padding = EDNS.to_vec();
    padding.splice(9.., [2004u16, 12, 2000].map(u16::to_be_bytes).concat());
    padding.extend(vec![0; 2000]);
    let fragmented = query("static.example.test", 1, &padding);
    for address in [IPV4, IPV6] {
        assert!(
            place
                .at_client(|| exchange(address, &fragmented, SECOND))
                .is_some()
        );
    }
    wait_until("by the sockets", SECOND, || count("udp") - udp == asked + 2);
    assert_eq!(count("xdp") - xdp, asked);

    // A response, and noise, get no answer and do no harm.
    let mut response = query("static.example.test", 1, &[]);
    response[2] |= 0x80;
    for noise in [&response[..], &[0; 5], &[], &[0xff; 600]] {
        assert_eq!(
            place.at_client(|| exchange(IPV4, noise, Duration::from_millis(50))),
            None
        );
    }

    // What is reloaded is answered past the kernel, too.
    let text = std::fs::read_to_string(folder.path("zones/example.test.records")).unwrap();
    folder.write("zones/example.test.records", &(text + "new A 192.0.2.99\n"));
    server.signal("HUP");
    wait_until("the new record", Duration::from_secs(20), || {
        let answer = place.at_client(|| exchange(IPV4, &query("new.example.test", 1, &[]), SECOND));
        answer.is_some_and(|answer| answer.ends_with(&[192, 0, 2, 99]))
    });
    assert!(place.has_program());
    assert_eq!(server.stop(), Some(0));
    assert!(!place.has_program(), "it goes with the server");
}

#[test]
fn many_clients_at_once_get_each_their_own_answer() {
    let place = place_or_skip!();
    let folder = place.folder(&xdp());
    folder.zone("");
    let records: String = (0..200).map(|n| format!("h{n} A 10.9.8.{n}\n")).collect();
    let text = std::fs::read_to_string(folder.path("zones/example.test.records")).unwrap();
    folder.write("zones/example.test.records", &(text + &records));
    let server = place.start(&folder, &[]);
    assert!(place.has_program(), "{}", server.log());
    place.at_client(|| {
        let socket = std::net::UdpSocket::bind("10.88.0.2:0").unwrap();
        socket.connect(IPV4).unwrap();
        socket.set_read_timeout(Some(SECOND)).unwrap();
        // Several times as many as there are frames for answers.
        for _ in 0..40 {
            let mut missing = [true; 200];
            for number in 0..200u8 {
                let mut message = query(&format!("h{number}.example.test"), 1, &[]);
                message[1] = number;
                socket.send(&message).unwrap();
            }
            for _ in 0..200 {
                let mut octets = [0; 512];
                let length = socket.recv(&mut octets).unwrap();
                assert_eq!(octets[length - 1], octets[1], "the answer is its query's");
                assert!(std::mem::take(&mut missing[usize::from(octets[1])]), "once");
            }
        }
    });
    server.kill();
    assert!(
        !place.has_program(),
        "it goes with the process, however that ends"
    );
}

#[test]
fn where_it_is_refused_the_sockets_answer_and_the_log_says_why() {
    let place = place_or_skip!();
    let is_answered = || {
        let ask = || exchange(IPV4, &query("static.example.test", 1, &[]), SECOND);
        place
            .at_client(ask)
            .is_some_and(|answer| answer.ends_with(&[192, 0, 2, 80]))
    };
    for (name, why) in [("none-such", "`ip link` lists them"), ("lo", "no Ethernet")] {
        let folder = place.folder(&format!("xdp = [\"{name}\"]"));
        folder.zone("");
        let server = place.start(&folder, &[]);
        assert!(is_answered() && !place.has_program());
        let log = server.log();
        assert!(log.contains("come by sockets") && log.contains(why), "{log}");
        server.stop();
    }
    let folder = place.folder(&xdp());
    folder.zone("");
    let without = ["setpriv", "--bounding-set", "-net_admin,-bpf,-sys_admin,-net_raw"];
    let server = place.start(&folder, &without);
    assert!(is_answered() && !place.has_program());
    let log = server.log();
    assert!(
        log.contains("come by sockets") && log.contains("CAP_NET_ADMIN"),
        "{log}"
    );
    server.stop();

    let first = place.start(&folder, &[]);
    assert!(place.has_program(), "{}", first.log());
    let other = place.folder(&xdp());
    other.write(
        "pointsman.toml",
        &std::fs::read_to_string(other.path("pointsman.toml"))
            .unwrap()
            .replace(":53\"", ":54\"")
            .replace("8053", "8054"),
    );
    other.zone("");
    let second = place.start_only(&other, &[]);
    wait_until("it is refused", Duration::from_secs(20), || {
        second
            .log()
            .contains("another program or process has the interface")
    });
    assert!(is_answered(), "the first is not disturbed");
    assert_eq!(second.stop(), Some(0));
    assert!(place.has_program());
}
