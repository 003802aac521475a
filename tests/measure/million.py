#!/usr/bin/env python3
"""A million records side by side: when they are served, what they take, and what a reload takes and delays.

  million.py [--hosts 666000] [--servers pointsman,nsd,knot]

For each server, one after the other on the same zone: seconds from the start to the first answer; memory then; and for
three edits of the zone (one record, one in a hundred, the TTL of all) the seconds until the new zone is served, the most
memory meanwhile as a multiple of that before, and the latency of queries before and meanwhile.

Memory is PSS, summed over a process and its children, sampled each 30 ms; for a server of one process VmHWM is shown as
well, which misses no peak. Latency is that of one query at a time, about 3,000 a second, on a core of its own if there
is one: a busy machine shows in the figures before as well.
"""
import argparse
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import beside
from pointsman import ask, free_port, wire

PAUSE = 0.0002


def ping(port, until):
    """Latencies in ms of one query at a time, until the file `until` is there."""
    found, index = [], 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.connect(("127.0.0.1", port))
        while not pathlib.Path(until).exists():
            for _ in range(50):
                index += 7919
                begin = time.perf_counter()
                try:
                    s.send(wire(f"h{index % 10000}.{beside.ZONE}"))
                    s.recv(4096)
                except OSError:
                    pass
                found.append((time.perf_counter() - begin) * 1000)
                time.sleep(PAUSE)
    found.sort()
    print(json.dumps([len(found), found[len(found) // 2], found[len(found) * 99 // 100], found[-1]]))


class Pinging:
    def __init__(self, folder, port):
        self.until = folder / f"until{time.monotonic_ns()}"
        self.process = subprocess.Popen([sys.executable, __file__, "--ping", str(port), str(self.until)],
                                        stdout=subprocess.PIPE, text=True)

    def end(self):
        self.until.touch()
        return json.loads(self.process.communicate()[0])


def memory(pid):
    total = 0.0
    for one in beside.family(pid):
        try:
            total += beside.memory_mb([one])
        except (OSError, TypeError):
            pass  # it has ended meanwhile
    return total


def peak(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def edit(text, version, which):
    """The zone's text with another marker, and so many other records changed."""
    text = re.sub(r"^version A .*$", f"version A 10.99.0.{version}", text, count=1, flags=re.M)
    text = text.replace(f"hostmaster {version - 1} 3600", f"hostmaster {version} 3600", 1)
    if which == "1 %":
        return re.sub(r"^(h\d*37 A) 10\.", r"\1 11.", text, flags=re.M)
    if which == "all TTLs":
        return text.replace("$TTL 300", "$TTL 301", 1)
    return text


def reload(name, folder, port, process, files, version, which):
    texts = {file: edit(file.read_text(), version, which) for file in files}
    for file, text in texts.items():
        file.write_text(text)
    quiet = Pinging(folder, port)
    time.sleep(1.5)
    before = quiet.end()
    steady = memory(process.pid)
    resident = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1]) / 1024
    pathlib.Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    busy = Pinging(folder, port)
    time.sleep(0.3)
    begin, most = time.monotonic(), steady
    process.send_signal(signal.SIGHUP)
    served = None
    while served is None or time.monotonic() - begin < served + 0.5:
        most = max(most, memory(process.pid))
        answer = ask(port, f"version.{beside.ZONE}", timeout=0.5)
        if served is None and answer and answer[1] == [f"10.99.0.{version}"]:
            served = time.monotonic() - begin
        if time.monotonic() - begin > 120:
            break
        time.sleep(0.03)
    during = busy.end()
    alone = len(beside.family(process.pid)) == 1
    hwm = f" (VmRSS {resident:.0f}, VmHWM {peak(process.pid):.0f}: {peak(process.pid) / resident:.2f})" if alone else ""
    print(f"{name:10} reload, {which:10}: served after {served or float('nan'):5.2f} s, memory {steady:.0f} -> "
          f"{most:.0f} MB: {most / steady:.2f}{hwm}; ms before p50 {before[1]:.3f} p99 {before[2]:.3f}, "
          f"meanwhile p50 {during[1]:.3f} p99 {during[2]:.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=666_000)
    parser.add_argument("--servers", default="pointsman,nsd,knot")
    parser.add_argument("--ping", nargs=2)
    options = parser.parse_args()
    if options.ping:
        return ping(int(options.ping[0]), options.ping[1])
    beside.HEAD += "version A 10.99.0.1\n"
    wanted = [name for name in options.servers.split(",")
              if name == "pointsman" or shutil.which({"knot": "knotd"}.get(name, name))]
    for name in wanted:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="pointsman-million-"))
        port = {each: free_port() for each in ["echo", "pointsman", "gdnsd", "nsd", "knot"]}
        beside.write_zone(folder, options.hosts)
        files = [folder / f"zones/{beside.ZONE}.records"] if name == "pointsman" else [folder / "whole.zone"]
        process = subprocess.Popen(beside.commands(folder, port)[name], stdout=subprocess.DEVNULL,
                                   stderr=open(folder / "log", "w"))
        try:
            ready = beside.wait_for(port[name], process)
            if ready is None:
                print(f"{name:10} did not start: {(folder / 'log').read_text()[-500:]}")
                continue
            time.sleep(1)
            print(f"{name:10} ready after {ready:.2f} s, memory {memory(process.pid):.0f} MB", flush=True)
            for version, which in enumerate(["one record", "1 %", "all TTLs", "one record"], 2):
                reload(name, folder, port[name], process, files, version, which)
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
