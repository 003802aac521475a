//! `tcp`: connect, perhaps say something, perhaps hear something.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::health::observation::{FaultClass, Phase};
use crate::model::check::TcpCheck;
use crate::probe::sheet::{Fault, Sheet};
use crate::probe::{dial, fault};

/// Octets of an answer that are read while looking for what is expected.
const LIMIT: usize = 64 * 1024;

/// Octets that are read at once.
const CHUNK: usize = 1024;

/// Probes `address` as `check` asks.
pub(crate) async fn probe(sheet: &mut Sheet, check: &TcpCheck, address: SocketAddr) -> Result<(), Fault> {
    let mut stream = dial::connect(sheet, address).await?;
    let spoken = converse(sheet, check, &mut stream).await;
    sheet.farewell = Some(Box::pin(dial::leave(stream)));
    spoken
}

/// Says and hears over `stream` what `check` asks.
pub(crate) async fn converse(
    sheet: &mut Sheet,
    check: &TcpCheck,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<(), Fault> {
    if let Some(send) = &check.send {
        sheet.watch.enter(Phase::FirstByte);
        let said = async {
            stream.write_all(send).await?;
            // Within TLS what is written may still wait for its record.
            stream.flush().await
        };
        if let Err(error) = said.await {
            let (class, text) = fault::of_io(&error);
            return Err(sheet.fault(class, format!("{text} while sending")));
        }
    }
    match &check.expect {
        None => Ok(()),
        Some(expect) => listen(sheet, expect, stream).await,
    }
}

async fn listen(
    sheet: &mut Sheet,
    expect: &[u8],
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<(), Fault> {
    let mut heard: Vec<u8> = Vec::new();
    sheet.watch.enter(Phase::FirstByte);
    loop {
        let searched = heard.len();
        heard.reserve(CHUNK);
        let count = match stream.read_buf(&mut heard).await {
            Ok(count) => count,
            Err(error) => {
                sheet.keep_excerpt(&heard);
                let (class, text) = fault::of_io(&error);
                return Err(sheet.fault(class, format!("{text} {}", after(&heard))));
            }
        };
        if count == 0 {
            sheet.keep_excerpt(&heard);
            if heard.is_empty() {
                let text = "connection closed by the endpoint before it said anything";
                return Err(sheet.fault(FaultClass::Reset, text));
            }
            return Err(sheet.fault(
                FaultClass::Content,
                format!("connection closed {}, without {}", after(&heard), quote(expect)),
            ));
        }
        if searched == 0 {
            sheet.watch.enter(Phase::Body);
        }
        heard.truncate(LIMIT);
        sheet.octets = heard.len();
        sheet.keep_excerpt(&heard);
        if contains_from(&heard, expect, searched) {
            sheet.evidence.body.clear();
            return Ok(());
        }
        if heard.len() >= LIMIT {
            return Err(sheet.fault(
                FaultClass::Content,
                format!("the first {LIMIT} octets do not contain {}", quote(expect)),
            ));
        }
    }
}

fn after(heard: &[u8]) -> String {
    if heard.is_empty() {
        "before it said anything".to_owned()
    } else {
        format!("after {}", quote(heard))
    }
}

/// Whether `hay` contains `needle`, when its first `searched` octets are known not to.
pub(crate) fn contains_from(hay: &[u8], needle: &[u8], searched: usize) -> bool {
    if needle.is_empty() {
        return true;
    }
    let from = searched.saturating_sub(needle.len().saturating_sub(1));
    hay.get(from..)
        .is_some_and(|rest| rest.windows(needle.len()).any(|window| window == needle))
}

/// The beginning of some octets, readable on one line: `` `220 mail.example.test ESMTP` ``.
pub(crate) fn quote(octets: &[u8]) -> String {
    const MOST: usize = 48;
    let shown = octets.get(..MOST).unwrap_or(octets);
    let more = if octets.len() > MOST { "…" } else { "" };
    format!("`{}{more}`", shown.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_across_two_chunks_is_found() {
        assert!(contains_from(b"one two", b"e t", 3));
        assert!(contains_from(b"one two", b"e t", 4));
        assert!(!contains_from(b"one two", b"one", 6));
        assert!(contains_from(b"", b"", 0));
        assert!(!contains_from(b"a", b"ab", 0));
        assert!(!contains_from(b"a", b"b", 9));
    }

    #[test]
    fn quotes_are_short_and_harmless_on_a_terminal() {
        assert_eq!(quote(b"220 ok\r\n\x1b[2J"), "`220 ok\\r\\n\\x1b[2J`");
        assert_eq!(quote(&[b'x'; 60]), format!("`{}…`", "x".repeat(48)));
    }
}
