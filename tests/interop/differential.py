#!/usr/bin/env python3
"""Holds pointsman against NSD and Knot: random zones, random questions, the answers of all compared.

    POINTSMAN=target/debug/pointsman tests/interop/differential.py --queries 100000

Exit code 1 when pointsman differs where the references agree, or loads a zone that they refuse, or the reverse.
Where the references differ among themselves pointsman must agree with one of them; these are counted by shape.
"""
import argparse
import collections
import os
import random
import shutil
import sys
import tempfile
import time

import servers
import wire
import zones

FIELDS = ("rcode", "aa", "answer", "authority")


def observe(message, apexes):
    """What of a reply is compared: as conformance suites do, NS of apexes and additional data beyond glue left out."""
    if message is None:
        return {"rcode": "TIMEOUT"}
    try:
        _, flags, rcode, (answer, authority, additional) = wire.decode(message)
    except wire.Malformed as error:
        return {"rcode": f"MALFORMED: {error}"}
    if rcode in (2, 5):
        return {"rcode": "NOT SERVED"}
    seen = {"rcode": wire.RCODES.get(rcode, str(rcode)), "aa": bool(flags & 0x400), "answer": sorted(answer),
            "authority": sorted(r for r in authority if not (r[1] == 2 and r[0] in apexes)), "glue": set()}
    cuts = [(owner, rdata) for owner, rtype, _, rdata in seen["authority"] if rtype == 2]
    for record in additional:
        if record[1] in (1, 28) and any(record[0] == server and ends(server, cut) for cut, server in cuts):
            seen["glue"].add(record)
    return seen


def ends(name, above):
    """Whether wire name `name` lies at or below `above`."""
    at = 0
    while name[at] and len(name) - at > len(above):
        at += 1 + name[at]
    return name[at:] == above


def differences(expected, got):
    """The fields that differ; glue only where some is missing."""
    differ = [field for field in FIELDS if expected.get(field) != got.get(field)]
    if expected.get("glue", set()) - got.get("glue", set()):
        differ.append("glue")
    return differ


def shown(seen):
    lines = [f"{seen['rcode']}{' AA' if seen.get('aa') else ''}"]
    for section in ("answer", "authority", "glue"):
        for owner, rtype, ttl, rdata in sorted(seen.get(section, ())):
            lines.append(f"  {section}: {wire.shown(owner)} {ttl} {wire.NAMES.get(rtype, rtype)} {rdata.hex()}")
    return "\n      ".join(lines)


def questions(found, chance, count):
    """Names in, near and beside the zones, of types that are there or not."""
    all_zones = list(found.values())
    for _ in range(count):
        zone = chance.choice(all_zones)
        (owner, rtype), _ = chance.choice(list(zone.sets.items()))
        dice = chance.random()
        if dice < 0.35:
            name = owner
        elif dice < 0.55:
            name = (zone.label(),) + owner
        elif dice < 0.65:
            name = (zone.label(), zone.label()) + owner
        elif dice < 0.75 and len(owner) > 1:
            name = owner[1:]
        elif dice < 0.85 and len(owner) > 1:
            name = (zone.label(),) + owner[1:]
        else:
            name = zone.name()
        if sum(len(label) + 1 for label in name) > 254:
            name = owner
        kinds = [rtype, "A", "AAAA", "NS", "CNAME", "SOA", "MX", "TXT", "DS", "DNAME", "SRV"]
        kind = rtype if chance.random() < 0.4 else chance.choice(kinds)
        if chance.random() < 0.05:
            kind = chance.choice([one for one in wire.TYPES if one != "ANY"])
        yield random_case(name, chance), wire.TYPES[kind]


def random_case(name, chance):
    if chance.random() < 0.8:
        return name
    return tuple(bytes(octet ^ 0x20 if 65 <= octet & ~0x20 <= 90 and chance.random() < 0.5 else octet
                       for octet in label) for label in name)


class Tally:
    """What was found over all rounds."""

    def __init__(self, show):
        self.asked, self.contested, self.wrong, self.show = 0, collections.Counter(), collections.Counter(), show
        self.examples = {}

    def note(self, shape, example, is_wrong):
        (self.wrong if is_wrong else self.contested)[shape] += 1
        count = self.wrong[shape] if is_wrong else 1
        if is_wrong and count <= self.show:
            print(f"DIFFERS {shape}\n{example}", flush=True)
        elif not is_wrong:
            self.examples.setdefault(shape, example)


