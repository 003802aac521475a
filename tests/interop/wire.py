"""DNS messages, as much of them as comparing answers needs; standard library only."""
import select
import socket
import struct
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MINFO": 14, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16, "RP": 17,
         "AFSDB": 18, "X25": 19, "RT": 21, "PX": 26, "AAAA": 28, "LOC": 29, "SRV": 33, "NAPTR": 35, "KX": 36,
         "CERT": 37, "DNAME": 39, "APL": 42, "DS": 43, "SSHFP": 44, "DHCID": 49, "TLSA": 52, "SMIMEA": 53, "CDS": 59,
         "CDNSKEY": 60, "OPENPGPKEY": 61, "CSYNC": 62, "SVCB": 64, "HTTPS": 65, "SPF": 99, "NID": 104, "L32": 105,
         "L64": 106, "LP": 107, "EUI48": 108, "EUI64": 109, "URI": 256, "CAA": 257, "ANY": 255, "TYPE65280": 65280}
NAMES = {number: name for name, number in TYPES.items()}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN"}
# How many octets stand before the first name in the data, how many names follow, of types that hold names.
HOLDS_NAMES = {2: (0, 1), 5: (0, 1), 6: (0, 2), 12: (0, 1), 14: (0, 2), 15: (2, 1), 17: (0, 2), 18: (2, 1),
               21: (2, 1), 26: (2, 2), 33: (6, 1), 36: (2, 1), 39: (0, 1), 107: (2, 1)}


class Malformed(Exception):
    """A message that is none."""


def encode(name):
    """Labels (a tuple of bytes) in wire form."""
    return b"".join(bytes([len(label)]) + label for label in name) + b"\0"


def query(number, name, rtype, edns):
    """A question without RD; `edns` is the payload size offered, or None."""
    head = struct.pack("!6H", number, 0, 1, 0, 0, 1 if edns else 0)
    opt = b"\0" + struct.pack("!HHIH", 41, edns, 0, 0) if edns else b""
    return head + encode(name) + struct.pack("!HH", rtype, 1) + opt


def read_name(message, at):
    """The name at `at` in lower case and wire form, and where it ends."""
    out, end, hops = bytearray(), None, 0
    while True:
        if at >= len(message):
            raise Malformed("a name past the end")
        length = message[at]
        if length >= 0xC0:
            if at + 1 >= len(message):
                raise Malformed("a pointer past the end")
            end = end if end is not None else at + 2
            to = (length & 0x3F) << 8 | message[at + 1]
            if to >= at:
                raise Malformed("a pointer forwards")
            at, hops = to, hops + 1
            if hops > 127:
                raise Malformed("too many pointers")
            continue
        if length > 63 or at + 1 + length > len(message):
            raise Malformed("a broken label")
        out += message[at:at + 1 + length]
        at += 1 + length
        if len(out) > 255:
            raise Malformed("a name too long")
        if length == 0:
            return bytes(out).lower(), end if end is not None else at


def shown(wire):
    """A name in wire form as text."""
    labels, at = [], 0
    while wire[at]:
        label = wire[at + 1:at + 1 + wire[at]]
        labels.append("".join(chr(c) if 33 <= c <= 126 and chr(c) not in '.\\"();@$' else f"\\{c:03}" for c in label))
        at += 1 + wire[at]
    return ".".join(labels) + "."


def data(message, at, length, rtype):
    """A record's data without compression, names in lower case."""
    end = at + length
    if end > len(message):
        raise Malformed("data past the end")
    if rtype not in HOLDS_NAMES:
        return message[at:end]
    before, count = HOLDS_NAMES[rtype]
    out = message[at:at + before]
    at += before
    for _ in range(count):
        name, at = read_name(message, at)
        out += name
    if at > end:
        raise Malformed("a name past its data")
    return out + message[at:end]


def decode(message):
    """Number, flags, rcode and the three sections as lists of (owner, type, ttl, data)."""
    if len(message) < 12:
        raise Malformed("a runt")
    number, flags, questions, *counts = struct.unpack("!6H", message[:12])
    at = 12
    for _ in range(questions):
        _, at = read_name(message, at)
        at += 4
    sections, rcode = [], flags & 15
    for count in counts:
        section = []
        for _ in range(count):
            owner, at = read_name(message, at)
            if at + 10 > len(message):
                raise Malformed("a record past the end")
            rtype, _, ttl, length = struct.unpack("!HHIH", message[at:at + 10])
            rdata = data(message, at + 10, length, rtype)
            at += 10 + length
            if rtype == 41:
                rcode |= ttl >> 24 << 4
            else:
                section.append((owner, rtype, ttl, rdata))
        sections.append(section)
    if at != len(message):
        raise Malformed("octets behind the end")
    return number, flags, rcode, sections


def is_truncated(message):
    return len(message) > 2 and message[2] & 2


def tcp(address, message, timeout=5):
    """One message over a fresh connection; the reply, or None."""
    try:
        with socket.create_connection(address, timeout) as connection:
            connection.sendall(struct.pack("!H", len(message)) + message)
            got = b""
            while len(got) < 2 or len(got) < 2 + struct.unpack("!H", got[:2])[0]:
                more = connection.recv(65537)
                if not more:
                    return None
                got += more
            return got[2:]
    except OSError:
        return None


def ask_all(address, messages, window=64, timeout=1.0, tries=4):
    """The reply to each message (numbered from 0 to 65535), or None; again over TCP when cut short."""
    replies, missing = {}, dict(enumerate(messages))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        udp.connect(address)
        for _ in range(tries):
            waiting, todo, last = set(), list(missing), time.monotonic()
            while todo or waiting:
                while todo and len(waiting) < window:
                    number = todo.pop()
                    try:
                        udp.send(missing[number])
                    except OSError:
                        continue
                    waiting.add(number)
                ready, _, _ = select.select([udp], [], [], 0.05)
                if not ready:
                    if time.monotonic() - last > timeout:
                        break
                    continue
                try:
                    got = udp.recv(65535)
                except OSError:
                    continue
                number = struct.unpack("!H", got[:2])[0] if len(got) >= 2 else None
                if number in missing:
                    replies[number] = got
                    missing.pop(number)
                    last = time.monotonic()
                waiting.discard(number)
            if not missing:
                break
    for number, got in replies.items():
        if is_truncated(got):
            replies[number] = tcp(address, messages[number])
    return [replies.get(number) for number in range(len(messages))]
