#!/usr/bin/env python3
"""CPU time per answered query past the kernel: pointsman and Knot, each by sockets and by AF_XDP, over veth pairs.

  xdp.py [--hosts N] [--rounds N] [--seconds S] [--servers NAMES] [--load FILE.c] [--ipv6]

Each server has a network namespace with one end of a veth pair; the other ends are in the clients' namespaces. A closed
loop on core 1 asks each server on core 0, the others stopped meanwhile, in a fresh order each round. What is printed are
medians over rounds, and medians of the ratios within a round.

Three figures for each, in microseconds per answered query: `server`, the process' own time (/proc/PID/task/*/schedstat);
`+softirq`, with the time of ksoftirqd, which may do the receiving; `+client`, with the load generator's, whose sending
runs the receiving side of the server's interface: all that a query costs this machine. The client's part is large and
the same for all.

The load is dnsperf's, or that of a C file which takes the options of dnsload (-s -p -f -l -c -w, JSON on stdout; IPv4
alone), built here. Needs root, iproute2, knotd, dnsperf; two cores; pointsman built with `--release --features xdp` ($POINTSMAN).
"""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import struct
import subprocess
import tempfile
import time

import beside

ZONE = beside.ZONE
SERVERS = ["pointsman", "pointsman-xdp", "knot", "knot-xdp"]
TYPES = {"A": 1, "MX": 15, "TXT": 16, "AAAA": 28}


def run(*command):
    subprocess.run(command, check=True)


class Place:
    """A veth pair and the two namespaces that it joins."""

    def __init__(self, number, name):
        # Names of interfaces are short.
        self.server, self.client = f"pms-{os.getpid()}-{number}", f"pmc-{os.getpid()}-{number}"
        self.interface, self.name = f"sv{number}", name
        four, six = f"10.77.{number}", f"fd77:{number}:"
        self.addresses = [f"{four}.1", f"{six}:1"]
        for space in (self.server, self.client):
            run("ip", "netns", "add", space)
            run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "link", "add", self.interface, "netns", self.server, "type", "veth",
            "peer", "name", f"cl{number}", "netns", self.client)
        for space, end, last in ((self.server, self.interface, 1), (self.client, f"cl{number}", 2)):
            run("ip", "-n", space, "address", "add", f"{four}.{last}/24", "dev", end)
            run("ip", "-n", space, "address", "add", f"{six}:{last}/64", "dev", end, "nodad")
            run("ip", "-n", space, "link", "set", end, "up")

    def within(self, space, core, *command):
        return ["ip", "netns", "exec", space, "taskset", "-c", str(core), *map(str, command)]

    def remove(self):
        for space in (self.server, self.client):
            subprocess.run(["ip", "netns", "del", space], check=False)


def command(place, folder):
    """What starts the server, after writing its configuration."""
    own = folder / place.name
    own.mkdir()
    past = place.name.endswith("-xdp")
    four, six = place.addresses
    if place.name.startswith("knot"):
        xdp = f"xdp:\n  listen: {place.interface}@53\n" if past else ""
        (own / "knot.conf").write_text(
            f'server:\n  rundir: {own}\n  listen: [ {four}@53, {six}@53 ]\n  udp-workers: 1\n  tcp-workers: 1\n{xdp}'
            f'log:\n  - target: stderr\n    any: warning\ndatabase:\n  storage: {own}\nzone:\n  - domain: {ZONE}\n'
            f'    file: {folder}/whole.zone\n    zonefile-sync: -1\n    journal-content: none\n')
        return ["knotd", "-c", own / "knot.conf"]
    xdp = f'xdp = ["{place.interface}"]\n' if past else ""
    (own / "pointsman.toml").write_text(
        f'node = "beside"\n[dns]\nlisten = ["{four}:53", "[{six}]:53"]\nworkers = 1\n{xdp}'
        f'[zones]\ndirectory = "{folder}/zones"\nwatch = false\n[state]\ndirectory = "state"\n[api]\nlisten = false\n')
    return [os.environ.get("POINTSMAN", beside.ROOT / "target/release/pointsman"), "serve", "--config",
            own / "pointsman.toml"]


