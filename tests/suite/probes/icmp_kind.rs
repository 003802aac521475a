//! `icmp` against the kernel of another network namespace, over both kinds of sockets.

use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use pointsman::health::observation::FaultClass::{Local, Timeout, Unreachable};
use pointsman::health::observation::Phase::{Connect, FirstByte};
use pointsman::model::check::{CheckKind, IcmpCheck};

use super::Expect::{Bad, Good};
use super::{hold, probe, target};

/// Two namespaces with a wire between them; the far one has addresses that answer, are silent, say no, or are slow.
const WORLD: &str = r#"
set -e
ip link set lo up
unshare --net sleep 120 & far=$!
until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
ip link add near type veth peer name far netns $far
ip addr add 192.0.2.1/24 dev near
ip addr add 2001:db8::1/64 dev near nodad
ip link set near up
nsenter --net=/proc/$far/ns/net sh -ec '
  ip link set lo up
  for n in 2 3 4 5; do ip addr add 192.0.2.$n/24 dev far; ip addr add 2001:db8::$n/64 dev far nodad; done
  ip link set far up
  nft add table inet t
  nft add chain inet t in "{ type filter hook input priority 0; }"
  nft add rule inet t in ip daddr 192.0.2.3 drop
  nft add rule inet t in ip daddr 192.0.2.4 reject with icmp type host-unreachable
  nft add rule inet t in ip daddr 192.0.2.5 reject with icmp type admin-prohibited
  nft add rule inet t in ip6 daddr 2001:db8::3 icmpv6 type echo-request drop
  nft add rule inet t in ip6 daddr 2001:db8::4 icmpv6 type echo-request reject with icmpv6 type addr-unreachable
  nft add rule inet t in ip6 daddr 2001:db8::5 icmpv6 type echo-request reject with icmpv6 type admin-prohibited
'
ip route add unreachable 192.0.2.66/32
# A new namespace allows nobody.
[ -z "$range" ] || echo "$range" > /proc/sys/net/ipv4/ping_group_range
set +e
$with "$0" --ignored --exact "$@"
end=$?
kill $far
exit $end
"#;

fn run_apart(range: &str, with: &str, test: &str) {
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "sh", "-c", WORLD])
        .arg(std::env::current_exe().unwrap())
        .arg(format!("probes::icmp_kind::{test}"))
        .env("range", range)
        .env("with", with)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn icmp(payload: u16, address: &str) -> pointsman::model::check::Target {
    let address: IpAddr = address.parse().unwrap();
    target(
        CheckKind::Icmp(IcmpCheck { payload }),
        SocketAddr::new(address, 0),
    )
}

#[test]
fn over_datagram_sockets() {
    // Without the privilege that raw sockets need: nothing but datagrams is left.
    run_apart(
        "0 0",
        "setpriv --bounding-set=-net_raw --inh-caps=-net_raw",
        "echoes",
    );
}

#[test]
fn over_raw_sockets() {
    run_apart("", "", "echoes");
}

#[test]
fn over_neither() {
    run_apart(
        "",
        "setpriv --bounding-set=-net_raw --inh-caps=-net_raw",
        "denied",
    );
}

#[tokio::test]
#[ignore = "run in network namespaces of its own"]
async fn echoes() {
    #[rustfmt::skip]
    let cases = [
        ("answers", "192.0.2.2", 56, Good("echo of 56 octets")),
        ("answers nothing to nothing", "192.0.2.2", 0, Good("echo of 0 octets")),
        ("answers much", "192.0.2.2", 1452, Good("echo of 1452 octets")),
        ("answers by IPv6", "2001:db8::2", 56, Good("echo of 56 octets")),
        ("answers much by IPv6", "2001:db8::2", 1452, Good("echo of 1452 octets")),
        ("ourselves", "127.0.0.1", 56, Good("echo of 56 octets")),
        ("ourselves by IPv6", "::1", 56, Good("echo of 56 octets")),
        ("silent", "192.0.2.3", 56, Bad(FirstByte, Timeout, "timeout after 0.600 s while waiting for an answer")),
        ("silent by IPv6", "2001:db8::3", 56, Bad(FirstByte, Timeout, "while waiting for an answer")),
        ("says that there is no way", "192.0.2.4", 56, Bad(FirstByte, Unreachable, "host unreachable")),
        ("says that there is no way by IPv6", "2001:db8::4", 56, Bad(FirstByte, Unreachable, "host unreachable")),
        ("says that it is not wanted", "192.0.2.5", 56, Bad(FirstByte, Unreachable, "unreachable")),
        ("says that it is not wanted by IPv6", "2001:db8::5", 56, Bad(FirstByte, Unreachable, "administratively prohibited")),
        ("no way from here", "192.0.2.66", 56, Bad(Connect, Unreachable, "host unreachable")),
        ("no way at all", "198.51.100.1", 56, Bad(Connect, Unreachable, "network unreachable")),
    ];
    // The link has just come up: neighbours are found when it carries.
    for address in ["192.0.2.2", "2001:db8::2"] {
        let mut left = 50;
        while !probe(&icmp(56, address), Duration::from_millis(200))
            .await
            .finding
            .is_good()
        {
            left -= 1;
            assert!(left > 0, "{address} never answers");
        }
    }
    let mut wrong = Vec::new();
    for (case, address, payload, wanted) in cases {
        let seen = probe(&icmp(payload, address), Duration::from_millis(600)).await;
        wrong.extend(hold(case, &seen, &wanted).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
#[ignore = "run in a network namespace of its own, without the privilege of raw sockets"]
async fn denied() {
    for address in ["192.0.2.2", "2001:db8::2"] {
        let seen = probe(&icmp(56, address), Duration::from_millis(600)).await;
        let wanted = Bad(
            Connect,
            Local,
            "this node may send no ICMP: widen `net.ipv4.ping_group_range`",
        );
        hold(address, &seen, &wanted).unwrap();
    }
}
