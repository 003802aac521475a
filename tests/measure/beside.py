#!/usr/bin/env python3
"""CPU time per answered query of pointsman beside NSD, Knot and gdnsd, over UDP on loopback.

  beside.py [--hosts N] [--rounds N] [--seconds S] [--servers echo,pointsman,gdnsd,nsd,knot]

A closed loop (dnsperf, so many queries outstanding that no server ever waits) on core 1 asks each server on core 0; the
others are stopped meanwhile. Each round visits all in a fresh order; what is printed are medians over rounds, and
medians of the ratios within a round. CPU time is that of the process and its children, from /proc/PID/task/*/schedstat:
it holds on a shared machine where queries per second do not. `echo` (examples/echo.rs) sends queries back as they
are: what the kernel takes.

Needs dnsperf and whichever of nsd, knotd, gdnsd shall be measured; at least two cores.
"""
import argparse
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

from pointsman import ask, free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
ZONE = "beside.test"
SERVICES = 300
HEAD = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.1\n*.wild A 192.0.2.9\n"


def write_zone(folder, hosts):
    """`whole.zone` for the others; `own.zone` and services in its place for pointsman: s0 to s299."""
    plain, services = [HEAD], []
    for i in range(hosts):
        plain.append(f"h{i} A 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}\n")
        if i % 2 == 0:
            plain.append(f"h{i} AAAA 2001:db8::{i >> 16:x}:{i & 65535:x}\n")
    for i in range(100):
        plain.append(f"mx{i} MX 10 h{i % hosts}\ntxt{i} TXT \"a text of an ordinary length for a record\"\n")
    own = "".join(plain)
    for i in range(SERVICES):
        plain.append(f"s{i} 60 A 198.51.100.{i % 250 + 1}\n")
        services.append(f"[services.s{i}]\npolicy = \"failover\"\nendpoints = ["
                        f"{{ name = \"a\", address = \"198.51.100.{i % 250 + 1}\" }}, "
                        f"{{ name = \"b\", address = \"203.0.113.{i % 250 + 1}\" }}]\n")
    (folder / "whole.zone").write_text(f"$ORIGIN {ZONE}.\n" + "".join(plain))
    (folder / "zones").mkdir()
    (folder / f"zones/{ZONE}.records").write_text(own)
    (folder / f"zones/{ZONE}.toml").write_text(
        f'origin = "{ZONE}"\nrecords = "{ZONE}.records"\nttl = "60s"\n' + "".join(services))


def write_questions(path, hosts, count):
    chance = random.Random(1)
    host = lambda step=1, off=0: f"h{chance.randrange(hosts // step) * step + off}"
    kinds = [  # percent, question
        (30, lambda: f"s{chance.randrange(SERVICES)} A"), (37, lambda: f"{host()} A"),
        (3, lambda: f"{chance.randrange(10**9)}.wild A"), (10, lambda: f"{host(2)} AAAA"),
        (10, lambda: f"none{chance.randrange(10**12)} A"), (5, lambda: f"{host(2, 1)} AAAA"),
        (3, lambda: f"mx{chance.randrange(100)} MX"), (2, lambda: f"txt{chance.randrange(100)} TXT"),
    ]
    picked = chance.choices([kind for _, kind in kinds], [share for share, _ in kinds], k=count)
    path.write_text("".join(f"{name}.{ZONE} {rtype}\n" for name, rtype in (kind().split() for kind in picked)))


