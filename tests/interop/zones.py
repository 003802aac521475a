"""Random zones: several nested ones, each with whatever the protocol allows, written as people write them."""
import os

import wire

LABELS = [b"a", b"b", b"c", b"d", b"www", b"*", b"_sip", b"_udp"]
ODD = [b"A", b"x.y", b"q\\q", b"\x00", b"\xff\xfe", b'"', b"a b", b"$x", b"@", b"(;)", b"-", b"0", b"l" * 63, b"**", b"xn--a"]

# Data of every type that the references read too; `%n` is a random name.
SAMPLES = {
    "A": ["192.0.2.1", "192.0.2.77", "0.0.0.0", "255.255.255.255"],
    "AAAA": ["2001:db8::1", "::", "2001:DB8:0:0:1::FFFF", "::ffff:192.0.2.1"],
    "MX": ["10 %n", "0 %n", "65535 %n", "0 ."],
    "TXT": ['"text"', "plain", '"a b" "c;d" e', '"\\"quoted\\" \\\\ \\065\\255"', '""', '"' + "x" * 255 + '"',
            '"' + "y" * 200 + '" "' + "z" * 200 + '"', "semi\\;colon"],
    "SRV": ["1 2 5060 %n", "0 0 0 .", "65535 65535 65535 %n"],
    "CAA": ['0 issue "ca.example.net"', '128 iodef "mailto:x@example.net"', '0 issue ";"'],
    "NAPTR": ['100 10 "u" "E2U+sip" "!^.*$!sip:i@x!" .', '1 2 "" "" "" %n', '1 2 s x "" %n'],
    "HINFO": ['"PC" "Linux 6"', 'VAX UNIX', '"" ""'],
    "RP": ["%n %n", ". ."],
    "AFSDB": ["1 %n"],
    "RT": ["10 %n"],
    "KX": ["10 %n"],
    "MINFO": ["%n %n"],
    "PTR": ["%n"],
    "LP": ["10 %n"],
    "LOC": ["52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m", "42 21 54 N 71 06 18 W -24m 30m",
            "52 14 05 N 00 08 50 E 10m", "0 S 0 W 0m", "90 N 180 W 42849672.95m 90000000m 1m 0.09m"],
    "CERT": ["PKIX 65535 RSASHA256 AQIDBA==", "3 0 0 AQIDBA=="],
    "APL": ["1:192.0.2.0/24 !2:2001:db8::/32", "1:0.0.0.0/0", "1:192.0.2.1/32 2:::/0"],
    "DS": ["60485 8 1 2BB183AF5F22588179A53B0A98631FAD1A292118", "1 13 2 " + "ab" * 32, "1 ECDSAP256SHA256 2 " + "AB " * 32],
    "SSHFP": ["4 2 " + "0f" * 32, "1 1 " + "ab" * 20],
    "TLSA": ["3 1 1 " + "0123456789abcdef" * 4, "3 0 0 dead BEEF"],
    "SMIMEA": ["3 0 0 0102"],
    "CDS": ["60485 8 1 2BB183AF5F22588179A53B0A98631FAD1A292118"],
    "CDNSKEY": ["257 3 13 AQIDBA=="],
    "OPENPGPKEY": ["AQID BA==", "AQIDBA=="],
    "DHCID": ["AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA="],
    "CSYNC": ["66 3 A NS AAAA", "1 0 A TYPE1234"],
    "NID": ["10 0014:4fff:ff20:ee64"],
    "L32": ["10 10.1.2.0"],
    "L64": ["10 2001:0DB8:1140:1000"],
    "EUI48": ["00-00-5e-00-53-2a"],
    "EUI64": ["00-00-5e-ef-10-00-00-2a"],
    "URI": ['10 1 "https://example.com/"', '0 0 "x"'],
    "SPF": ['"v=spf1 -all"'],
    "HTTPS": ["0 %n", "1 . alpn=h2,h3", '1 %n alpn="h2" port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1',
              "1 . mandatory=alpn,port port=1 alpn=h2"],
    "SVCB": ["16 %n key667=hello", "1 %n ech=AEX+DQ==", "1 . alpn=h2 no-default-alpn"],
    "TYPE65280": ["\\# 4 0A000001", "\\# 0", "\\# 6 0102 03040506"],
}
COMMON = ["A", "A", "A", "AAAA", "MX", "TXT", "SRV"]


