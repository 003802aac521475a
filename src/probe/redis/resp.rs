//! RESP2, the protocol of Redis, as far as a client needs it.

use bytes::Buf;

use super::PROTOCOL;
use crate::probe::line::Line;
use crate::probe::sheet::{Fault, Sheet};

/// How deep arrays may stand within each other: `ROLE` has two levels.
const DEEPEST: usize = 4;

/// Elements of the longest array that is read.
const MOST: usize = 4096;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// `+OK`
    Simple(String),
    /// `-ERR …`
    Error(String),
    /// `:1`
    Integer(i64),
    /// `$3 abc`; what is not UTF-8 is replaced.
    Bulk(String),
    /// `*2 …`
    Array(Vec<Reply>),
    /// `$-1` or `*-1`.
    Nil,
}

impl Reply {
    /// Its text, when it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Simple(text) | Self::Bulk(text) => Some(text),
            _ => None,
        }
    }
}

/// Sends a command and takes its answer.
pub(super) async fn ask(sheet: &mut Sheet, line: &mut Line, words: &[&str]) -> Result<Reply, Fault> {
    line.say(sheet, &command(words)).await?;
    loop {
        match parse(&line.heard, 0) {
            Ok(Some((reply, used))) => {
                line.heard.advance(used);
                return Ok(reply);
            }
            Ok(None) => line.hear(sheet, PROTOCOL).await?,
            Err(Unreadable) => return Err(line.garbage(sheet, PROTOCOL, "no reply looks so")),
        }
    }
}

/// A command: an array of texts.
fn command(words: &[&str]) -> Vec<u8> {
    let mut octets = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        octets.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    octets
}

/// It is not RESP, or more than anybody says.
#[derive(Debug, PartialEq, Eq)]
struct Unreadable;

/// The first reply in `octets` and its length; `None`: there is more to come.
fn parse(octets: &[u8], depth: usize) -> Result<Option<(Reply, usize)>, Unreadable> {
    let Some((kind, rest)) = octets.split_first() else {
        return Ok(None);
    };
    if !b"+-:$*".contains(kind) || depth > DEEPEST {
        return Err(Unreadable);
    }
    let Some(length) = rest.windows(2).position(|pair| pair == b"\r\n") else {
        return Ok(None);
    };
    let line = rest.get(..length).ok_or(Unreadable)?;
    let line = String::from_utf8_lossy(line).into_owned();
    let head = length.saturating_add(3);
    let number = || line.parse::<i64>().map_err(|_| Unreadable);
    match kind {
        b'+' => Ok(Some((Reply::Simple(line), head))),
        b'-' => Ok(Some((Reply::Error(line), head))),
        b':' => Ok(Some((Reply::Integer(number()?), head))),
        _ => {
            let count = number()?;
            if count == -1 {
                return Ok(Some((Reply::Nil, head)));
            }
            let count = usize::try_from(count).map_err(|_| Unreadable)?;
            if *kind == b'$' {
                bulk(octets, head, count)
            } else {
                array(octets, head, count, depth)
            }
        }
    }
}

fn bulk(octets: &[u8], head: usize, count: usize) -> Result<Option<(Reply, usize)>, Unreadable> {
    let end = head.checked_add(count).ok_or(Unreadable)?;
    let (Some(text), Some(after)) = (octets.get(head..end), octets.get(end..end.saturating_add(2))) else {
        return Ok(None);
    };
    if after != b"\r\n" {
        return Err(Unreadable);
    }
    let text = String::from_utf8_lossy(text).into_owned();
    Ok(Some((Reply::Bulk(text), end.saturating_add(2))))
}

fn array(
    octets: &[u8],
    head: usize,
    count: usize,
    depth: usize,
) -> Result<Option<(Reply, usize)>, Unreadable> {
    if count > MOST {
        return Err(Unreadable);
    }
    let (mut parts, mut at) = (Vec::new(), head);
    for _ in 0..count {
        let Some((part, used)) = parse(octets.get(at..).unwrap_or_default(), depth.saturating_add(1))? else {
            return Ok(None);
        };
        parts.push(part);
        at = at.saturating_add(used);
    }
    Ok(Some((Reply::Array(parts), at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_whole_or_not_at_all() {
        let role = b"*3\r\n$6\r\nmaster\r\n:3129659\r\n*1\r\n*3\r\n$9\r\n127.0.0.1\r\n$4\r\n9001\r\n$7\r\n3129242\r\n";
        let (reply, used) = parse(role, 0).unwrap().unwrap();
        assert_eq!(used, role.len());
        assert!(matches!(&reply, Reply::Array(parts) if parts.len() == 3));
        for end in 0..role.len() {
            assert_eq!(parse(&role[..end], 0), Ok(None), "{end}");
        }
        assert_eq!(parse(b"*-1\r\n", 0), Ok(Some((Reply::Nil, 5))));
        assert_eq!(
            parse(b"-LOADING soon\r\n", 0),
            Ok(Some((Reply::Error("LOADING soon".to_owned()), 15)))
        );
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for wrong in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b":one\r\n",
            b"$-2\r\n",
            b"$1\r\nabc\r\n",
            b"*99999\r\n",
            b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        ] {
            assert_eq!(parse(wrong, 0), Err(Unreadable), "{}", wrong.escape_ascii());
        }
    }

    #[test]
    fn commands_are_arrays_of_texts() {
        assert_eq!(
            command(&["AUTH", "é"]),
            "*2\r\n$4\r\nAUTH\r\n$2\r\né\r\n".as_bytes()
        );
    }
}