def write_messages(questions, path):
    with open(path, "wb") as file:
        for line in questions.read_text().splitlines():
            name, rtype = line.split()
            labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
            message = struct.pack("!6H", 0, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", TYPES[rtype], 1)
            file.write(struct.pack("!H", len(message)) + message)


def softirqs():
    pids = [int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit()
            and (p / "comm").exists() and (p / "comm").read_text().startswith("ksoftirqd/")]
    return pids


class Load:
    """A closed loop."""

    def __init__(self, folder, questions, source, spread):
        self.questions, self.tool, self.spread = questions, None, spread
        if source:
            self.tool = folder / "load"
            run("cc", "-O2", "-o", str(self.tool), source)
            self.messages = folder / "messages"
            write_messages(questions, self.messages)

    def once(self, place, address, seconds):
        """Queries answered, and the load's own CPU seconds."""
        if self.tool:
            said = ["-s", address, "-p", 53, "-f", self.messages, "-l", seconds, "-c", self.spread, "-w", 512]
            command = place.within(place.client, 1, self.tool, *said)
        else:
            said = ["-s", address, "-d", self.questions, "-l", seconds, "-c", self.spread, "-q", 512]
            command = place.within(place.client, 1, "dnsperf", *said)
        before = os.times()
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        if self.tool:
            found = json.loads(out)
            return int(found["answered_total"]), spent
        return int(re.search(r"Queries completed:\s+(\d+)", out)[1]), spent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--load", help="a C file with dnsload's options, in place of dnsperf")
    parser.add_argument("--sockets", type=int, default=64, help="of the load: so many source ports")
    parser.add_argument("--ipv6", action="store_true")
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pointsman-xdp-"))
    beside.write_zone(folder, args.hosts)
    questions = folder / "questions"
    beside.write_questions(questions, args.hosts, min(50 * args.hosts, 500_000))
    load = Load(folder, questions, args.load, args.sockets)
    places, started, running = [], {}, {}
    try:
        for number, name in enumerate(args.servers.split(",")):
            place = Place(number, name)
            places.append(place)
            log = folder / f"{name}.log"
            process = subprocess.Popen(place.within(place.server, 0, *command(place, folder)), cwd=folder / name,
                                       stdout=subprocess.DEVNULL, stderr=log.open("w"))
            started[name] = process
            for _ in range(200):
                asked = subprocess.run(place.within(place.client, 1, "dig", "+time=1", "+tries=1", "+short",
                                                    f"@{place.addresses[0]}", f"ns1.{ZONE}"), capture_output=True, text=True)
                if asked.stdout.strip() == "192.0.2.1":
                    break
                time.sleep(0.1)
            else:
                print(f"{name} does not answer: {log.read_text()}")
                continue
            attached = subprocess.run(["ip", "-n", place.server, "link", "show", "dev", place.interface],
                                      capture_output=True, text=True).stdout
            mode = re.search(r"\b(xdp\w*)\b|prog/(xdp\w*)", attached)
            print(f"{name}: {mode[0] if mode else 'no program'} at the interface")
            for line in log.read_text().splitlines():
                if "past the kernel" in line:
                    print(f"    {line.split('pointsman::xdp')[-1].strip(': ')}")
            pids = beside.family(process.pid)
            beside.tell(pids, signal.SIGSTOP)
            running[name] = (place, pids)
        cost = {name: [] for name in running}
        rate = {name: [] for name in running}
        for _ in range(args.rounds):
            for name in random.sample(list(running), len(running)):
                place, pids = running[name]
                beside.tell(pids, signal.SIGCONT)
                before, soft = beside.cpu_seconds(pids), beside.cpu_seconds(softirqs())
                begin = time.monotonic()
                answered, client = load.once(place, place.addresses[args.ipv6], args.seconds)
                took = time.monotonic() - begin
                own = beside.cpu_seconds(pids) - before
                soft = beside.cpu_seconds(softirqs()) - soft
                beside.tell(pids, signal.SIGSTOP)
                per = 1e6 / max(answered, 1)
                cost[name].append((own * per, (own + soft) * per, (own + soft + client) * per))
                rate[name].append(answered / took)
        for column, title in enumerate(("server", "+softirq", "+client")):
            print(f"\n{'us/q, ' + title:>24}" + "".join(f"{'/ ' + name:>16}" for name in cost))
            for name, own in cost.items():
                mine = [one[column] for one in own]
                ratios = (statistics.median(a / b[column] for a, b in zip(mine, other)) for other in cost.values())
                print(f"{name:>14}{statistics.median(mine):>10.2f}" + "".join(f"{ratio:>16.2f}" for ratio in ratios))
        print("\nqueries/s: " + ", ".join(f"{name} {statistics.median(all_of):,.0f}" for name, all_of in rate.items()))
    finally:
        for name, process in started.items():
            if process.poll() is None:
                beside.tell(beside.family(process.pid), signal.SIGCONT)
                process.terminate()
                process.wait(10)
        for place in places:
            place.remove()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
