//! Domain names in wire form: owned, compared, ordered, printed (RFC 1035 section 3.1, RFC 4343).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Octets of the longest name in wire form, the root's length octet included (RFC 1035 section 3.1).
pub const MAX_NAME: usize = 255;
/// Octets of the longest label.
pub const MAX_LABEL: usize = 63;

/// An absolute name in wire form, uncompressed, letter case kept.
///
/// Equality, order and hash ignore ASCII case; the order is the canonical one of RFC 4034 section 6.1.
#[derive(Clone)]
pub struct Name(Box<[u8]>);

/// Why octets or text are not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A label of more than 63 octets.
    #[error("a label is longer than 63 octets")]
    LabelTooLong,
    /// More than 255 octets in wire form.
    #[error("the name is longer than 255 octets")]
    TooLong,
    /// Two dots in a row, or a dot at the beginning.
    #[error("an empty label (two dots in a row, or one at the beginning)")]
    EmptyLabel,
    /// `\` without a character or with a number past 255.
    #[error("a broken escape: write `\\.` for a dot in a label, `\\DDD` with DDD up to 255 for an octet")]
    BadEscape,
    /// Octets that end before the root label, go on after it, or hold a pointer.
    #[error("not a name in uncompressed wire form")]
    NotWire,
    /// Nothing at all.
    #[error("an empty name")]
    Empty,
}

impl Name {
    /// The root.
    #[must_use]
    pub fn root() -> Self {
        Self(Box::from([0u8]))
    }

    /// A name from uncompressed wire form, which must end exactly at the root label.
    ///
    /// # Errors
    /// [`NameError::NotWire`], [`NameError::TooLong`].
    pub fn from_wire(octets: &[u8]) -> Result<Self, NameError> {
        if octets.len() > MAX_NAME {
            return Err(NameError::TooLong);
        }
        let mut at = 0;
        loop {
            let length = usize::from(*octets.get(at).ok_or(NameError::NotWire)?);
            if length > MAX_LABEL {
                return Err(NameError::NotWire);
            }
            at += 1 + length;
            if length == 0 {
                break;
            }
        }
        if at == octets.len() {
            Ok(Self(octets.into()))
        } else {
            Err(NameError::NotWire)
        }
    }

    /// A name from presentation form (RFC 1035 section 5.1), absolute whether or not it ends in a dot.
    ///
    /// # Errors
    /// Any but [`NameError::NotWire`].
    pub fn from_text(text: &str) -> Result<Self, NameError> {
        Self::from_text_below(text.as_bytes(), &[0])
    }

    /// A name from presentation form, relative to `origin` (wire form) unless it ends in an unescaped dot;
    /// `@` is the origin.
    ///
    /// # Errors
    /// Any but [`NameError::NotWire`].
    pub fn from_text_below(text: &[u8], origin: &[u8]) -> Result<Self, NameError> {
        match text {
            b"" => return Err(NameError::Empty),
            b"." => return Ok(Self::root()),
            b"@" => return Self::from_wire(origin),
            _ => {}
        }
        let mut wire = Vec::with_capacity(text.len() + 2 + origin.len());
        let mut label_at = 0;
        wire.push(0);
        let mut octets = text.iter().copied().peekable();
        let mut absolute = false;
        while let Some(octet) = octets.next() {
            let literal = match octet {
                b'.' => {
                    close_label(&mut wire, label_at)?;
                    if octets.peek().is_none() {
                        absolute = true;
                        break;
                    }
                    label_at = wire.len();
                    wire.push(0);
                    continue;
                }
                b'\\' => match octets.next().ok_or(NameError::BadEscape)? {
                    first @ b'0'..=b'9' => {
                        let mut value = u16::from(first - b'0');
                        for _ in 0..2 {
                            let digit = octets
                                .next()
                                .filter(u8::is_ascii_digit)
                                .ok_or(NameError::BadEscape)?;
                            value = value * 10 + u16::from(digit - b'0');
                        }
                        u8::try_from(value).map_err(|_| NameError::BadEscape)?
                    }
                    other => other,
                },
                other => other,
            };
            wire.push(literal);
        }
        if !absolute {
            close_label(&mut wire, label_at)?;
            wire.extend_from_slice(origin);
        } else {
            wire.push(0);
        }
        if wire.len() > MAX_NAME {
            return Err(NameError::TooLong);
        }
        Self::from_wire(&wire)
    }

    /// The wire form, letter case kept, root label included.
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels from the left, without the root.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        labels(&self.0)
    }

    /// How many labels there are, the root not counted.
    #[must_use]
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// The name without its first label; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let first = usize::from(*self.0.first()?);
        if first == 0 {
            None
        } else {
            Some(Self(self.0.get(1 + first..)?.into()))
        }
    }

    /// Whether this is `ancestor` or lies below it.
    #[must_use]
    pub fn is_within(&self, ancestor: &Self) -> bool {
        is_within(&self.0, &ancestor.0)
    }

    /// Whether the first label is `*` (RFC 4592 section 2.1.1).
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }

    /// The name in lower case.
    #[must_use]
    pub fn to_lower(&self) -> Self {
        Self(self.0.to_ascii_lowercase().into())
    }
}

