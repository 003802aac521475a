"""What the measurements share: a configuration in a fresh folder, the server, practice backends, a DNS client."""

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request

BINARY = os.environ.get("POINTSMAN", os.path.join(os.path.dirname(__file__), "../../target/release/pointsman"))
RECORDS = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 604800 60\n@ NS ns1\nns1 A 192.0.2.53\n"


def free_port():
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]


class Server:
    """pointsman in a folder of its own; `zone` is the text behind the zone's head."""

    def __init__(self, zone, more="", dns=None, prefix=()):
        self.folder = tempfile.mkdtemp(prefix="pointsman-measure-")
        self.port, self.api, self.prefix = dns or free_port(), free_port(), list(prefix)
        os.mkdir(f"{self.folder}/zones")
        self.write("pointsman.toml", f"""node = "measure"
[dns]
listen = ["127.0.0.1:{self.port}"]
[zones]
directory = "zones"
watch = false
[state]
directory = "state"
[api]
listen = "127.0.0.1:{self.api}"
{more}
""")
        self.write("zones/example.test.records", RECORDS)
        self.zone(zone)
        self.process = None

    def write(self, name, text):
        with open(f"{self.folder}/{name}~", "w") as file:
            file.write(text)
        os.rename(f"{self.folder}/{name}~", f"{self.folder}/{name}")

    def zone(self, text):
        self.write("zones/example.test.toml",
                   'origin = "example.test"\nrecords = "example.test.records"\nttl = "10s"\n' + text)

    def start(self, wait=True):
        self.log = open(f"{self.folder}/log", "a")
        self.process = subprocess.Popen(
            [*self.prefix, BINARY, "serve", "--log-format", "json", "--config", f"{self.folder}/pointsman.toml"],
            stderr=self.log)
        if wait:
            deadline = time.monotonic() + 30
            while ask(self.port, "ns1.example.test", timeout=0.02) is None:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the server did not start:\n" + open(f"{self.folder}/log").read()[-2000:])
        return self

    def kill(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait()

    def events(self):
        with open(f"{self.folder}/log") as file:
            return [json.loads(line) for line in file if line.startswith("{")]

    def post(self, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}{path}", json.dumps(body or {}).encode(),
                                         {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def wire(name, qtype=1, qid=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.strip(".").split("."))
    return struct.pack("!6H", qid, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", qtype, 1)


def decode(raw):
    """RCODE and the addresses of a response whose owners are pointers."""
    rcode, count = raw[3] & 15, struct.unpack("!H", raw[6:8])[0]
    at, found = 12, []
    while raw[at]:
        at += raw[at] + 1
    at += 5
    for _ in range(count):
        rtype, _, _, length = struct.unpack("!HHIH", raw[at + 2:at + 12])
        at += 12
        if rtype == 1:
            found.append(socket.inet_ntoa(raw[at:at + 4]))
        at += length
    return rcode, sorted(found)


def ask(port, name, timeout=1.0, server="127.0.0.1"):
    """(rcode, addresses) over UDP, None without an answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.connect((server, port))
        try:
            s.send(wire(name))
            raw = s.recv(4096)
            # A socket may get the very port that it asks, while nobody else has it: then it hears itself.
            return decode(raw) if raw[2] & 0x80 else None
        except OSError:
            return None


class Backend:
    """A TCP backend that can be switched on and off at once: on accepts, off refuses."""

    def __init__(self, address, port):
        self.at, self.listener = (address, port), None

    def on(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.at)
        self.listener.listen(256)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                listener.accept()[0].close()

    def off(self):
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
