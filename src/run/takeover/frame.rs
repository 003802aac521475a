//! Frames on the control socket: four octets of length (big endian), then JSON; descriptors travel with the length.

use std::fs::Permissions;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg, sockopt::socket_peercred,
};
use rustix::process::{PidfdFlags, Signal, geteuid, pidfd_open, pidfd_send_signal};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The control socket's name in the state directory.
pub const SOCKET: &str = "control.sock";
/// Descriptors of one frame: the kernel takes no more than 253.
pub const DESCRIPTORS: usize = 250;
/// Octets of the longest frame: the state of a hundred thousand targets is a quarter of that.
const LONGEST: u32 = 1 << 30;
/// How long the end of a process whose socket has closed is waited for.
const LAST_BREATH: Duration = Duration::from_millis(500);

/// A connection between two processes of this machine, of the same user.
#[derive(Debug)]
pub struct Link {
    stream: UnixStream,
    /// The other process itself: its number may be another's by and by.
    process: OwnedFd,
    pid: i32,
}

impl Link {
    /// Takes a connection whose other end is a process of this user's, or of root's.
    ///
    /// # Errors
    /// When it is not, or the system does not tell.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        let peer = socket_peercred(&stream)?;
        let ours = geteuid();
        if peer.uid != ours && !peer.uid.is_root() && !ours.is_root() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the process at the other end is another user's",
            ));
        }
        Ok(Self {
            stream,
            process: pidfd_open(peer.pid, PidfdFlags::empty())?,
            pid: peer.pid.as_raw_nonzero().get(),
        })
    }

    /// The number of the other process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// How long a frame is waited for.
    ///
    /// # Errors
    /// The system's.
    pub fn patience(&self, time: Duration) -> io::Result<()> {
        self.stream
            .set_read_timeout(Some(time.max(Duration::from_millis(1))))
    }

    /// Sends a frame with descriptors, at most [`DESCRIPTORS`].
    ///
    /// # Errors
    /// The system's.
    pub fn send(&mut self, word: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let body = serde_json::to_vec(word)?;
        let length = u32::try_from(body.len()).ok().filter(|length| *length <= LONGEST);
        let head = length.ok_or(io::ErrorKind::FileTooLarge)?.to_be_bytes();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let sent = sendmsg(
            &self.stream,
            &[IoSlice::new(&head)],
            &mut control,
            SendFlags::NOSIGNAL,
        )?;
        self.stream.write_all(head.get(sent..).unwrap_or_default())?;
        self.stream.write_all(&body)
    }

    /// The next frame, with its descriptors.
    ///
    /// # Errors
    /// `WouldBlock` when none came in time; the system's; `InvalidData` for what is no frame.
    pub fn receive<T: DeserializeOwned>(&mut self) -> io::Result<(T, Vec<OwnedFd>)> {
        let mut head = [0; 4];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(
            &self.stream,
            &mut [IoSliceMut::new(&mut head)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut descriptors = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        self.stream
            .read_exact(head.get_mut(received.bytes..).unwrap_or_default())?;
        let length = u32::from_be_bytes(head);
        if length > LONGEST {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "not a frame of this protocol",
            ));
        }
        // As it comes: a length alone takes no memory.
        let mut body = Vec::new();
        (&mut self.stream)
            .take(u64::from(length))
            .read_to_end(&mut body)?;
        if body.len() < length as usize {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok((serde_json::from_slice(&body)?, descriptors))
    }

    /// Whether the other process has ended; waits a moment for an end that has begun.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.ended_within(LAST_BREATH)
    }

    fn ended_within(&self, time: Duration) -> bool {
        let time = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        let mut processes = [PollFd::from_borrowed_fd(self.process.as_fd(), PollFlags::IN)];
        matches!(poll(&mut processes, Some(&time)), Ok(1))
    }

    /// Ends the other process, and waits until it has ended; whether it has.
    #[must_use]
    pub fn kill(&self) -> bool {
        // It may have ended by itself.
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
        self.ended_within(Duration::from_secs(5))
    }
}

/// Opens the control socket, in place of one that is there.
///
/// # Errors
/// The system's: a directory that cannot be written, a path that is too long.
pub fn listen(directory: &Path) -> io::Result<(UnixListener, PathBuf)> {
    let path = directory.join(SOCKET);
    let aside = directory.join(format!("{SOCKET}.{}", std::process::id()));
    // Left by a process of this number that died.
    let _ = std::fs::remove_file(&aside);
    let listener = UnixListener::bind(&aside)?;
    std::fs::set_permissions(&aside, Permissions::from_mode(0o600))?;
    std::fs::rename(&aside, &path)?;
    listener.set_nonblocking(true)?;
    Ok((listener, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_descriptors_arrive_together_and_in_order() {
        let (a, b) = UnixStream::pair().unwrap();
        let (mut a, mut b) = (Link::new(a).unwrap(), Link::new(b).unwrap());
        assert_eq!(a.pid(), i32::try_from(std::process::id()).unwrap());
        let (null, long) = (std::fs::File::open("/dev/null").unwrap(), "x".repeat(300_000));
        let writer = std::thread::spawn(move || {
            a.send(&"first", &[null.as_fd(), null.as_fd()]).unwrap();
            a.send(&long, &[]).unwrap();
            a
        });
        let (word, descriptors) = b.receive::<String>().unwrap();
        assert_eq!((word.as_str(), descriptors.len()), ("first", 2));
        let (word, descriptors) = b.receive::<String>().unwrap();
        assert_eq!((word.len(), descriptors.len()), (300_000, 0));
        b.patience(Duration::from_millis(5)).unwrap();
        let late = b.receive::<String>().unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::WouldBlock);
        drop(writer.join().unwrap());
        let gone = b.receive::<String>().unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::UnexpectedEof);
        assert!(!b.is_dead(), "it was this very process");
    }
}