fn close_label(wire: &mut [u8], label_at: usize) -> Result<(), NameError> {
    let length = wire.len() - label_at - 1;
    match u8::try_from(length) {
        Ok(0) => Err(NameError::EmptyLabel),
        Ok(octet) if length <= MAX_LABEL => {
            if let Some(slot) = wire.get_mut(label_at) {
                *slot = octet;
            }
            Ok(())
        }
        _ => Err(NameError::LabelTooLong),
    }
}

/// The labels of an uncompressed wire name from the left, without the root; stops at anything odd.
pub fn labels(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = wire;
    std::iter::from_fn(move || {
        let (&length, tail) = rest.split_first()?;
        if length == 0 {
            return None;
        }
        let label = tail.get(..usize::from(length))?;
        rest = tail.get(usize::from(length)..)?;
        Some(label)
    })
}

/// Whether wire name `name` is `ancestor` or lies below it, case ignored.
#[must_use]
pub fn is_within(name: &[u8], ancestor: &[u8]) -> bool {
    let Some(extra) = name.len().checked_sub(ancestor.len()) else {
        return false;
    };
    let mut at = 0;
    while at < extra {
        match name.get(at) {
            Some(&length) if length > 0 => at += 1 + usize::from(length),
            _ => return false,
        }
    }
    at == extra
        && name
            .get(at..)
            .is_some_and(|tail| tail.eq_ignore_ascii_case(ancestor))
}

/// Canonical order of two wire names (RFC 4034 section 6.1): label by label from the right, case ignored.
#[must_use]
pub fn canonical_order(a: &[u8], b: &[u8]) -> Ordering {
    fn starts(wire: &[u8]) -> ([u8; 128], usize) {
        let (mut at, mut offsets, mut count) = (0usize, [0u8; 128], 0usize);
        while let (Some(&length), Some(slot)) = (wire.get(at), offsets.get_mut(count)) {
            if length == 0 {
                break;
            }
            *slot = u8::try_from(at).unwrap_or(u8::MAX);
            count += 1;
            at += 1 + usize::from(length);
        }
        (offsets, count)
    }
    fn label<'a>(wire: &'a [u8], offsets: &[u8; 128], index: usize) -> &'a [u8] {
        let at = offsets.get(index).map_or(0, |&at| usize::from(at));
        let length = wire.get(at).map_or(0, |&length| usize::from(length));
        wire.get(at + 1..at + 1 + length).unwrap_or(&[])
    }
    let ((a_at, a_count), (b_at, b_count)) = (starts(a), starts(b));
    for back in 1..=a_count.min(b_count) {
        let left = label(a, &a_at, a_count - back).iter().map(u8::to_ascii_lowercase);
        let right = label(b, &b_at, b_count - back).iter().map(u8::to_ascii_lowercase);
        match left.cmp(right) {
            Ordering::Equal => {}
            other => return other,
        }
    }
    a_count.cmp(&b_count)
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        canonical_order(&self.0, &other.0)
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for octet in &self.0 {
            state.write_u8(octet.to_ascii_lowercase());
        }
    }
}

/// Presentation form with the final dot; octets that are not plain are escaped.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() <= 1 {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                        write!(f, "\\{}", char::from(octet))?
                    }
                    0x21..=0x7e => write!(f, "{}", char::from(octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_text(text).expect(text)
    }

    #[test]
    fn text_and_wire_agree() {
        assert_eq!(name("www.Example.").as_wire(), b"\x03www\x07Example\x00");
        assert_eq!(name("a\\.b.c").as_wire(), b"\x03a.b\x01c\x00");
        assert_eq!(name("\\001\\255").as_wire(), b"\x02\x01\xff\x00");
        assert_eq!(
            Name::from_text_below(b"www", b"\x04test\x00"),
            Ok(name("www.test"))
        );
        assert_eq!(Name::from_text_below(b"@", b"\x04test\x00"), Ok(name("test")));
        assert_eq!(name("a\\.b.c").to_string(), "a\\.b.c.");
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_reason() {
        for (text, error) in [
            ("a..b", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("", NameError::Empty),
            ("a\\", NameError::BadEscape),
            ("a\\256", NameError::BadEscape),
        ] {
            assert_eq!(Name::from_text(text), Err(error), "{text}");
        }
        assert_eq!(Name::from_text(&"a".repeat(64)), Err(NameError::LabelTooLong));
        assert_eq!(Name::from_text(&"abc.".repeat(64)), Err(NameError::TooLong));
    }

    #[test]
    fn canonical_order_is_that_of_rfc_4034() {
        let order = [
            "example",
            "a.example",
            "yljkjljk.a.example",
            "Z.a.example",
            "zABC.a.EXAMPLE",
            "z.example",
            "\\001.z.example",
            "*.z.example",
            "\\200.z.example",
        ];
        for pair in order.windows(2) {
            assert_eq!(name(pair[0]).cmp(&name(pair[1])), Ordering::Less, "{pair:?}");
        }
        assert_eq!(name("WWW.example").cmp(&name("www.EXAMPLE")), Ordering::Equal);
    }

    #[test]
    fn within_is_by_labels_not_by_octets() {
        assert!(name("a.b.c").is_within(&name("b.C")));
        assert!(name("b.c").is_within(&name("b.c")));
        assert!(!name("ab.c").is_within(&name("b.c")));
        assert!(!name("c").is_within(&name("b.c")));
        assert!(name("c").is_within(&Name::root()));
    }
}
