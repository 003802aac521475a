//! What is counted apart: types of queries, and codes of responses. Few, so that nobody makes more by asking.

/// Query types that are counted apart; the first stands for questions that could not be read, the last for all others.
pub const TYPES: [(u16, &str); 18] = [
    (0, "none"),
    (1, "A"),
    (28, "AAAA"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (15, "MX"),
    (16, "TXT"),
    (33, "SRV"),
    (35, "NAPTR"),
    (43, "DS"),
    (48, "DNSKEY"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (255, "ANY"),
    (257, "CAA"),
    (u16::MAX, "other"),
];

/// RCODEs that are counted apart; the last stands for all others.
pub const CODES: [&str; 9] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "BADVERS", "other",
];

const MOST: usize = 258;

/// The place in [`TYPES`] of each type below [`MOST`].
static ROWS: [u8; MOST] = rows();

#[allow(
    clippy::indexing_slicing,
    reason = "carried out by the compiler: what is out of bounds does not compile"
)]
const fn rows() -> [u8; MOST] {
    let mut rows = [TYPES.len() as u8 - 1; MOST];
    let mut row = 0;
    while row < TYPES.len() {
        if (TYPES[row].0 as usize) < MOST {
            rows[TYPES[row].0 as usize] = row as u8;
        }
        row += 1;
    }
    rows
}

pub(super) fn row(qtype: u16) -> usize {
    ROWS.get(usize::from(qtype))
        .map_or(TYPES.len() - 1, |row| usize::from(*row))
}

pub(super) fn column(rcode: u16) -> usize {
    match rcode {
        0..=6 => usize::from(rcode),
        16 => 7,
        _ => CODES.len() - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_counted_apart_as_far_as_they_have_a_row() {
        for (number, (qtype, _)) in TYPES.iter().enumerate() {
            assert_eq!(row(*qtype), number);
        }
        assert_eq!([3, 99, 258, 65_000].map(row), [TYPES.len() - 1; 4]);
        assert_eq!([0, 6, 7, 16, 23].map(column), [0, 6, 8, 7, 8]);
    }
}
