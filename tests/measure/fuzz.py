#!/usr/bin/env python3
"""Made-up messages through the whole server, built with AddressSanitizer, overflow checks and debug assertions.

  fuzz.py [--packets 10000000] [--streams 200000] [--secured 20000] [--seed 1] [--build] [--server PATH] [--driver PATH]

`--build` builds the server into target/asan (std itself is not instrumented) and the driver (fuzz_packets, nothing but std).
The server has services of every policy, static records of every shape, a TSIG key, transfers, trusted resolvers. Fails on a
report of the sanitizer, a panic or error in the log, a malformed, oversized or unasked reply, a wrong answer to the known question,
memory that grows in the second half, or an exit code other than 0.
"""
import argparse
import http.client
import os
import pathlib
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

from pointsman import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = "x86_64-unknown-linux-gnu"

KNOWN = bytes.fromhex("0022 face 0000 0001 0000 0000 0000".replace(" ", "")) + b"\x06static\x04fuzz\x04test\0\0\1\0\1"

RECORDS = """$TTL 300
@ SOA ns1 hostmaster 1 3600 600 604800 60
@ NS ns1
@ NS ns.sub
@ MX 10 static
ns1 A 192.0.2.53
static A 192.0.2.80
cname CNAME static
loop CNAME loop2
loop2 CNAME loop
out CNAME x.elsewhere.example.
*.wild A 192.0.2.9
*.wild MX 5 static
dname DNAME n.target
sub NS n1.sub
sub NS n2.sub
n1.sub A 192.0.2.101
n2.sub AAAA 2001:db8::102
ns.sub A 192.0.2.102
srv SRV 1 2 3 static
mx MX 1 static
https HTTPS 1 . alpn=h2
ent.a.b A 192.0.2.1
_dns.resolver SVCB 1 static alpn=dot
unknown TYPE65280 \\# 3 010203
"""
SERVICES = """origin = "fuzz.test"
records = "fuzz.test.records"
ttl = "10s"
[transfer]
allow = ["127.0.0.0/8"]
keys = ["key"]
[services.www]
policy = "failover"
ENDPOINTS
[services.weighted]
policy = "weighted"
ENDPOINTS
[services.sticky]
policy = "sticky"
ENDPOINTS
[services.all]
policy = "all"
max_answers = 2
ENDPOINTS
[services.v6]
policy = "failover"
endpoints = [{ name = "a", address = "2001:db8::1" }]
[services.many]
policy = "all"
endpoints = [MANY]
[services.svc]
policy = "failover"
srv = [{ name = "_sip._tcp", port = 5060, priority = 10 }]
mx = { preference = 10 }
https = { alpn = ["h2", "h3"], port = 8443 }
ENDPOINTS
[services."*.dyn"]
policy = "all"
ENDPOINTS
[services.nets]
policy = "subnet"
endpoints = [{ name = "a", address = "192.0.2.1", networks = ["127.0.0.0/8", "10.0.0.0/8"] }, { name = "b", address = "192.0.2.2", networks = ["0.0.0.0/0"] }]
"""
ENDPOINTS = ('endpoints = [{ name = "a", address = ["192.0.2.1", "2001:db8::1"] }, { name = "b", address = "192.0.2.2" }, '
             '{ name = "c", address = "192.0.2.3" }]')


def build(arguments):
    environment = dict(
        os.environ, RUSTC_BOOTSTRAP="1", RUSTFLAGS="-Zsanitizer=address -Cforce-frame-pointers=yes",
        CARGO_PROFILE_RELEASE_LTO="off", CARGO_PROFILE_RELEASE_CODEGEN_UNITS="16", CARGO_PROFILE_RELEASE_OPT_LEVEL="1",
        CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS="true", CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS="true")
    subprocess.run(["cargo", "build", "--release", "--bin", "pointsman", "--target", TARGET, "--target-dir", "target/asan"],
                   cwd=ROOT, env=environment, check=True)
    subprocess.run(["rustc", "-O", "--edition", "2024", "-o", arguments.driver, "tests/measure/fuzz_packets/main.rs"],
                   cwd=ROOT, check=True)


def write(folder, more):
    port, api = free_port(), free_port()
    (folder / "zones").mkdir()
    (folder / "key").write_text("c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0\n")
    (folder / "pointsman.toml").write_text(f"""node = "fuzz"
[dns]
listen = ["127.0.0.1:{port}"]
workers = 2
trust_ecs = ["127.0.0.0/8"]
{more}
[zones]
directory = "zones"
watch = false
[state]
directory = "state"
[api]
listen = "127.0.0.1:{api}"
[keys.key]
secret_file = "key"
""")
    many = ", ".join(f'{{ name = "e{i}", address = ["192.0.2.{i}", "2001:db8::{i:x}"] }}' for i in range(1, 60))
    (folder / "zones/fuzz.test.records").write_text(RECORDS + "".join(
        f'big TXT "{"x" * 200} {i}"\n' for i in range(30)))
    (folder / "zones/fuzz.test.toml").write_text(SERVICES.replace("ENDPOINTS", ENDPOINTS).replace("MANY", many))
    (folder / "zones/child.fuzz.test.zone").write_text("$TTL 60\n@ SOA ns1.fuzz.test. h 1 2 3 4 5\n@ NS ns1.fuzz.test.\nwww A 192.0.2.1\n")
    (folder / "zones/refused.test.zone").write_text("$TTL 60\n@ SOA ns1.fuzz.test. h 1 2 3 4 5\n@ NS\n")
    return port


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=fuzz", "-keyout", folder / "tls.key", "-out", folder / "tls.pem"], check=True, capture_output=True)
    ports = [free_port() for _ in range(3)]
    return ports, "".join(
        f'[dns.{name}]\nlisten = ["127.0.0.1:{port}"]\ncertificate = "tls.pem"\nkey = "tls.key"\n'
        for name, port in zip(["tls", "quic", "https"], ports))


