#!/usr/bin/env python3
"""A spoofed flood at line rate: what it brings back, and who is answered meanwhile.

  flood.py [--seconds S] [--rate QUERIES-PER-SECOND] [--workers N] [--binary FILE] [--only WORD] [--keep-lane-off]

Three network namespaces: the server between a flooder and an honest client, each on a veth pair of its own. The flooder
(flood/flood.c) sends queries for a large TXT set by AF_PACKET, as many as the interface takes. Meanwhile the honest client
asks at a steady pace, each query once, with the cookie it was given; then the same with two retries, as resolvers do; without
a cookie; over one TCP connection; and over a connection for each query.

Printed for each flood: packets per second that reached the server's interface; octets sent back to forged sources per octet
received from them (IP and above, from the interface's counters; under 1.0 is no amplification); the share of the honest
client's queries that were answered, and the server's resident memory. The server runs at the shipped defaults with
`[dns.rate_limit] per_second = 200`.

Needs root, ip, gcc and a release build. All namespaces are its own and removed at the end.
"""
import argparse
import os
import pathlib
import re
import select
import socket
import struct
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER, FLOODER, CLIENT = (f"pm-{os.getpid()}-{who}" for who in ("server", "flood", "honest"))
ADDRESS = {"flood": "10.9.1.1", "honest": "10.9.2.1"}
LARGE = "large.flood.test"
SMALL = "www.flood.test"


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


def inside(space, *words):
    return ["ip", "netns", "exec", space, *words]


def spaces():
    for space in (SERVER, FLOODER, CLIENT):
        run("ip", "netns", "add", space)
        run(*inside(space, "ip", "link", "set", "lo", "up"))
    for number, (name, space) in enumerate((("flood", FLOODER), ("honest", CLIENT)), 1):
        run("ip", "link", "add", name, "netns", SERVER, "type", "veth", "peer", "name", "up", "netns", space)
        for where, link, last in ((SERVER, name, 1), (space, "up", 2)):
            run(*inside(where, "ip", "address", "add", f"10.9.{number}.{last}/24", "dev", link))
            run(*inside(where, "ip", "link", "set", link, "up"))
    # What goes to forged sources leaves by the flooder's link, whose end drops it.
    run(*inside(SERVER, "ip", "route", "add", "default", "via", "10.9.1.2"))
    for link in ("all", "default", "flood", "honest"):
        run(*inside(SERVER, "sysctl", "-qw", f"net.ipv4.conf.{link}.rp_filter=0"))


def configuration(folder, arguments):
    zones = folder / "zones"
    zones.mkdir()
    texts = "".join(f'large TXT "{chr(97 + i) * 200}"\n' for i in range(5))
    (zones / "flood.test.zone").write_text(
        f"$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n@ NS ns1\nns1 A {ADDRESS['honest']}\nwww A 192.0.2.1\n{texts}")
    lane = "[dns.cookies]\nlane = false\n" if arguments.keep_lane_off else ""
    (folder / "pointsman.toml").write_text(
        f'[dns]\nlisten = ["{ADDRESS["flood"]}:53", "{ADDRESS["honest"]}:53"]\nworkers = {arguments.workers}\n'
        f"{lane}[dns.rate_limit]\nper_second = 200\n"
        '[zones]\ndirectory = "zones"\n[state]\ndirectory = "state"\n[api]\nlisten = "127.0.0.1:8053"\n')
    return folder / "pointsman.toml"


def query(number, name, options=b""):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(options)) + options
    return struct.pack("!HHHHHH", number, 0, 1, 0, 0, 1) + labels + b"\0\1\0\1" + opt


def cookie_of(answer):
    at = answer.rfind(b"\0\x0a\0\x18")
    return answer[at:at + 28] if at >= 0 else None


class Honest:
    """One client; `tries` per query, half a second each, at a steady pace."""

    def __init__(self, seconds, rate):
        self.seconds, self.rate = seconds, rate

    def pace(self):
        begin = time.monotonic()
        for number in range(int(self.seconds * self.rate)):
            wait = begin + number / self.rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            yield number & 0xFFFF

    def over_udp(self, with_cookie, tries):
        """Asks without waiting for the answer before, so that a lost one delays nobody."""
        handle = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        handle.bind(("10.9.2.2", 0))
        handle.connect((ADDRESS["honest"], 53))
        handle.setblocking(False)
        options = b"\0\x0a\0\x08" + os.urandom(8)
        if with_cookie:
            for _ in range(200):
                handle.send(query(1, SMALL, options))
                if select.select([handle], [], [], 0.5)[0]:
                    options = cookie_of(handle.recv(4096)) or options
                    break
        made = options if with_cookie else b""
        state, answered = {}, 0
        asked = 0

        def collect(wait):
            nonlocal answered
            while select.select([handle], [], [], wait)[0]:
                wait = 0
                try:
                    answer = handle.recv(4096)
                except OSError:
                    continue
                number = struct.unpack("!H", answer[:2])[0]
                # Cut short or BADCOOKIE is no answer.
                if answer[6:8] == b"\0\1" and number in state:
                    del state[number]
                    answered += 1

        def again():
            now = time.monotonic()
            for number, (sent, count) in list(state.items()):
                if now - sent > 0.5:
                    if count < tries:
                        state[number] = (now, count + 1)
                        self.send(handle, query(number, SMALL, made))
                    else:
                        del state[number]

        for number in self.pace():
            asked += 1
            state[number] = (time.monotonic(), 1)
            self.send(handle, query(number, SMALL, made))
            collect(0)
            again()
        while state:
            collect(0.05)
            again()
        return answered / asked

    @staticmethod
    def send(handle, octets):
        try:
            handle.send(octets)
        except OSError:
            pass

    def over_tcp(self, kept):
        answered = asked = 0
        handle = None
        for number in self.pace():
            asked += 1
            try:
                if handle is None:
                    handle = socket.create_connection((ADDRESS["honest"], 53), timeout=2)
                octets = query(number, SMALL)
                handle.sendall(struct.pack("!H", len(octets)) + octets)
                answer = handle.recv(4096)
                answered += answer[2:4] == octets[:2]
            except OSError:
                handle = None
                continue
            if not kept:
                handle.close()
                handle = None
        return answered / asked


