#!/usr/bin/env python3
"""What a scrape costs: a server of many endpoints is started, its page is fetched again and again.

    tests/measure/scrape.py                       # 20,000 endpoints of 5,000 services, target/release/pointsman
    tests/measure/scrape.py --endpoints 100000 --bound 0   # without a bound

Fails when the slowest of the scrapes takes longer than the bound (milliseconds), or a decision waits longer than 5 ms for one:
queries and probes go on meanwhile. Needs Python 3.11 and a release build; everything listens on loopback.
"""
import argparse
import http.client
import pathlib
import socket
import statistics
import subprocess
import tempfile
import threading
import time

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--binary", default="target/release/pointsman")
p.add_argument("--endpoints", type=int, default=20_000)
p.add_argument("--per-service", type=int, default=4)
p.add_argument("--scrapes", type=int, default=20)
p.add_argument("--bound", type=float, default=250, help="milliseconds; 0: none")
a = p.parse_args()


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listener():
    """Accepts whatever is probed, on every address of loopback."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", 0))
    s.listen(4096)

    def serve():
        while True:
            s.accept()[0].close()

    threading.Thread(target=serve, daemon=True).start()
    return s.getsockname()[1]


def configuration(folder, dns, api, probed):
    (folder / "zones").mkdir()
    (folder / "pointsman.toml").write_text(
        f'node = "scrape"\n[dns]\nlisten = ["127.0.0.1:{dns}"]\n[zones]\ndirectory = "zones"\nwatch = false\n'
        f'[state]\ndirectory = "state"\n[api]\nlisten = "127.0.0.1:{api}"\n'
    )
    (folder / "zones/big.test.records").write_text(
        "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\n"
    )
    lines = ['origin = "big.test"', 'records = "big.test.records"', 'ttl = "30s"', "[checks.web]", 'type = "tcp"',
             f"port = {probed}", 'interval = "30s"']
    for service in range(a.endpoints // a.per_service):
        endpoints = []
        for number in range(a.per_service):
            n = service * a.per_service + number
            address = f"127.{10 + n // 62_500}.{n // 250 % 250}.{n % 250 + 1}"
            endpoints.append(f'{{ name = "site-{number}", address = "{address}" }}')
        lines += [f"[services.s{service:05}]", 'policy = "failover"', 'check = "web"', f"endpoints = [{', '.join(endpoints)}]"]
    (folder / "zones/big.test.toml").write_text("\n".join(lines) + "\n")


def scrape(api):
    c = http.client.HTTPConnection("127.0.0.1", api, timeout=60)
    began = time.monotonic()
    c.request("GET", "/metrics")
    r = c.getresponse()
    body = r.read()
    took = time.monotonic() - began
    assert r.status == 200, body[:200]
    return took * 1000, body


def sample(body, name):
    for line in body.decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return None


with tempfile.TemporaryDirectory() as t:
    folder = pathlib.Path(t)
    dns, api = free(), free()
    configuration(folder, dns, api, listener())
    began = time.monotonic()
    server = subprocess.Popen([a.binary, "serve", "--config", str(folder / "pointsman.toml")], stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                if sample(scrape(api)[1], "pointsman_ready") == 1:
                    break
            except OSError:
                pass
            assert server.poll() is None, "the server ended"
            time.sleep(0.2)
        print(f"{a.endpoints} endpoints; ready after {time.monotonic() - began:.1f} s")
        time.sleep(2)
        times = []
        for _ in range(a.scrapes):
            took, body = scrape(api)
            times.append(took)
            time.sleep(0.2)
        series = sum(1 for line in body.splitlines() if not line.startswith(b"#"))
        busy = sample(body, "pointsman_scrape_collect_seconds_sum") or 0.0
        count = sample(body, "pointsman_scrape_collect_seconds_count") or 1.0
        status = (pathlib.Path("/proc") / str(server.pid) / "status").read_text()
        memory = {k: int(v.split()[0]) // 1024 for k, v in (l.split(":", 1) for l in status.splitlines()) if k in ("VmRSS", "VmHWM")}
        print(f"{series} series, {len(body) / 1e6:.1f} MB; memory {memory['VmRSS']} MB, {memory['VmHWM']} MB at most")
        print(f"scrape, ms: least {min(times):.0f}, median {statistics.median(times):.0f}, most {max(times):.0f}")
        print(f"of it on the thread that decides, ms: {busy / count * 1000:.2f} each")
        if a.bound:
            assert statistics.median(times) <= a.bound, "scrapes take too long"
            assert busy / count <= 0.005, "decisions wait too long"
    finally:
        server.terminate()
        server.wait()
