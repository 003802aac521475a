//! The program that chooses frames, in the kernel's instructions (eBPF), assembled here: whole UDP datagrams in their
//! plainest form, to an address and port that is listened on, sent to this interface. All else goes on to the kernel as
//! if there were no program.
//!
//! It is some fifty instructions and a comparison for each address. No compiler is needed to build it.

use std::net::{IpAddr, SocketAddr};

/// What becomes of a frame (`enum xdp_action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes on to the kernel's stack.
    Pass = 2,
    /// It goes out again, by the interface it came by. For tests, which cannot tell otherwise.
    Back = 3,
}

/// The least that a DNS message has: its header.
const MESSAGE: i32 = 12;

/// Registers. `CONTEXT` survives calls.
const RESULT: u8 = 0;
const ARGUMENT: u8 = 1;
const DATA: u8 = 2;
const END: u8 = 3;
const LIMIT: u8 = 4;
const VALUE: u8 = 5;
const CONTEXT: u8 = 6;
const PORT: u8 = 7;

/// `struct xdp_md`.
const MD_DATA: i16 = 0;
const MD_DATA_END: i16 = 4;
const MD_QUEUE: i16 = 16;

/// `bpf_redirect_map`.
const REDIRECT: i32 = 51;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    Ipv6,
    Take,
    Pass,
    /// What comes after address `n`.
    After(usize),
}

/// Instructions, and jumps whose ends are not known yet.
#[derive(Default)]
struct Assembler {
    code: Vec<u64>,
    jumps: Vec<(usize, Label)>,
    labels: Vec<(Label, usize)>,
}

impl Assembler {
    fn put(&mut self, operation: u8, to: u8, from: u8, offset: i16, value: i32) {
        let registers = u64::from(from << 4 | to);
        let offset = u64::from(offset as u16);
        let value = u64::from(value as u32);
        self.code
            .push(u64::from(operation) | registers << 8 | offset << 16 | value << 32);
    }

    /// `to = from`, then `to += value`.
    fn sum(&mut self, to: u8, from: u8, value: i32) {
        self.put(0xbf, to, from, 0, 0);
        self.put(0x07, to, 0, 0, value);
    }

    /// Loads the word of 4, 2 or 1 octets at octet `at` of the frame.
    fn load(&mut self, to: u8, octets: usize, at: i16) {
        let operation = match octets {
            4 => 0x61,
            2 => 0x69,
            _ => 0x71,
        };
        self.put(operation, to, DATA, at, 0);
    }

    fn jump(&mut self, operation: u8, to: u8, from: u8, value: i32, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.put(operation, to, from, 0, value);
    }

    /// Unless the frame has so many octets, it is the kernel's.
    fn need(&mut self, octets: i32) {
        self.sum(LIMIT, DATA, octets);
        self.jump(0x2d, LIMIT, END, 0, Label::Pass);
    }

    /// Goes to `label` unless (the lower half of) the register has this value.
    fn unless(&mut self, register: u8, value: i32, label: Label) {
        self.jump(0x56, register, 0, value, label);
    }

    /// Goes to `label` unless these octets lie at octet `at` of the frame.
    fn unless_octets(&mut self, at: i16, octets: &[u8], label: Label) {
        let mut at = at;
        let mut rest = octets;
        while let Some(length) = [4, 2, 1].into_iter().find(|length| rest.len() >= *length) {
            let (word, more) = rest.split_at(length);
            let mut value = [0; 4];
            for (place, octet) in value.iter_mut().zip(word) {
                *place = *octet;
            }
            // Words are loaded in the processor's order; shorter ones fill the lower part.
            let value = match word {
                [a, b] => i32::from(u16::from_ne_bytes([*a, *b])),
                [a] => i32::from(*a),
                _ => i32::from_ne_bytes(value),
            };
            self.load(VALUE, length, at);
            self.unless(VALUE, value, label);
            at += length as i16;
            rest = more;
        }
    }

    fn label(&mut self, label: Label) {
        self.labels.push((label, self.code.len()));
    }

