#!/usr/bin/env python3
"""What it costs queries that 1 % of 100,000 services change state each second, and whether the answers are right.

  churn.py [--services 100000] [--rounds 6] [--seconds 5]

Each service fails over between an address of its own in 127.0.0.0/8 and a common one; the first is probed over HTTP so
often that a hundredth of them is probed each second. A responder (C, built here) either always says 200, or says the
other thing at each probe of an address: then each probe is a change. Rounds of both alternate under the same closed loop
of dnsperf over all services; CPU time per answered query is that of the UDP worker alone and of the whole process (which
probes in both). At the end the changes stop, and each service is asked: its answer must be what its responder said last.
"""
import argparse
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import tempfile
import time

from pointsman import decode, free_port, wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESPONDER = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
static volatile sig_atomic_t flips, dump;
static void on(int s) { if (s == SIGUSR1) flips = !flips; else dump = 1; }
static unsigned char *down; static unsigned changes;
int main(int argc, char **argv) {
    down = calloc(1 << 24, 1);
    struct sigaction a = {.sa_handler = on}; sigaction(SIGUSR1, &a, 0); sigaction(SIGUSR2, &a, 0);
    int one = 1, l = socket(AF_INET, SOCK_STREAM, 0), e = epoll_create1(0);
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    if (bind(l, (void *)&at, sizeof at) || listen(l, 4096)) return 1;
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = l}, got[256]; epoll_ctl(e, EPOLL_CTL_ADD, l, &ev);
    for (;;) {
        int n = epoll_wait(e, got, 256, 1000);
        if (dump) {
            dump = 0; FILE *f = fopen(argv[2], "w"); fprintf(f, "%u", changes);
            for (unsigned i = 0; i < 1 << 24; i++) if (down[i]) fprintf(f, " %u", i);
            fclose(f); rename(argv[2], argv[3]);
        }
        for (int i = 0; i < n; i++) {
            int fd = got[i].data.fd;
            if (fd == l) {
                if ((fd = accept4(l, 0, 0, SOCK_NONBLOCK)) < 0) continue;
                ev.data.fd = fd; epoll_ctl(e, EPOLL_CTL_ADD, fd, &ev); continue;
            }
            char b[4096]; if (read(fd, b, sizeof b) > 0) {
                struct sockaddr_in own; socklen_t len = sizeof own; getsockname(fd, (void *)&own, &len);
                unsigned h = ntohl(own.sin_addr.s_addr) & 0xffffff;
                if (h >= 65536 && flips) { down[h] ^= 1; changes++; }
                const char *s = down[h] ? "HTTP/1.1 503 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                                        : "HTTP/1.1 200 ok\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                if (write(fd, s, strlen(s)) < 0) {}
            }
            close(fd);
        }
    }
}
"""


def address(number):
    number += 65536  # 127.1.0.0 and on
    return f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def cpu(pid):
    """Seconds of CPU of the UDP worker and of all threads."""
    worker = whole = 0.0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        spent = int((task / "schedstat").read_text().split()[0]) / 1e9
        whole += spent
        if (task / "comm").read_text().startswith("udp"):
            worker += spent
    return worker, whole


def load(port, questions, seconds, pid):
    before = cpu(pid)
    said = subprocess.run(["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(questions), "-l", str(seconds),
                           "-c", "16", "-q", "192"], capture_output=True, text=True, check=True).stdout
    answered = int(re.search(r"Queries completed:\s+(\d+)", said)[1])
    lost = int(re.search(r"Queries lost:\s+(\d+)", said)[1])
    return [(after - was) * 1e6 / answered for was, after in zip(before, cpu(pid))] + [answered / seconds, lost]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pointsman-churn-"))
    (folder / "responder.c").write_text(RESPONDER)
    subprocess.run(["cc", "-O2", "-o", folder / "responder", folder / "responder.c"], check=True)
    http, dns, api = free_port(), free_port(), free_port()
    (folder / "zones").mkdir()
    (folder / "pointsman.toml").write_text(
        f'node = "churn"\n[dns]\nlisten = ["127.0.0.1:{dns}"]\nworkers = 1\n[zones]\ndirectory = "zones"\nwatch = false\n'
        f'[state]\ndirectory = "state"\n[api]\nlisten = "127.0.0.1:{api}"\n[probes]\nconcurrency = 2000\n')
    zone = ['origin = "churn.test"\nnameservers = ["ns.example.net"]\nhostmaster = "h.example.net"\nttl = "1s"\n'
            f'[checks.c]\ntype = "http"\nport = {http}\ninterval = "100s"\nfast_interval = "100s"\nfall = 1\nrise = 1\n'
            'false_alarm = 0.9\ndamping = false\n']
    zone += [f'[services.s{n}]\npolicy = "failover"\ncheck = "c"\nendpoints = [{{ name = "a", address = "{address(n)}" }}, '
             '{ name = "b", address = "127.0.0.2" }]\n' for n in range(options.services)]
    (folder / "zones/churn.test.toml").write_text("".join(zone))
    chance = random.Random(1)
    (folder / "questions").write_text(
        "".join(f"s{chance.randrange(options.services)}.churn.test A\n" for _ in range(500_000)))
    responder = subprocess.Popen([folder / "responder", str(http), folder / "dump~", folder / "dump"])
    binary = os.environ.get("POINTSMAN", ROOT / "target/release/pointsman")
    server = subprocess.Popen([binary, "serve", "--config", folder / "pointsman.toml"],
                              stderr=open(folder / "log", "w"))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("127.0.0.1", dns))
    s.settimeout(0.5)

    def answer(number):
        for _ in range(5):
            try:
                s.send(wire(f"s{number}.churn.test", qid=number & 65535))
                while struct.unpack("!H", (raw := s.recv(4096))[:2])[0] != number & 65535:
                    pass
                return decode(raw)
            except OSError:
                continue
        return None

    try:
        begin = time.monotonic()
        while True:
            sample = [answer(n) for n in chance.sample(range(options.services), 50)]
            if all(found and found[0] == 0 for found in sample):
                break
            if server.poll() is not None or time.monotonic() - begin > 300:
                raise SystemExit("it does not start: " + (folder / "log").read_text()[-800:])
            time.sleep(0.5)
        print(f"{options.services} services answered after {time.monotonic() - begin:.1f} s", flush=True)
        time.sleep(5)
        rounds = []
        for number in range(options.rounds):
            order = [False, True] if number % 2 == 0 else [True, False]
            found = {}
            for flips in order:
                if flips:
                    responder.send_signal(signal.SIGUSR1)
                    time.sleep(1)
                found[flips] = load(dns, folder / "questions", options.seconds, server.pid)
                if flips:
                    responder.send_signal(signal.SIGUSR1)
                    time.sleep(1)
            rounds.append(found)
            print("  round", number, {("changes" if k else "quiet"): [round(x, 2) for x in v] for k, v in found.items()},
                  flush=True)
        for index, what in enumerate(["CPU per query, UDP worker", "CPU per query, whole process", "queries per second"]):
            ratio = statistics.median(one[True][index] / one[False][index] for one in rounds)
            print(f"{what}: with changes / without, median of {options.rounds} rounds: {ratio:.3f}")
        time.sleep(3)
        responder.send_signal(signal.SIGUSR2)
        while not (folder / "dump").exists():
            time.sleep(0.1)
        changes, *down = map(int, (folder / "dump").read_text().split())
        down = {number - 65536 for number in down}
        wrong = [n for n in range(options.services)
                 if answer(n) != (0, ["127.0.0.2" if n in down else address(n)])]
        span = options.rounds * (options.seconds + 1)
        print(f"{changes} changes ({changes / span:.0f} a second), {sum(one[k][3] for one in rounds for k in one)} queries "
              f"lost, {len(wrong)} of {options.services} answers wrong {wrong[:5]}")
    finally:
        for process in [server, responder]:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
