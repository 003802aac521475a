//! What a reply must be, whatever was asked: read octet by octet, by nothing that the server uses.

/// What matters of a reply.
pub(crate) struct Heard {
    pub(crate) id: u16,
    pub(crate) rcode: u8,
    pub(crate) truncated: bool,
}

/// The largest answer over UDP that the server under test is configured for.
const PAYLOAD: usize = 1232;

/// Reads a whole reply: header, questions, records with their lengths, names in RDATA where compression is known to be.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(reply: &[u8]) -> Result<Heard, String> {
    let header = reply.first_chunk::<12>().ok_or("shorter than a header")?;
    if header[2] & 0x80 == 0 {
        return Err("QR is not set".into());
    }
    let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let mut at = 12;
    for _ in 0..count(4) {
        at = name(reply, at)? + 4;
    }
    let mut opts = 0;
    for section in [6, 8, 10] {
        for _ in 0..count(section) {
            let owner = at;
            at = name(reply, at)?;
            let fixed = reply.get(at..at + 10).ok_or("a record is cut short")?;
            let rtype = u16::from_be_bytes([fixed[0], fixed[1]]);
            let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
            at += 10;
            if rtype == 41 {
                opts += 1;
                if section != 10 || reply[owner] != 0 {
                    return Err("an OPT record stands where none may".into());
                }
                options(reply.get(at..at + length).ok_or("an OPT record is cut short")?)?;
            }
            let end = at + length;
            match rtype {
                2 | 5 | 12 | 39 if name(reply, at)? != end => {
                    return Err("a name does not fill its RDATA".into());
                }
                6 if name(reply, name(reply, at)?)? + 20 != end => {
                    return Err("a SOA does not fill its RDATA".into());
                }
                15 if name(reply, at + 2)? != end => return Err("an MX does not fill its RDATA".into()),
                1 if length != 4 => return Err("an A record is not 4 octets long".into()),
                28 if length != 16 => return Err("an AAAA record is not 16 octets long".into()),
                _ => {}
            }
            at = end;
        }
    }
    if opts > 1 {
        return Err("two OPT records".into());
    }
    if at != reply.len() {
        return Err(format!("{} octets, {at} of them said", reply.len()));
    }
    Ok(Heard {
        id: u16::from_be_bytes([header[0], header[1]]),
        rcode: header[3] & 15,
        truncated: header[2] & 2 != 0,
    })
}

fn options(mut rdata: &[u8]) -> Result<(), String> {
    while !rdata.is_empty() {
        let head = rdata.first_chunk::<4>().ok_or("an option is cut short")?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        rdata = rdata
            .get(4 + length..)
            .ok_or("an option is longer than its record")?;
    }
    Ok(())
}

/// Where the name at `at` ends; its pointers go backwards, its labels make no more than 255 octets.
fn name(message: &[u8], mut at: usize) -> Result<usize, String> {
    let (mut end, mut total, mut least) = (None, 0, at);
    loop {
        let length = *message.get(at).ok_or("a name is cut short")?;
        match length {
            0 => return Ok(end.unwrap_or(at + 1)),
            1..=63 => {
                total += usize::from(length) + 1;
                at += usize::from(length) + 1;
                if total > 254 {
                    return Err("a name is too long".into());
                }
            }
            192.. => {
                let low = *message.get(at + 1).ok_or("a pointer is cut short")?;
                end = end.or(Some(at + 2));
                at = usize::from(u16::from_be_bytes([length & 63, low]));
                if at >= least {
                    return Err("a pointer does not go backwards".into());
                }
                least = at;
            }
            _ => return Err("a label of an unknown kind".into()),
        }
    }
}

/// Whether this is the answer to the known question: one A record, 192.0.2.80.
pub(crate) fn is_known(reply: &[u8]) -> bool {
    let flags = (reply[2] & 0xFA, reply[3] & 15);
    flags == (0x80, 0)
        && reply.get(4..8) == Some(&[0, 1, 0, 1])
        && reply.windows(6).any(|octets| octets == [0, 4, 192, 0, 2, 80])
}

/// Whether `reply` may be one to `query`.
///
/// # Errors
/// Why not.
pub(crate) fn fits(query: &[u8], reply: &[u8], datagram: bool) -> Result<(), String> {
    if query.get(2).is_some_and(|flags| flags & 0x80 != 0) {
        return Err("a response was answered".into());
    }
    if query.len() < 12 {
        return Err("less than a header was answered".into());
    }
    if query[2] >> 3 & 15 != reply[2] >> 3 & 15 {
        return Err("another OPCODE".into());
    }
    let says_edns = query.windows(2).any(|octets| octets == [0, 41]);
    let most = if says_edns { PAYLOAD } else { 512 };
    if datagram && reply.len() > most {
        return Err(format!("{} octets where {most} are the most", reply.len()));
    }
    Ok(())
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
