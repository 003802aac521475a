//! The answer written from scratch: header, question, records with names shortened, SOA of negative answers, OPT.

use std::net::IpAddr;

use super::decide::{Decided, decide};
use super::draw::draw;
use super::report::{Pick, Report};

/// Octets of hexadecimal digits.
pub(crate) fn octets(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A name in wire form.
fn name(text: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend(label.bytes());
    }
    wire.push(0);
    wire
}

struct Message {
    octets: Vec<u8>,
    question: Vec<u8>,
    counts: [u16; 3],
    flags: u8,
    rcode: u8,
    /// Scope of the client's subnet, and extended error.
    scope: u8,
    said: Option<(u16, String)>,
}

impl Message {
    /// A name as a pointer into the question as far as it shares an end with it.
    fn short(&self, name: &[u8]) -> Vec<u8> {
        let mut at = 0;
        let mut written = Vec::new();
        while name[at] != 0 {
            let rest = &name[at..];
            let mut place = 0;
            while self.question[place] != 0 {
                if self.question[place..].eq_ignore_ascii_case(rest) {
                    written.extend((0xc000u16 | u16::try_from(12 + place).unwrap()).to_be_bytes());
                    return written;
                }
                place += 1 + usize::from(self.question[place]);
            }
            let label = 1 + usize::from(name[at]);
            written.extend(&name[at..at + label]);
            at += label;
        }
        written.push(0);
        written
    }

    fn record(&mut self, section: usize, owner: &[u8], rtype: u16, ttl: u32, data: &[u8]) {
        let owner = self.short(owner);
        self.octets.extend(owner);
        self.octets.extend(rtype.to_be_bytes());
        self.octets.extend([0, 1]);
        self.octets.extend(ttl.to_be_bytes());
        self.octets
            .extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        self.octets.extend(data);
        self.counts[section] += 1;
    }

    fn address(&mut self, address: IpAddr, ttl: u32) {
        let owner = self.question.clone();
        match address {
            IpAddr::V4(v4) => self.record(0, &owner, 1, ttl, &v4.octets()),
            IpAddr::V6(v6) => self.record(0, &owner, 28, ttl, &v6.octets()),
        }
    }

    fn soa(&mut self, report: &Report, most: Option<u32>) {
        let apex = report.apex.as_ref().unwrap();
        let soa = apex.soa.as_ref().unwrap();
        let mut data = self.short(&name(&soa.mname));
        data.extend(self.short(&name(&soa.rname)));
        soa.numbers
            .iter()
            .for_each(|number| data.extend(number.to_be_bytes()));
        let ttl = most.map_or(soa.ttl, |most| most.min(soa.ttl));
        self.record(1, &name(&apex.origin), 6, ttl, &data);
    }

    /// OPT and header; the whole message.
    fn close(mut self, query: &[u8], report: &Report) -> Vec<u8> {
        let (udp_payload, heeded) = (report.asked.udp_payload, report.asked.heeded);
        let mut options = Vec::new();
        if heeded {
            let mut subnet = told(query, self.question.len() + 16);
            // Of nobody's network nothing more is said (RFC 7871 section 7.1.2).
            subnet[3] = if subnet[2] == 0 { 0 } else { self.scope };
            options.extend([0, 8]);
            options.extend(u16::try_from(subnet.len()).unwrap().to_be_bytes());
            options.extend(subnet);
        }
        if let Some((code, text)) = &self.said {
            let text: Vec<u8> = text.bytes().filter(u8::is_ascii).take(64).collect();
            options.extend([0, 15]);
            options.extend(u16::try_from(2 + text.len()).unwrap().to_be_bytes());
            options.extend(code.to_be_bytes());
            options.extend(text);
        }
        self.octets.extend([0, 0, 41]);
        self.octets.extend(udp_payload.to_be_bytes());
        self.octets.extend([0, 0, 0, 0]);
        self.octets
            .extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        self.octets.extend(options);
        self.counts[2] += 1;
        let mut whole = vec![
            query[0],
            query[1],
            0x80 | query[2] & 0x79 | self.flags,
            self.rcode,
            0,
            1,
        ];
        self.counts
            .iter()
            .for_each(|count| whole.extend(count.to_be_bytes()));
        whole.extend(self.octets);
        whole
    }
}

/// The data of the query's only option.
fn told(query: &[u8], opt: usize) -> Vec<u8> {
    let data = &query[opt + 11..];
    assert_eq!(
        data[..2],
        [0, 8],
        "the query tells its client's network and nothing else"
    );
    data[4..].to_vec()
}

/// The answer that the report's own facts lead to; `None` where the zone's records alone speak, which it does not hold.
pub(crate) fn answer(report: &Report) -> Option<Vec<u8>> {
    let query = octets(&report.answer.query);
    let end = 12 + query[12..].iter().position(|octet| *octet == 0).unwrap() + 1;
    let rtype = u16::from_be_bytes([query[end], query[end + 1]]);
    let mut message = Message {
        octets: query[12..end + 4].to_vec(),
        question: query[12..end].to_vec(),
        counts: [0; 3],
        flags: 0,
        rcode: 0,
        scope: 0,
        said: None,
    };
    let Some(apex) = &report.apex else {
        assert!(report.zone.is_none());
        message.rcode = 5;
        return Some(message.close(&query, report));
    };
    if apex.refused {
        message.rcode = 2;
        message.said = Some((24, "the zone has mistakes and is not served".to_owned()));
        return Some(message.close(&query, report));
    }
    message.flags = 0x04;
    match apex.stands.as_str() {
        "nothing" => {
            message.rcode = 3;
            message.soa(report, None);
        }
        "service" => {
            let service = report.service.as_ref().unwrap();
            let basis = service.basis.as_ref().unwrap();
            let decided = decide(basis, report.asked.moment_ns);
            from_service(&mut message, report, &decided, rtype);
        }
        _ => return None,
    }
    Some(message.close(&query, report))
}

fn from_service(message: &mut Message, report: &Report, decided: &Decided, rtype: u16) {
    let basis = report.service.as_ref().unwrap().basis.as_ref().unwrap();
    let mut all = Vec::new();
    super::walk::endpoints(&basis.group, &mut all);
    let family = usize::from(rtype == 28);
    let drawn = draw(&decided.choices[family], &report.asked);
    // What stands in for a name is never sent: the name is.
    let name_of = |address: &IpAddr| {
        let mut all = all.iter();
        let one = all.find(|one| one.cname.is_some() && one.addresses.iter().any(|a| a.address == *address));
        one.and_then(|one| one.cname.clone())
    };
    if let Some(alias) = drawn.addresses.first().and_then(name_of) {
        let owner = message.question.clone();
        let data = message.short(&name(&alias));
        message.record(0, &owner, 5, decided.ttl, &data);
        message.scope = drawn.scope;
        message.said.clone_from(&decided.said[family]);
        return;
    }
    if rtype != 1 && rtype != 28 {
        let may_alias = all.iter().any(|endpoint| endpoint.cname.is_some());
        return message.soa(report, may_alias.then_some(decided.ttl));
    }
    message.said.clone_from(&decided.said[family]);
    match decided.choices[family].pick {
        Pick::Fail => {
            message.rcode = 2;
            message.flags = 0;
        }
        _ if drawn.addresses.is_empty() => message.soa(report, Some(decided.ttl)),
        _ => {
            message.scope = drawn.scope;
            let addresses = drawn.addresses.iter();
            addresses.for_each(|address| message.address(*address, decided.ttl));
        }
    }
}