    /// Takes the frame if it goes to one of the addresses (which are of one family).
    fn compare(&mut self, first: usize, addresses: &[SocketAddr], destination: i16, port: i16) {
        self.load(PORT, 2, port);
        for (index, address) in addresses.iter().enumerate() {
            let after = Label::After(first + index);
            let wanted = u16::from_ne_bytes(address.port().to_be_bytes());
            self.unless(PORT, i32::from(wanted), after);
            match address.ip() {
                IpAddr::V4(ip) => self.unless_octets(destination, &ip.octets(), after),
                IpAddr::V6(ip) => self.unless_octets(destination, &ip.octets(), after),
            }
            self.jump(0x05, 0, 0, 0, Label::Take);
            self.label(after);
        }
        self.jump(0x05, 0, 0, 0, Label::Pass);
    }

    fn finish(mut self) -> Vec<u64> {
        for (at, label) in std::mem::take(&mut self.jumps) {
            let end = self
                .labels
                .iter()
                .find(|(known, _)| *known == label)
                .map_or(at + 1, |(_, end)| *end);
            let distance = (end as i64 - at as i64 - 1) as i16;
            if let Some(instruction) = self.code.get_mut(at) {
                *instruction |= u64::from(distance as u16) << 16;
            }
        }
        self.code
    }
}

/// The addresses that are compared at most: the kernel's frames pay for each.
pub const ADDRESSES: usize = 256;

/// The program for an interface with the hardware address `mac`: frames to one of `addresses` (none of them a
/// wildcard; the first [`ADDRESSES`] count) go to the socket that the map `map` has for their queue. Where it has
/// none, they meet `otherwise`.
#[must_use]
pub fn assemble(mac: [u8; 6], addresses: &[SocketAddr], map: i32, otherwise: Action) -> Vec<u64> {
    let addresses = addresses.iter().take(ADDRESSES).copied();
    let (ipv4, ipv6): (Vec<_>, Vec<_>) = addresses.partition(SocketAddr::is_ipv4);
    let mut code = Assembler::default();
    code.put(0xbf, CONTEXT, ARGUMENT, 0, 0);
    code.put(0x61, DATA, ARGUMENT, MD_DATA, 0);
    code.put(0x61, END, ARGUMENT, MD_DATA_END, 0);
    code.need(14 + 20 + 8 + MESSAGE);
    // What is for others, or for all, is the kernel's.
    code.unless_octets(0, &mac, Label::Pass);
    code.unless_octets(12, &[0x08, 0x00], Label::Ipv6);
    // No options, no fragments, UDP.
    code.unless_octets(14, &[0x45], Label::Pass);
    code.load(VALUE, 2, 20);
    code.put(0x54, VALUE, 0, 0, i32::from(0x3fff_u16.to_be()));
    code.unless(VALUE, 0, Label::Pass);
    code.unless_octets(23, &[17], Label::Pass);
    code.compare(0, &ipv4, 30, 36);
    code.label(Label::Ipv6);
    code.unless_octets(12, &[0x86, 0xdd], Label::Pass);
    code.need(14 + 40 + 8 + MESSAGE);
    code.load(VALUE, 1, 14);
    code.put(0x54, VALUE, 0, 0, 0xf0);
    code.unless(VALUE, 0x60, Label::Pass);
    code.unless_octets(20, &[17], Label::Pass);
    code.compare(ipv4.len(), &ipv6, 38, 56);
    code.label(Label::Take);
    code.put(0x61, DATA, CONTEXT, MD_QUEUE, 0);
    // The map's descriptor, a constant of two instructions.
    code.put(0x18, ARGUMENT, 1, 0, map);
    code.put(0, 0, 0, 0, 0);
    code.put(0xb7, END, 0, 0, otherwise as i32);
    code.put(0x85, 0, 0, 0, REDIRECT);
    code.put(0x95, 0, 0, 0, 0);
    code.label(Label::Pass);
    code.put(0xb7, RESULT, 0, 0, Action::Pass as i32);
    code.put(0x95, 0, 0, 0, 0);
    code.finish()
}
