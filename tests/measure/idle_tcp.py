#!/usr/bin/env python3
"""What idle TCP connections cost: opens them, asks a query by each, and reads the server's memory while all are idle.

    tests/measure/idle_tcp.py                         # 10,000 connections, target/release/pointsman
    tests/measure/idle_tcp.py --connections 500 --bound 0

Fails when the server takes more than the bound (MB of resident memory), or a connection was closed, or a new client has to wait.
Needs Python 3.11, a release build, and as many file descriptors (ulimit -n) on both sides.
"""
import argparse
import pathlib
import resource
import socket
import struct
import subprocess
import tempfile
import time

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--binary", default="target/release/pointsman")
p.add_argument("--connections", type=int, default=10_000)
p.add_argument("--bound", type=float, default=200, help="MB; 0: none")
a = p.parse_args()

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
wanted = a.connections + 500
if hard != resource.RLIM_INFINITY and hard < wanted:
    raise SystemExit(f"{wanted} file descriptors are needed, the limit is {hard}: ulimit -n")
resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def query(number):
    message = struct.pack(">HHHHHH", number & 0xFFFF, 0, 1, 0, 0, 0) + b"\3www\4idle\4test\0\0\1\0\1"
    return struct.pack(">H", len(message)) + message


def ask(stream, number):
    stream.sendall(query(number))
    answer = b""
    while len(answer) < 2 or len(answer) < 2 + struct.unpack(">H", answer[:2])[0]:
        more = stream.recv(4096)
        if not more:
            raise SystemExit(f"connection {number} was closed")
        answer += more
    return answer


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024


with tempfile.TemporaryDirectory() as folder:
    folder, port = pathlib.Path(folder), free()
    (folder / "zones").mkdir()
    (folder / "pointsman.toml").write_text(
        f'node = "idle"\n[dns]\nlisten = ["127.0.0.1:{port}"]\n[dns.tcp]\nconnections = {a.connections * 2 + 100}\n'
        f"per_client = {a.connections * 2 + 100}\nper_prefix = {a.connections * 2 + 100}\nidle = '5m'\n"
        f'[zones]\ndirectory = "zones"\nwatch = false\n[state]\ndirectory = "state"\n[api]\nlisten = "127.0.0.1:{free()}"\n'
    )
    (folder / "zones/idle.test.zone").write_text(
        "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\nwww A 192.0.2.80\n"
    )
    server = subprocess.Popen([a.binary, "serve", "--config", str(folder / "pointsman.toml")], stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        before, held, began = resident(server.pid), [], time.monotonic()
        for number in range(a.connections):
            stream = socket.create_connection(("127.0.0.1", port), timeout=30)
            ask(stream, number)
            held.append(stream)
        opened = time.monotonic() - began
        full = resident(server.pid)
        began = time.monotonic()
        ask(socket.create_connection(("127.0.0.1", port), timeout=30), 1)
        newcomer = time.monotonic() - began
        for number, stream in enumerate(held):
            ask(stream, number)
        after = resident(server.pid)
        print(f"{a.connections} connections in {opened:.1f} s; resident: {before:.1f} MB before, {full:.1f} MB with all idle, "
              f"{after:.1f} MB when each has asked again; a newcomer was answered within {newcomer * 1000:.1f} ms")
        if a.bound and max(full, after) > a.bound:
            raise SystemExit(f"more than {a.bound} MB")
        if newcomer > 0.5:
            raise SystemExit("a newcomer waited for more than half a second")
    finally:
        server.terminate()
        server.wait()