def honest(what, seconds, rate):
    """Runs one honest client in its namespace."""
    code = f"import flood; print(flood.Honest({seconds}, {rate}).{what})"
    return float(run(*inside(CLIENT, "python3", "-c", code), cwd=pathlib.Path(__file__).parent))


def counters(link):
    """Packets and octets received and sent, without Ethernet's header."""
    base = f"/sys/class/net/{link}/statistics/"
    names = [f"{base}{way}_{what}" for way in ("rx", "tx") for what in ("packets", "bytes")]
    values = [int(value) for value in run(*inside(SERVER, "cat", *names)).split()]
    return [values[0], values[1] - 14 * values[0], values[2], values[3] - 14 * values[2]]


def resident(process):
    text = pathlib.Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def floods(program, mac, arguments, process):
    """Each flood, with each client meanwhile."""
    clients = {
        "cookie, 1 try": "over_udp(True, 1)",
        "cookie, 3 tries": "over_udp(True, 3)",
        "TCP, kept": "over_tcp(True)",
        "TCP, new": "over_tcp(False)",
        "no cookie, 1 try": "over_udp(False, 1)",
        "no cookie, 3 tries": "over_udp(False, 3)",
    }
    for sources, cookie in (("one", "none"), ("one", "client"), ("all", "none"), ("one", "forged"), ("all", "forged")):
        if arguments.only and arguments.only not in f"{sources} {cookie}":
            continue
        print(f"\nflood from {'one /24' if sources == 'one' else 'all addresses'}, cookie: {cookie}")
        for name, what in clients.items():
            if arguments.client and arguments.client not in name:
                continue
            before, began = counters("flood"), time.monotonic()
            with subprocess.Popen(
                    inside(FLOODER, program, "up", mac, ADDRESS["flood"] if arguments.other else ADDRESS["honest"], LARGE, "16",
                           str(arguments.seconds + 4), sources, cookie),
                    stdout=subprocess.PIPE, text=True) as flood:
                time.sleep(1)
                share = honest(what, arguments.seconds, arguments.rate)
                # While the flood still lasts.
                after, took = counters("flood"), time.monotonic() - began
                flood.communicate()
            rx, rx_octets, tx, tx_octets = (new - old for new, old in zip(after, before))
            print(f"  {name:<20} answered {100 * share:6.2f} %   flood {rx / took / 1000:6.0f} kpps in, "
                  f"{tx / took / 1000:6.1f} kpps back   amplification {tx_octets / max(rx_octets, 1):6.4f}   "
                  f"RSS {resident(process):.1f} MB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--binary", default=ROOT / "target/release/pointsman")
    parser.add_argument("--only", help="one flood, like \"one none\"")
    parser.add_argument("--client", help="one client, like \"cookie, 1\"")
    parser.add_argument("--keep-lane-off", action="store_true", help="without the socket for cookies, for comparison")
    parser.add_argument("--other", action="store_true", help="flood the server's other address")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        program = folder / "flood"
        run("gcc", "-O2", "-o", program, ROOT / "tests/measure/flood/flood.c")
        server = None
        try:
            spaces()
            file = configuration(folder, arguments)
            log = open(folder / "log", "w")
            server = subprocess.Popen(inside(SERVER, arguments.binary, "serve", "--config", file), stdout=log, stderr=log)
            mac = run(*inside(SERVER, "cat", "/sys/class/net/flood/address")).strip()
            deadline = time.monotonic() + 60
            while "53" not in run(*inside(SERVER, "ss", "-Hlnu")):
                if time.monotonic() > deadline or server.poll() is not None:
                    raise SystemExit((folder / "log").read_text())
                time.sleep(0.05)
            idle = honest("over_udp(True, 1)", 2, arguments.rate)
            print(f"without a flood: answered {100 * idle:.2f} %, RSS {resident(server.pid):.1f} MB")
            floods(program, mac, arguments, server.pid)
            print("\n" + "\n".join(line for line in (folder / "log").read_text().splitlines() if "limit" in line))
        finally:
            if server:
                server.terminate()
                server.wait()
            for space in (SERVER, FLOODER, CLIENT):
                subprocess.run(["ip", "netns", "del", space], check=False)


if __name__ == "__main__":
    main()
