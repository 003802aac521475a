//! Messages: a sensible one, then some blows to it; some are noise from the beginning.

/// Of the known question; no other message has it.
pub(crate) const KNOWN_ID: u16 = 0xFACE;
/// Its name in wire form: `static.fuzz.test`, which has one A record, 192.0.2.80.
const KNOWN: &[u8] = b"\x06static\x04fuzz\x04test\0";

const LABELS: &[&str] = &[
    "www",
    "static",
    "weighted",
    "sticky",
    "all",
    "strict",
    "none",
    "alias",
    "cname",
    "loop",
    "out",
    "wild",
    "x.wild",
    "sub",
    "a.sub",
    "dname",
    "x.y.dname",
    "big",
    "srv",
    "mx",
    "https",
    "ent.a",
    "nothing",
    "WwW",
    "*.wild",
    "*",
    "",
    "_dns.resolver",
    "many",
    "a.b.c.d.e.f.g.h",
    "svc",
    "v6",
];
const ORIGINS: &[&[u8]] = &[
    b"\x04fuzz\x04test\0",
    b"\x04fuzz\x04test\0",
    b"\x04fuzz\x04test\0",
    b"\x04fuzz\x04test\0",
    b"\x04fuzz\x04test\0",
    b"\x04fuzz\x04test\0",
    b"\x04FuZz\x04TeSt\0",
    b"\x05child\x04fuzz\x04test\0",
    b"\x07refused\x04test\0",
    b"\x07elsewhere\x07example\0",
    b"\x04test\0",
    b"\0",
    b"\x07version\x04bind\0",
    b"\x02id\x06server\0",
];
const TYPES: &[u16] = &[
    1, 1, 1, 28, 28, 2, 5, 6, 12, 15, 16, 33, 35, 39, 41, 43, 46, 47, 48, 64, 65, 99, 249, 250, 251, 252,
    253, 254, 255, 255, 256, 257, 0, 65_280, 65_535,
];
const CLASSES: &[u16] = &[
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 4, 254, 255, 0, 32_769,
];
const OPTIONS: &[u16] = &[
    3, 5, 8, 8, 8, 9, 10, 10, 10, 11, 11, 12, 12, 13, 14, 15, 16, 17, 18, 26_946, 65_001,
];

/// Makes messages; everything follows from the seed.
pub(crate) struct Maker {
    state: u64,
    id: u16,
}

/// The question whose answer is known.
pub(crate) fn known(id: u16) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend(KNOWN);
    message.extend([0, 1, 0, 1]);
    message
}