def commands(folder, port):
    """What starts each server, after writing its configuration."""
    binary = os.environ.get("POINTSMAN", ROOT / "target/release/pointsman")
    (folder / "pointsman.toml").write_text(
        f'node = "beside"\n[dns]\nlisten = ["127.0.0.1:{port["pointsman"]}"]\nworkers = 1\n'
        f'[zones]\ndirectory = "zones"\nwatch = false\n[state]\ndirectory = "state"\n'
        f'[api]\nlisten = "127.0.0.1:{free_port()}"\n')
    (folder / "nsd.conf").write_text(
        f'server:\n server-count: 1\n ip-address: 127.0.0.1@{port["nsd"]}\n username: ""\n zonesdir: "{folder}"\n'
        f' database: ""\n pidfile: "{folder}/nsd.pid"\n xfrdfile: "{folder}/xfrd"\n xfrdir: "{folder}"\n'
        f' zonelistfile: "{folder}/list"\n rrl-ratelimit: 0\n minimal-responses: yes\n'
        f'remote-control:\n control-enable: no\nzone:\n name: {ZONE}\n zonefile: whole.zone\n')
    (folder / "knot.conf").write_text(
        f'server:\n  rundir: {folder}\n  listen: 127.0.0.1@{port["knot"]}\n  udp-workers: 1\n  tcp-workers: 1\n'
        f'log:\n  - target: stderr\n    any: warning\ndatabase:\n  storage: {folder}\nzone:\n  - domain: {ZONE}\n'
        f'    file: {folder}/whole.zone\n    zonefile-sync: -1\n    journal-content: none\n')
    (folder / "gdnsd/zones").mkdir(parents=True)
    (folder / "gdnsd/zones" / ZONE).write_text((folder / "whole.zone").read_text().split("\n", 1)[1])
    (folder / "gdnsd/config").write_text(
        f'options => {{ listen => 127.0.0.1:{port["gdnsd"]}, udp_threads => 1, tcp_threads => 1,\n'
        f'  run_dir => {folder}/gdnsd/run, state_dir => {folder}/gdnsd/state, lock_mem => false }}\n')
    return {
        "echo": [ROOT / "target/release/examples/echo", f"127.0.0.1:{port['echo']}"],
        "pointsman": [binary, "serve", "--config", folder / "pointsman.toml"],
        "gdnsd": ["gdnsd", "-c", folder / "gdnsd", "start"],
        "nsd": ["nsd", "-d", "-c", folder / "nsd.conf"],
        "knot": ["knotd", "-c", folder / "knot.conf"],
    }


def family(pid):
    """A process and everything below it."""
    found = [pid]
    for one in found:
        for task in os.listdir(f"/proc/{one}/task"):
            found += map(int, pathlib.Path(f"/proc/{one}/task/{task}/children").read_text().split())
    return found


def cpu_seconds(pids):
    def spent(task):
        try:
            return int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:  # A thread that has ended meanwhile.
            return 0

    tasks = (task for pid in pids for task in pathlib.Path(f"/proc/{pid}/task").iterdir())
    return sum(map(spent, tasks)) / 1e9


def memory_mb(pids):
    sums = (pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
    return sum(int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) for text in sums) / 1024


def tell(pids, number):
    for pid in pids:
        os.kill(pid, number)


def one_run(port, questions, seconds, pids):
    tell(pids, signal.SIGCONT)
    before = cpu_seconds(pids)
    said = subprocess.run(
        ["taskset", "-c", "1", "dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(questions), "-l", str(seconds),
         "-c", "16", "-q", "192"], capture_output=True, text=True, check=True).stdout
    spent = cpu_seconds(pids) - before
    tell(pids, signal.SIGSTOP)
    answered = int(re.search(r"Queries completed:\s+(\d+)", said)[1])
    return spent * 1e6 / max(answered, 1)


def wait_for(port, process, limit=300):
    begin = time.monotonic()
    while time.monotonic() - begin < limit and process.poll() is None:
        answer = ask(port, f"ns1.{ZONE}", timeout=0.3)
        if answer and answer[0] == 0:
            return time.monotonic() - begin
        time.sleep(0.05)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--servers", default="echo,pointsman,gdnsd,nsd,knot")
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pointsman-beside-"))
    wanted = args.servers.split(",")
    port = {name: free_port() for name in ("echo", "pointsman", "gdnsd", "nsd", "knot")}
    write_zone(folder, args.hosts)
    questions = folder / "questions"
    write_questions(questions, args.hosts, min(50 * args.hosts, 500_000))
    started, running = {}, {}
    try:
        for name, command in commands(folder, port).items():
            if name not in wanted:
                continue
            if not shutil.which(command[0]):
                print(f"{name}: {command[0]} is not there")
                continue
            process = subprocess.Popen(["taskset", "-c", "0", *map(str, command)], cwd=folder,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            started[name] = process
            ready = wait_for(port[name], process)
            if ready is None:
                print(f"{name} does not answer")
                continue
            pids = family(process.pid)
            print(f"{name}: ready in {ready:.1f} s, {memory_mb(pids):.0f} MB")
            tell(pids, signal.SIGSTOP)
            running[name] = pids
        cost = {name: [] for name in running}
        for _ in range(args.rounds):
            for name in random.sample(list(running), len(running)):
                cost[name].append(one_run(port[name], questions, args.seconds, running[name]))
        print(f"\n{'CPU us/q':>20}" + "".join(f"{'/ ' + name:>12}" for name in cost))
        for name, own in cost.items():
            ratios = (statistics.median(a / b for a, b in zip(own, other)) for other in cost.values())
            print(f"{name:>10}{statistics.median(own):>10.2f}" + "".join(f"{ratio:>12.2f}" for ratio in ratios))
    finally:
        for name, process in started.items():
            if process.poll() is None:
                tell(family(process.pid), signal.SIGCONT)
                process.terminate()
                process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
