//! The system's log: one datagram for each entry.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::UnixDatagram;

use crate::announce::carrier::Carrier;
use crate::announce::format::line;
use crate::announce::message::Message;
use crate::announce::queue::Outcome;
use crate::model::hook::Format;

/// Where journald listens.
const JOURNAL: &str = "/run/systemd/journal/socket";
/// Where syslog listens; journald does there, too.
const SYSLOG: &str = "/dev/log";
/// A log whose socket is full for this long is in trouble.
const PATIENCE: Duration = Duration::from_secs(5);

/// A receiver that is the system's log.
pub(super) struct Log {
    pub(super) path: Option<PathBuf>,
    pub(super) format: Format,
}

impl Log {
    /// The socket, and what it takes. Looked for each time: the log may be started later.
    fn socket(&self) -> (&Path, Format) {
        match (&self.path, self.format) {
            (Some(path), format) => (path, format),
            (None, Format::Syslog) => (Path::new(SYSLOG), Format::Syslog),
            (None, _) if Path::new(JOURNAL).exists() => (Path::new(JOURNAL), Format::Journal),
            (None, _) => (Path::new(SYSLOG), Format::Syslog),
        }
    }
}

#[async_trait]
impl Carrier for Log {
    async fn carry(&self, message: &Message) -> Outcome {
        let (path, format) = self.socket();
        let datagram = match format {
            Format::Journal => line::journal(message, std::process::id()),
            _ => line::syslog(message, std::process::id()),
        };
        let sending = async {
            let socket = UnixDatagram::unbound()?;
            let sent = socket.send_to(&datagram, path).await?;
            if sent == datagram.len() {
                Ok(())
            } else {
                Err(io::Error::other("only a part of it was taken"))
            }
        };
        let why = match tokio::time::timeout(PATIENCE, sending).await {
            Ok(Ok(())) => return Outcome::Confirmed,
            Ok(Err(error)) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                return Outcome::Refused(format!("{}: {error}", path.display()));
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it takes nothing".to_owned(),
        };
        Outcome::Absent(format!("{}: {why}", path.display()))
    }
}
