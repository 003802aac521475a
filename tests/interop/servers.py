"""Starts the servers on loopback: pointsman, and those whose answers it is held against."""
import os
import shutil
import signal
import subprocess
import tempfile
import time

import wire

NSD = """server:
  ip-address: {address}@{port}
  username: ""
  zonesdir: "{state}"
  pidfile: "{state}/pid"
  zonelistfile: "{state}/zone.list"
  xfrdfile: "{state}/xfrd.state"
  xfrdir: "{state}"
  database: ""
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
KNOT = """server:
  listen: {address}@{port}
  rundir: "{state}/run"
database:
  storage: "{state}/db"
  journal-db-max-size: 20M
  kasp-db-max-size: 5M
  timer-db-max-size: 5M
log:
  - target: stderr
    any: warning
template:
  - id: default
    storage: "{state}"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
"""
BIND = """options {{
  directory "{state}"; pid-file "{state}/pid"; session-keyfile "{state}/session.key";
  managed-keys-directory "{state}"; lock-file none; listen-on port {port} {{ {address}; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; empty-zones-enable no; notify no; allow-transfer {{ none; }};
  minimal-responses no; check-names primary ignore; check-integrity no; zero-no-soa-ttl no;
}};
controls {{ }};
"""
POINTSMAN = """node = "differential"
[dns]
listen = ["{address}:{port}"]
[zones]
directory = "{zones}"
watch = false
[state]
directory = "{state}/state"
[api]
listen = "127.0.0.1:{api}"
"""


class Server:
    """One server over the zones of a folder (`ORIGIN.zone` each), until the end of a `with`."""

    def __init__(self, kind, zones, origins, port, address="127.0.0.1"):
        self.kind, self.zones, self.origins = kind, os.path.abspath(zones), origins
        self.address, self.state, self.process = (address, port), None, None

    def command(self):
        facts = {"address": self.address[0], "port": self.address[1], "state": self.state, "zones": self.zones,
                 "api": self.address[1] + 50}

        def write(name, text):
            path = os.path.join(self.state, name)
            with open(path, "w") as file:
                file.write(text)
            return path

        if self.kind == "pointsman":
            os.mkdir(os.path.join(self.state, "state"))
            binary = os.environ.get("POINTSMAN", "pointsman")
            return [binary, "serve", "--config", write("pointsman.toml", POINTSMAN.format(**facts))]
        if self.kind == "nsd":
            stanza = 'zone:\n  name: "{}"\n  zonefile: "{}"\n'
            command, head = ["nsd", "-d", "-c"], NSD
        elif self.kind == "knot":
            for folder in ("run", "db"):
                os.mkdir(os.path.join(self.state, folder))
            stanza = '  - domain: "{}"\n    file: "{}"\n'
            command, head = ["knotd", "-c"], KNOT
        else:
            stanza = 'zone "{}" {{ type primary; file "{}"; }};\n'
            command, head = ["named", "-g", "-n", "1", "-c"], BIND
        files = "".join(stanza.format(origin, os.path.join(self.zones, origin + ".zone")) for origin in self.origins)
        return command + [write(self.kind + ".conf", head.format(**facts) + files)]

    def __enter__(self):
        self.state = tempfile.mkdtemp(prefix=f"differential.{self.kind}.")
        self.log = open(os.path.join(self.state, "log"), "w+b")
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            if self.reply(wire.query(1, (), 6, None)):
                return self
            time.sleep(0.05)
        tail = self.said()
        self.__exit__()
        raise RuntimeError(f"{self.kind} does not answer:\n{tail}")

    def reply(self, message):
        return wire.ask_all(self.address, [b"\0\0" + message[2:]], timeout=0.2, tries=1)[0]

    def loaded(self, settle=3.0):
        """The origins that are served, once no more come."""
        served, last = set(), time.monotonic()
        while len(served) < len(self.origins) and time.monotonic() - last < settle:
            for origin in self.origins:
                if origin in served:
                    continue
                name = tuple(label.encode() for label in origin.split("."))
                got = self.reply(wire.query(0, name, 6, None))
                # An enclosing zone may answer for one that is not loaded: the owner of the SOA tells.
                if got and any(record[:2] == (wire.encode(name).lower(), 6) for record in wire.decode(got)[3][0]):
                    served.add(origin)
                    last = time.monotonic()
            time.sleep(0.02)
        return served

    def said(self):
        self.log.flush()
        with open(os.path.join(self.state, "log"), "rb") as log:
            return log.read()[-3000:].decode(errors="replace")

    def is_alive(self):
        return self.process.poll() is None

    def __exit__(self, *_):
        for kind in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, kind)
                self.process.wait(5)
                break
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self.log.close()
        shutil.rmtree(self.state, ignore_errors=True)