impl Maker {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, id: 0 }
    }

    /// A number below `limit` (splitmix64).
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }

    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn noise(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    /// The next message.
    pub(crate) fn message(&mut self) -> Vec<u8> {
        let mut message = match self.below(40) {
            0 => {
                let most = self.pick(&[1, 12, 13, 40, 600, 5000]);
                let length = self.below(most);
                self.noise(length)
            }
            1 => known(0),
            _ => self.sensible(),
        };
        if self.one_in(2) {
            for _ in 0..self.pick(&[1, 1, 1, 1, 2, 2, 3, 8, 20]) {
                self.strike(&mut message);
            }
        }
        // So that replies are known by it, whatever was struck.
        self.id = self.id.wrapping_add(1);
        if self.id == KNOWN_ID {
            self.id += 1;
        }
        for (octet, id) in message.iter_mut().zip(self.id.to_be_bytes()) {
            *octet = id;
        }
        message
    }

    fn sensible(&mut self) -> Vec<u8> {
        let mut message = vec![0, 0];
        let opcode = if self.one_in(8) {
            self.pick(&[4, 5, 6, 2, 1, 3, 15])
        } else {
            0
        };
        let flags = self.pick(&[
            0x00, 0x01, 0x00, 0x01, 0x00, 0x01, 0x05, 0x03, 0x00, 0x01, 0x80, 0x02,
        ]);
        message.push(flags & 0x87 | opcode << 3);
        message.push(self.pick(&[0x00, 0x00, 0x20, 0x10, 0x30, 0x80, 0x0F, 0x40]));
        let questions = if self.one_in(25) { self.pick(&[0, 2, 3]) } else { 1 };
        message.extend([0; 8]);
        message[5] = questions;
        for _ in 0..questions {
            self.name(&mut message);
            let (rtype, class) = (self.pick(TYPES), self.pick(CLASSES));
            message.extend(rtype.to_be_bytes());
            message.extend(class.to_be_bytes());
        }
        // IXFR's SOA, UPDATE's prerequisites, NOTIFY's answer, and what belongs nowhere.
        for section in [7, 9] {
            if self.one_in(20) {
                for _ in 0..=self.below(3) {
                    self.record(&mut message);
                    message[section] += 1;
                }
            }
        }
        for _ in 0..self.pick(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]) {
            self.record(&mut message);
            message[11] += 1;
        }
        for _ in 0..self.pick(&[0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]) {
            self.opt(&mut message);
            message[11] += 1;
        }
        if self.one_in(12) {
            self.tsig(&mut message);
            message[11] += 1;
        }
        message
    }

    fn name(&mut self, message: &mut Vec<u8>) {
        if message.len() > 12 && self.one_in(6) {
            let to = self.below(message.len());
            let to = self.pick(&[12, 12, to]) as u16;
            if self.one_in(2) {
                message.extend(b"\x03sub");
            }
            message.extend((0xC000 | to).to_be_bytes());
            return;
        }
        match self.below(12) {
            0 => {
                for _ in 0..self.below(20) {
                    let length = self.below(20).max(1);
                    message.push(length as u8);
                    message.extend(self.noise(length));
                }
            }
            1 => {
                let length = self.pick(&[1, 62, 63]);
                for _ in 0..self.below(5) {
                    message.push(length);
                    message.extend(vec![b'a'; usize::from(length)]);
                }
            }
            _ => {
                for label in self.pick(LABELS).split('.').filter(|label| !label.is_empty()) {
                    message.push(label.len() as u8);
                    message.extend(label.as_bytes());
                }
            }
        }
        message.extend(self.pick(ORIGINS));
    }

    fn record(&mut self, message: &mut Vec<u8>) {
        self.name(message);
        let (rtype, class) = (self.pick(TYPES), self.pick(CLASSES));
        message.extend(rtype.to_be_bytes());
        message.extend(class.to_be_bytes());
        message.extend(self.noise(4));
        let before = message.len();
        message.extend([0, 0]);
        match rtype {
            2 | 5 | 12 | 39 => self.name(message),
            6 => {
                self.name(message);
                self.name(message);
                message.extend(self.noise(20));
            }
            _ => {
                let length = self.pick(&[0, 4, 4, 16, 20, 80]);
                message.extend(self.noise(length));
            }
        }
        self.set_length(message, before);
    }

    /// RDLENGTH at `at`, mostly the true one.
    fn set_length(&mut self, message: &mut [u8], at: usize) {
        let mut length = message.len() - at - 2;
        if self.one_in(60) {
            length = length.wrapping_add_signed(self.pick(&[-1, 1, 2, 100]));
        }
        message[at..at + 2].copy_from_slice(&(length as u16).to_be_bytes());
    }

    fn opt(&mut self, message: &mut Vec<u8>) {
        message.push(0);
        message.extend([0, 41]);
        let size = self.pick(&[0u16, 511, 512, 513, 1232, 1232, 1400, 4096, 4096, 65_535]);
        message.extend(size.to_be_bytes());
        message.extend([
            0,
            self.pick(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 255]),
            self.pick(&[0, 0x80, 0x80, 0xFF]),
            0,
        ]);
        let before = message.len();
        message.extend([0, 0]);
        for _ in 0..self.pick(&[0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 9]) {
            let code = self.pick(OPTIONS);
            message.extend(code.to_be_bytes());
            let at = message.len();
            message.extend([0, 0]);
            match code {
                8 => {
                    let (family, source) = (
                        self.pick(&[1, 1, 1, 2, 2, 0, 3]),
                        self.pick(&[0, 8, 24, 32, 56, 128, 255]),
                    );
                    message.extend([0, family, source, self.pick(&[0, 0, 0, 0, 0, 0, 24])]);
                    let exact = usize::from(source).div_ceil(8);
                    let length = self.pick(&[exact, exact, exact, exact, exact, exact, 0, 3, 17]);
                    message.extend(self.noise(length));
                }
                10 => {
                    let length = self.pick(&[8, 8, 8, 8, 8, 8, 16, 24, 24, 40, 41, 0, 7]);
                    message.extend(self.noise(length));
                }
                11 => {
                    let length = self.pick(&[0, 0, 0, 2, 1]);
                    message.extend(self.noise(length));
                }
                _ => {
                    let length = self.pick(&[0, 0, 4, 31, 400]);
                    message.extend(self.noise(length));
                }
            }
            self.set_length(message, at);
        }
        self.set_length(message, before);
    }

    /// With a key that the server has, and a MAC that is none.
    fn tsig(&mut self, message: &mut Vec<u8>) {
        message.extend(self.pick(&[&b"\x03key\0"[..], b"\x05other\0", b"\xC0\x0C"]));
        message.extend([0, 250, 0, 255, 0, 0, 0, 0]);
        let before = message.len();
        message.extend([0, 0]);
        message.extend(self.pick(&[
            &b"\x0bhmac-sha256\0"[..],
            b"\x0bhmac-sha512\0",
            b"\x08hmac-md5\x07sig-alg\x03reg\x03int\0",
        ]));
        message.extend([0, 0]);
        message.extend(self.noise(4));
        message.extend([1, 44]);
        let length = self.pick(&[0u8, 10, 16, 32, 32, 32, 64]);
        message.extend([0, length]);
        message.extend(self.noise(usize::from(length)));
        message.extend([0, 0, 0, 0, 0, 0]);
        self.set_length(message, before);
    }

    /// One blow.
    fn strike(&mut self, message: &mut Vec<u8>) {
        if message.is_empty() {
            let length = self.below(40);
            *message = self.noise(length);
            return;
        }
        let at = self.below(message.len());
        match self.below(11) {
            0 => message[at] ^= 1 << self.below(8),
            1 => message[at] = self.pick(&[0, 1, 0x3F, 0x40, 0x7F, 0x80, 0xC0, 0xC1, 0xFF]),
            2 => message[at] = self.below(256) as u8,
            3 => message.truncate(at),
            4 => drop(message.drain(at..(at + 1 + self.below(8)).min(message.len()))),
            5 => {
                let length = 1 + self.below(8);
                let noise = self.noise(length);
                message.splice(at..at, noise);
            }
            6 => {
                let from = self.below(message.len());
                let piece = message[from..(from + self.below(40)).min(message.len())].to_vec();
                message.splice(at..at, piece);
            }
            7 => {
                // A count.
                let at = 4 + 2 * self.below(4);
                let count = self.pick(&[0u16, 1, 2, 255, 256, 65_535]);
                if let Some(place) = message.get_mut(at..at + 2) {
                    place.copy_from_slice(&count.to_be_bytes());
                }
            }
            8 => {
                // A compression pointer: to itself, to the header, forwards.
                let anywhere = self.below(0x4000);
                let to = self.pick(&[at, 12, 0, anywhere]) as u16;
                if let Some(place) = message.get_mut(at..at + 2) {
                    place.copy_from_slice(&(0xC000 | to & 0x3FFF).to_be_bytes());
                }
            }
            9 => {
                let length = self.pick(&[1, 11, 400, 3000, 4200]);
                let noise = self.noise(length);
                message.extend(noise);
            }
            _ => {
                let flags = self.below(256) as u8;
                if let Some(place) = message.get_mut(2) {
                    *place = flags;
                }
            }
        }
        if message.len() > 2 {
            return;
        }
        message.resize(3, 0);
    }
}
