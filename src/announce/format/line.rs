//! The system's log: a datagram for journald, or a line of RFC 3164 for syslog.

use super::plain;
use crate::announce::message::Message;

/// What syslog's daemons take of a line (RFC 3164 section 4.1 asks for 1024 octets; all of today's take more).
const LINE: usize = 4096;
/// RFC 5424 section 6.2.1: system daemons.
const DAEMON: u8 = 3;

/// RFC 5424 section 6.2.1: warning when somebody should look, else notice.
fn priority(message: &Message) -> u8 {
    if message.entry.alarm { 4 } else { 5 }
}

/// `<PRIORITY>pointsman[PID]: TEXT (kind, services, #seq)`: the time and the host are the daemon's to add.
#[must_use]
pub fn syslog(message: &Message, process: u32) -> Vec<u8> {
    let entry = &message.entry;
    let mut about = vec![entry.kind.clone()];
    about.extend((!entry.services.is_empty()).then(|| entry.services.join(",")));
    about.extend(entry.by.as_deref().map(|by| format!("by {}", plain(by))));
    about.push(format!("#{}", entry.seq));
    let mut line = format!(
        "<{}>pointsman[{process}]: {} ({})",
        DAEMON * 8 + priority(message),
        plain(&entry.text),
        about.join("; ")
    );
    let mut end = line.len().min(LINE);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line.into_bytes()
}

/// Fields of journald's own protocol: `NAME=value` in lines, and a length before a value of several lines.
#[must_use]
pub fn journal(message: &Message, process: u32) -> Vec<u8> {
    let entry = &message.entry;
    let mut datagram = Vec::new();
    let mut field = |name: &str, value: &str| {
        datagram.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            datagram.push(b'\n');
            datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            datagram.push(b'=');
        }
        datagram.extend_from_slice(value.as_bytes());
        datagram.push(b'\n');
    };
    field("MESSAGE", &plain(&entry.text));
    field("PRIORITY", &priority(message).to_string());
    field("SYSLOG_IDENTIFIER", "pointsman");
    field("SYSLOG_FACILITY", &DAEMON.to_string());
    field("SYSLOG_PID", &process.to_string());
    field("POINTSMAN_NODE", &message.node);
    field("POINTSMAN_KIND", &entry.kind);
    field("POINTSMAN_SEQ", &entry.seq.to_string());
    field("POINTSMAN_KEY", &message.idempotency_key());
    field("POINTSMAN_UNIX_MS", &entry.unix_ms.to_string());
    // One field each, as journald has it for several values of one name.
    for service in entry.services.iter().take(64) {
        field("POINTSMAN_SERVICE", service);
    }
    for (name, value) in [
        ("POINTSMAN_ENDPOINT", &entry.endpoint),
        ("POINTSMAN_BY", &entry.by),
    ] {
        if let Some(value) = value {
            field(name, value);
        }
    }
    datagram
}