def text(name, chance, origin=()):
    """A name as somebody may write it, relative to `origin` or not; octets that must be are escaped."""
    def one(octet):
        character = chr(octet)
        if not 33 <= octet <= 126:
            return f"\\{octet:03}"
        if character in '.\\"();@$':
            return "\\" + character if chance.random() < 0.5 else f"\\{octet:03}"
        return f"\\{octet:03}" if chance.random() < 0.01 else character

    if not name:
        return "."
    relative = origin and name[-len(origin):] == origin and chance.random() < 0.7
    labels = name[:-len(origin)] if relative else name
    if not labels:
        return "@"
    return ".".join("".join(map(one, label)) for label in labels) + ("" if relative else ".")


def below(name, above):
    return len(name) > len(above) and name[-len(above):] == above


class Zone:
    """One zone: RRsets by (owner in lower case, type), and how it is written."""

    def __init__(self, origin, chance, others):
        self.origin, self.chance, self.others = origin, chance, others
        self.sets, self.spelled = {}, {}
        self.cuts = []

    def label(self):
        return self.chance.choice(ODD) if self.chance.random() < 0.08 else self.chance.choice(LABELS)

    def name(self):
        """A name in the zone, mostly an owner or near one."""
        if self.sets and self.chance.random() < 0.5:
            near = self.chance.choice(list(self.sets))[0]
            if self.chance.random() < 0.5:
                return near
            if len(near) < len(self.origin) + 5:
                return (self.label(),) + near
        return tuple(self.label() for _ in range(self.chance.choice([1, 1, 1, 2, 2, 3, 4]))) + self.origin

    def target(self):
        """What a record points to: in the zone, in another one, or nowhere of ours."""
        dice = self.chance.random()
        if dice < 0.65:
            return self.name()
        if dice < 0.85:
            return (self.label(),) + self.chance.choice(self.others)
        return (b"host", b"example", b"net")

    def fits(self, owner, rtype):
        """Whether the zone stays one that every server loads."""
        low = tuple(label.lower() for label in owner)
        types = {kind for name, kind in self.sets if name == low}
        if low == self.origin and rtype in ("CNAME", "SOA", "DS"):
            return False
        if "CNAME" in types or (rtype == "CNAME" and types):
            return False
        if rtype == "DNAME" and (low == self.origin or "NS" in types or any(below(name, low) for name, _ in self.sets)):
            return False
        if rtype == "NS" and ("DNAME" in types or low[0] == b"*"):
            return False
        return not any(kind == "DNAME" and below(low, name) for name, kind in self.sets)

    def add(self, owner, rtype, datas):
        wide = sum(len(label) + 1 for label in owner) + 1
        if wide > 255 or not self.fits(owner, rtype):
            return False
        low = tuple(label.lower() for label in owner)
        rrset = self.sets.setdefault((low, rtype), [])
        if rtype in ("CNAME", "DNAME") and rrset:
            return False
        rrset += [one for one in datas if one not in rrset]
        self.spelled.setdefault(low, owner)
        return True

    def sample(self, rtype):
        """Data of a type as a template and the names in it."""
        template = self.chance.choice(SAMPLES[rtype])
        return template, tuple(self.target() for _ in range(template.count("%n")))

    def cut(self):
        """A delegation, with all sorts of glue."""
        owner, dice = self.name(), self.chance.random()
        low = tuple(label.lower() for label in owner)
        if low == self.origin or low[0] == b"*":
            return
        if any(below(low, cut) or low == cut for cut in self.cuts) and self.chance.random() < 0.9:
            return
        servers = [(b"ns1",) + owner] if dice < 0.5 else [self.target()]
        if dice < 0.2:
            servers.append((b"ns2",) + owner)
        if dice > 0.9:
            servers.append(owner)
        if not self.add(owner, "NS", [("%n", (server,)) for server in servers]):
            return
        self.cuts.append(low)
        for server in servers:
            if below(server, self.origin) and self.chance.random() < 0.9:
                for rtype in self.chance.choice([["A"], ["AAAA"], ["A", "AAAA"]]):
                    self.add(server, rtype, [self.sample(rtype)])
        if self.chance.random() < 0.3:
            self.add(owner, "DS", [self.sample("DS")])

    def fill(self, size):
        chance = self.chance
        soa = (b"ns1",) + self.origin, (b"host",) + self.origin
        self.sets[self.origin, "SOA"] = [(f"%n %n {chance.randrange(1 << 32)} 7200 1800 1209600 300", soa)]
        self.spelled[self.origin] = self.origin
        self.add(self.origin, "NS", [("%n", (soa[0],))] + [("%n", (self.target(),))] * (chance.random() < 0.4))
        self.add(soa[0], "A", [("192.0.2.53", ())])
        for _ in range(size):
            dice = chance.random()
            if dice < 0.14:
                self.add(self.name(), "CNAME", [("%n", (self.target(),))])
            elif dice < 0.20:
                self.add(self.name(), "DNAME", [("%n", (self.target(),))])
            elif dice < 0.30:
                self.cut()
            else:
                rtype = chance.choice(COMMON) if dice < 0.75 else chance.choice(list(SAMPLES))
                if rtype != "DS":
                    self.add(self.name(), rtype, [self.sample(rtype) for _ in range(chance.choice([1, 1, 1, 2, 5]))])

    def written(self):
        """The zone as a master file."""
        chance, lines, origin, default = self.chance, [], self.origin, None
        for index, ((owner, rtype), datas) in enumerate(self.sets.items()):
            if index == 0 and chance.random() < 0.5:
                default = 300
                lines.append("$TTL " + chance.choice(["300", "5m", "5M"]))
            if chance.random() < 0.1:
                origin = chance.choice([self.origin, self.origin[1:], (self.label(),) + self.origin])
                lines.append("$ORIGIN " + text(origin, chance))
            ttl = 300 if chance.random() < 0.6 else chance.choice([0, 1, 60, 86400])
            for number, (template, names) in enumerate(datas):
                rdata = template
                for name in names:
                    rdata = rdata.replace("%n", text(name, chance, origin).replace("%", "\\037"), 1)
                kind = chance.choice([rtype, rtype, rtype.lower()])
                if rtype in wire.TYPES and chance.random() < 0.03:
                    kind = f"TYPE{wire.TYPES[rtype]}"
                first = chance.choice(["", "IN"])
                middle = [first, str(ttl)] if chance.random() < 0.5 else [str(ttl), first]
                if default == ttl and chance.random() < 0.5:
                    middle = [first]
                spelled = self.spelled[owner]
                again = number > 0 and chance.random() < 0.5
                words = [" " if again else text(spelled, chance, origin), *middle, kind]
                blank = chance.choice([" ", "\t", "  "])
                line = blank.join(word for word in words if word)
                style = chance.random()
                if style < 0.06:
                    line += " (\n\t" + rdata + " ; a comment (\n )"
                elif style < 0.12:
                    line += " ( " + rdata + " )"
                else:
                    line += blank + rdata
                lines.append(line + (" ; done \"" if chance.random() < 0.05 else ""))
            if chance.random() < 0.05:
                lines.append(chance.choice(["", "; comment", "   ", "\t; comment"]))
        return "\n".join(lines) + ("" if chance.random() < 0.1 else "\n")


def world(folder, chance):
    """Writes several zones into `folder`; the zones by origin as text."""
    base = (b"w%d" % chance.randrange(1000), b"test")
    origins = [base]
    if chance.random() < 0.7:
        origins.append((chance.choice([b"a", b"b", b"c"]),) + base)
    if chance.random() < 0.4:
        origins.append((b"a", b"b") + chance.choice(origins))
    if chance.random() < 0.7:
        origins.append((b"other", b"test"))
    origins = list(dict.fromkeys(origins))
    found = {}
    for origin in origins:
        zone = Zone(origin, chance, origins)
        zone.fill(chance.choice([5, 10, 20, 40, 120]))
        name = ".".join(label.decode() for label in origin)
        with open(os.path.join(folder, name + ".zone"), "w", newline="") as file:
            file.write(zone.written())
        found[name] = zone
    return found