def compare(question, replies, references, tally):
    """`replies`: what each server answered, by its name."""
    name, rtype = question
    ours = replies["pointsman"]
    told = [replies[reference] for reference in references]
    tally.asked += 1
    asked = f"{wire.shown(wire.encode(name))} {wire.NAMES.get(rtype, rtype)}"
    example = f"    {asked}\n" + "\n".join(f"    {who}: {shown(seen)}" for who, seen in replies.items())
    agreed = all(not differences(told[0], other) and not differences(other, told[0]) for other in told[1:])
    closest = min((differences(reference, ours) for reference in told), key=len)
    if agreed and closest:
        tally.note("+".join(closest), example, True)
    elif not agreed:
        shape = "+".join(differences(told[0], told[1]) or ["glue"])
        if closest:
            alone = ours["rcode"].startswith(("TIMEOUT", "MALFORMED", "NOT SERVED", "FORMERR"))
            tally.note(f"contested {shape}, ours a third: {'+'.join(closest)}", example, alone)
        else:
            tally.note(f"contested {shape}, ours as one of them", example, False)


def one_round(args, chance, count, tally):
    folder = tempfile.mkdtemp(prefix="differential.zones.")
    try:
        found = zones.world(folder, chance)
        kinds = ["pointsman", *args.references]
        running = [servers.Server(kind, folder, list(found), args.port + 100 * index) for index, kind in enumerate(kinds)]
        with contextmany(running):
            loaded = {server.kind: server.loaded() for server in running}
            same = set.intersection(*(loaded[kind] for kind in args.references))
            for origin in found:
                those = [kind for kind in kinds if origin in loaded[kind]]
                if len(those) not in (0, len(kinds)):
                    refused = "pointsman" not in those and set(args.references) <= set(those)
                    kept = os.path.join(tempfile.gettempdir(), f"differential-{args.seed}-{origin}.zone")
                    shutil.copy(os.path.join(folder, origin + ".zone"), kept)
                    said = "\n".join(server.said() for server in running if server.kind not in those)
                    tally.note(f"loaded by {', '.join(those)} only", f"    {kept}\n{said[-1500:]}", refused)
            if set(found) != same or same != loaded["pointsman"]:
                return
            apexes = {wire.encode(zone.origin) for zone in found.values()}
            batch = list(questions(found, chance, count))
            messages = [wire.query(number, name, rtype, chance.choice([None, 1232, 1232, 4096]))
                        for number, (name, rtype) in enumerate(batch)]
            answers = {server.kind: wire.ask_all(server.address, messages) for server in running}
            for number, question in enumerate(batch):
                replies = {kind: observe(answers[kind][number], apexes) for kind in kinds}
                compare(question, replies, args.references, tally)
            dead = [server.kind for server in running if not server.is_alive()]
            if dead:
                tally.note(f"died: {', '.join(dead)}", "", "pointsman" in dead)
        if args.keep and tally.wrong:
            print(f"the zones are in {folder}")
            folder = None
            raise KeyboardInterrupt
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


class contextmany:
    """Several servers in one `with`."""

    def __init__(self, those):
        self.those = those

    def __enter__(self):
        entered = []
        try:
            for one in self.those:
                one.__enter__()
                entered.append(one)
        except Exception:
            for one in entered:
                one.__exit__()
            raise

    def __exit__(self, *_):
        for one in self.those:
            one.__exit__()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--queries", type=int, default=10_000, help="how many in all (%(default)s)")
    parser.add_argument("--round", type=int, default=2_000, help="how many for each set of zones (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="first round's seed (%(default)s)")
    parser.add_argument("--port", type=int, default=15210, help="first of the ports used, 100 apart (%(default)s)")
    parser.add_argument("--references", nargs="+", default=["nsd", "knot"], choices=["nsd", "knot", "bind"])
    parser.add_argument("--show", type=int, default=2, help="examples of each kind of difference (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="stop at the first round with a difference, keep its zones")
    args = parser.parse_args()
    tally, start, left = Tally(args.show), time.monotonic(), args.queries
    try:
        while left > 0:
            count = min(args.round, left)
            one_round(args, random.Random(args.seed), count, tally)
            args.seed += 1
            left -= count
    except KeyboardInterrupt:
        print("stopped")
    seconds = time.monotonic() - start
    print(f"\n{tally.asked} questions in {seconds:.0f} s, next seed {args.seed}")
    for shape, count in tally.contested.most_common():
        print(f"  {count:6} {shape}\n{tally.examples[shape] if args.show > 2 else ''}".rstrip())
    for shape, count in tally.wrong.most_common():
        print(f"  {count:6} WRONG {shape}")
    print(f"{sum(tally.wrong.values())} differences that the references do not share")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