def secured(arguments, ports, count, seed):
    """The same messages through TLS: whole frames over DoT, POST over DoH; noise to all three ports."""
    tls, quic, https = ports
    noise = subprocess.run([arguments.driver, "dump", str(count), str(seed)], stdout=subprocess.PIPE, check=True).stdout
    messages, at = [], 0
    while at < len(noise):
        length = struct.unpack_from("!H", noise, at)[0]
        messages.append(noise[at + 2:at + 2 + length])
        at += 2 + length
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    replies = statuses = 0
    for first in range(0, len(messages), 50):
        part = messages[first:first + 50]
        ids = {message[:2] for message in part}
        with socket.create_connection(("127.0.0.1", tls), 30) as raw, context.wrap_socket(raw) as stream:
            # One by one, so that neither side waits for the other; what is not answered is passed over by the known question.
            for message in part:
                stream.sendall(struct.pack("!H", len(message)) + message + KNOWN)
                try:
                    while True:
                        reply = frame(stream)
                        if reply[:2] == KNOWN[2:4]:
                            break
                        replies += 1
                        if reply[:2] not in ids or not reply[2] & 0x80:
                            sys.exit(f"DoT: {reply.hex()} answers {message.hex()}")
                except (EOFError, ConnectionError, ssl.SSLError):
                    break  # what is no message ends the connection
        connection = http.client.HTTPSConnection("127.0.0.1", https, context=context, timeout=30)
        for message in part:
            connection.request("POST", "/dns-query", message, {"content-type": "application/dns-message"})
            response = connection.getresponse()
            body = response.read()
            statuses += response.status == 200
            if response.status not in (200, 400, 413) or (response.status == 200 and not body[2] & 0x80):
                sys.exit(f"DoH: {response.status} {body.hex()} answers {message.hex()}")
        connection.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            for message in part:
                # A long header of QUIC 1, then anything.
                datagrams.sendto(b"\xc3\0\0\0\1\x08" + message + bytes(max(0, 1200 - len(message))), ("127.0.0.1", quic))
                datagrams.sendto(message or b"x", ("127.0.0.1", quic))
    for port in (tls, https):
        subprocess.run([arguments.driver, "noise", f"127.0.0.1:{port}", str(count // 50), str(seed)], check=True, stdout=subprocess.DEVNULL)
    print(f"TLS: {len(messages)} messages, {replies} replies over DoT, {statuses} over DoH; noise to all ports", flush=True)


def frame(stream):
    def exactly(count):
        octets = b""
        while len(octets) < count:
            more = stream.recv(count - len(octets))
            if not more:
                raise EOFError
            octets += more
        return octets
    return exactly(struct.unpack("!H", exactly(2))[0])


def memory(process):
    for line in open(f"/proc/{process.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=int, default=10_000_000)
    parser.add_argument("--streams", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--server", default=str(ROOT / f"target/asan/{TARGET}/release/pointsman"))
    parser.add_argument("--driver", default=str(ROOT / "target/fuzz_packets"))
    parser.add_argument("--secured", type=int, default=20_000)
    arguments = parser.parse_args()
    if arguments.build:
        build(arguments)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pointsman-fuzz-"))
    ports, secure = certificate(folder)
    port = write(folder, secure)
    log = folder / "log"
    environment = dict(os.environ, ASAN_OPTIONS=f"log_path={folder}/asan:detect_leaks=0:abort_on_error=0:exitcode=99")
    server = subprocess.Popen([arguments.server, "serve", "--config", folder / "pointsman.toml"], stderr=open(log, "wb"),
                              env=environment)
    try:
        run(arguments, server, port, ports, log)
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
    code = server.wait(30)
    text = log.read_text(errors="replace")
    reports = [path.read_text(errors="replace") for path in folder.glob("asan.*")]
    bad = [line for line in text.splitlines() if "panick" in line or (" ERROR " in line and "refused.test" not in line)]
    if code != 0 or reports or bad:
        sys.exit(f"exit code {code}\n" + "\n".join(bad[:20] + reports) + f"\n{folder}")
    print(f"clean: exit code 0, no report, no panic ({folder})")


def run(arguments, server, port, ports, log):
    for _ in range(600):
        if "listening" in log.read_text(errors="replace"):
            break
        time.sleep(0.1)
    else:
        sys.exit(f"the server does not start:\n{log.read_text()}")
    sizes = [memory(server)]
    parts = 10
    for part in range(parts):
        for kind, count in [("udp", arguments.packets), ("tcp", arguments.streams)]:
            done = subprocess.run([arguments.driver, kind, f"127.0.0.1:{port}", str(count // parts),
                                   str(arguments.seed * 1000 + part)], stdout=subprocess.PIPE, text=True)
            if done.returncode or server.poll() is not None:
                sys.exit(f"part {part}, {kind}: {done.stdout}; server: {server.poll()}; {log}")
            print(done.stdout.strip(), flush=True)
        secured(arguments, ports, arguments.secured // parts, arguments.seed * 1000 + part)
        sizes.append(memory(server))
        print(f"part {part + 1} of {parts}: the server has {sizes[-1]:.0f} MB", flush=True)
    # AddressSanitizer keeps freed memory back (quarantine, 256 MB), so the first half may grow.
    if sizes[-1] > sizes[parts // 2] * 1.1 + 20:
        sys.exit(f"memory grows: {[round(size) for size in sizes]} MB")


if __name__ == "__main__":
    main()
