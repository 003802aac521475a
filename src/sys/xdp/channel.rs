//! An AF_XDP socket with its frames: one queue of one interface, for one thread.
//!
//! The frames lie in one piece of memory that the kernel knows (UMEM). Each is with us or with the kernel: those for
//! queries go round from the ring of empty ones to the ring of received ones, to us, and back; those for answers from
//! us to the ring of what is to be sent, and back when it was. All rings have room for all frames that may be in them,
//! so nothing is ever lost on the way.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};

use crate::sys::batch::BATCH;
use crate::sys::memory;
use crate::sys::xdp::option::{get, set};
use crate::sys::xdp::ring::{Consumer, Mapping, Producer};

/// Frames for queries: what may come at once and is not lost.
const QUERIES: u32 = 2048;
/// Frames for answers that are on their way.
const ANSWERS: u32 = 1024;
/// Where in its frame an answer's message begins: headers go before it.
pub const MESSAGE: usize = 64;
/// Octets that the kernel keeps free before what it receives.
const HEADROOM: u32 = 256;
/// Calls to send one batch; more are needed only when the interface is busy.
const CALLS: usize = 4;

/// How frames get from the interface into our memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copying {
    /// The interface writes there itself.
    None,
    /// The kernel copies them.
    Kernel,
}

/// One queue's frames.
pub struct Channel {
    socket: OwnedFd,
    empty: Producer<u64>,
    received: Consumer<libc::xdp_desc>,
    sending: Producer<libc::xdp_desc>,
    sent: Consumer<u64>,
    memory: Mapping,
    /// Octets of a frame, a power of two.
    size: u32,
    /// Octets of the longest frame that the interface sends.
    largest: usize,
    /// Frames for answers that are with us: numbers, the last given back on top, as it is still near.
    free: Vec<u32>,
    /// Frames of queries that are with us.
    held: [libc::xdp_desc; BATCH],
    count: usize,
    /// Answers since the last call.
    answered: usize,
    /// What the kernel had lost when last looked.
    lost: u64,
}

/// The largest frame that a channel takes: what fits into four kilobytes with the kernel's room before it.
pub const LARGEST: u32 = 4096 - HEADROOM;

impl Channel {
    /// Opens queue `queue` of the interface `interface`, for frames of at most `largest` octets (Ethernet header
    /// included). Nothing comes before a program hands frames over.
    ///
    /// # Errors
    /// What the kernel says; `EOPNOTSUPP` or `EINVAL` when the driver does not take this kind of copying, `EPERM`
    /// without `CAP_NET_RAW`, `EBUSY` when another socket has the queue, `ENOBUFS` when it may not lock so much memory.
    pub fn open(interface: u32, queue: u32, largest: u32, copying: Copying) -> io::Result<Self> {
        if largest > LARGEST {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        let size = if largest + HEADROOM <= 2048 { 2048 } else { 4096 };
        let memory = Mapping::anonymous((size * (QUERIES + ANSWERS + 1)) as usize)?;
        // SAFETY: no argument is a pointer.
        let socket = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just opened, and owned by nobody else.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        // SAFETY: integers, for which zeros are a value.
        let mut register: libc::xdp_umem_reg = unsafe { std::mem::zeroed() };
        register.addr = memory.start().as_ptr() as u64;
        register.len = memory.length() as u64;
        register.chunk_size = size;
        set(&socket, libc::XDP_UMEM_REG, &register)?;
        set(&socket, libc::XDP_UMEM_FILL_RING, &QUERIES)?;
        set(&socket, libc::XDP_UMEM_COMPLETION_RING, &ANSWERS)?;
        set(&socket, libc::XDP_RX_RING, &QUERIES)?;
        set(&socket, libc::XDP_TX_RING, &ANSWERS)?;
        // SAFETY: integers, for which zeros are a value.
        let mut places: libc::xdp_mmap_offsets = unsafe { std::mem::zeroed() };
        // SAFETY: integers.
        unsafe { get(&socket, libc::XDP_MMAP_OFFSETS, &mut places)? };
        let mut channel = Self {
            empty: Producer::map(
                &socket,
                libc::XDP_UMEM_PGOFF_FILL_RING as libc::off_t,
                QUERIES,
                &places.fr,
            )?,
            received: Consumer::map(&socket, libc::XDP_PGOFF_RX_RING, QUERIES, &places.rx)?,
            sending: Producer::map(&socket, libc::XDP_PGOFF_TX_RING, ANSWERS, &places.tx)?,
            sent: Consumer::map(
                &socket,
                libc::XDP_UMEM_PGOFF_COMPLETION_RING as libc::off_t,
                ANSWERS,
                &places.cr,
            )?,
            socket,
            memory,
            size,
            largest: largest as usize,
            free: (QUERIES..QUERIES + ANSWERS).rev().collect(),
            held: [libc::xdp_desc {
                addr: 0,
                len: 0,
                options: 0,
            }; BATCH],
            count: 0,
            answered: 0,
            lost: 0,
        };
        for frame in 0..QUERIES {
            channel.empty.push(u64::from(frame * size));
        }
        channel.empty.publish();
        let copying = match copying {
            Copying::None => libc::XDP_ZEROCOPY,
            Copying::Kernel => libc::XDP_COPY,
        };
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: copying | libc::XDP_USE_NEED_WAKEUP,
            sxdp_ifindex: interface,
            sxdp_queue_id: queue,
            sxdp_shared_umem_fd: 0,
        };
        // SAFETY: the descriptor is open; the kernel reads one `sockaddr_xdp`, which lives.
        let bound = unsafe {
            libc::bind(
                channel.socket.as_raw_fd(),
                ptr::from_ref(&address).cast(),
                size_of_val(&address) as libc::socklen_t,
            )
        };
        if bound != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(channel)
    }

    /// Gives back the frames of the last batch and takes what has come, up to [`BATCH`]; how many. Does not wait: see
    /// [`AsFd`] for that.
    pub fn receive(&mut self) -> usize {
        for held in self.held.iter().take(self.count) {
            self.empty.push(held.addr & !u64::from(self.size - 1));
        }
        if self.count > 0 {
            self.empty.publish();
        }
        if self.free.len() < ANSWERS as usize {
            while let Some(address) = self.sent.pop() {
                self.free.push((address / u64::from(self.size)) as u32);
            }
            self.sent.release();
        }
        self.count = 0;
        for place in &mut self.held {
            let Some(frame) = self.received.pop() else { break };
            *place = frame;
            self.count += 1;
        }
        if self.count > 0 {
            self.received.release();
        }
        self.count
    }

    /// The frames that came, and room for their answers.
    pub fn parts(&mut self) -> (Arrived<'_>, Leaving<'_>) {
        let arrived = Arrived {
            memory: &self.memory,
            frames: self.held.get(..self.count).unwrap_or(&[]),
        };
        let leaving = Leaving {
            start: self.memory.start(),
            size: self.size,
            largest: self.largest,
            free: &mut self.free,
            sending: &mut self.sending,
            answered: &mut self.answered,
            unique: PhantomData,
        };
        (arrived, leaving)
    }

    /// Sends what was answered. What the interface does not take now is sent with the next call.
    ///
    /// # Errors
    /// What the kernel says, when it is not that it is busy.
    pub fn send(&mut self) -> io::Result<()> {
        if self.answered > 0 {
            self.sending.publish();
            self.answered = 0;
        }
        for _ in 0..CALLS {
            if !self.sending.wants_wakeup() || self.sending.waiting() == 0 {
                break;
            }
            // SAFETY: the descriptor is open; no octets are handed over.
            let done = unsafe {
                libc::sendto(
                    self.socket.as_raw_fd(),
                    ptr::null(),
                    0,
                    libc::MSG_DONTWAIT,
                    ptr::null(),
                    0,
                )
            };
            if done < 0 {
                let error = io::Error::last_os_error();
                match error.raw_os_error() {
                    Some(libc::EAGAIN | libc::EINTR) => {}
                    // The interface's queue is full, or there is no memory just now.
                    Some(libc::EBUSY | libc::ENOBUFS) => break,
                    _ => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Whether answers wait for a further call of [`Channel::send`].
    pub fn is_waiting(&mut self) -> bool {
        self.sending.wants_wakeup() && self.sending.waiting() > 0
    }

    /// How many more frames the kernel has lost than when last looked, for want of room or of correctness.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn losses(&mut self) -> io::Result<u64> {
        // SAFETY: integers, for which zeros are a value.
        let mut statistics: libc::xdp_statistics = unsafe { std::mem::zeroed() };
        // SAFETY: integers.
        unsafe { get(&self.socket, libc::XDP_STATISTICS, &mut statistics)? };
        let lost = statistics
            .rx_dropped
            .wrapping_add(statistics.rx_ring_full)
            .wrapping_add(statistics.rx_fill_ring_empty_descs);
        let more = lost.wrapping_sub(self.lost);
        self.lost = lost;
        Ok(more)
    }
}

impl AsFd for Channel {
    /// Readable when something has come.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The frames of a batch.
#[derive(Clone, Copy)]
pub struct Arrived<'a> {
    memory: &'a Mapping,
    frames: &'a [libc::xdp_desc],
}

impl<'a> Arrived<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.frames.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.frames.is_empty()
    }

    /// The octets of frame `index`; empty when there is no such frame.
    #[must_use]
    pub fn octets(self, index: usize) -> &'a [u8] {
        let Some(frame) = self.frames.get(index) else {
            return &[];
        };
        let (Ok(start), length) = (usize::try_from(frame.addr), frame.len as usize) else {
            return &[];
        };
        if start
            .checked_add(length)
            .is_none_or(|end| end > self.memory.length())
        {
            return &[];
        }
        // SAFETY: within the frames' memory, as just seen, which is initialised (zeros or the kernel's) and lives as
        // long as the borrow. The frame is one of queries and with us until the next `receive`, which needs the borrow
        // to have ended: nobody writes it.
        unsafe { std::slice::from_raw_parts(self.memory.start().as_ptr().add(start), length) }
    }

    /// Asks for the beginning of frame `index` to be near: another core wrote it.
    #[inline]
    pub fn fetch(self, index: usize) {
        let octets = self.octets(index);
        memory::prefetch(octets, 0);
        memory::prefetch(octets, 64);
    }
}

/// Room for the answers of a batch.
pub struct Leaving<'a> {
    start: NonNull<u8>,
    size: u32,
    largest: usize,
    free: &'a mut Vec<u32>,
    sending: &'a mut Producer<libc::xdp_desc>,
    answered: &'a mut usize,
    /// The frames of answers are borrowed mutably.
    unique: PhantomData<&'a mut [u8]>,
}

impl Leaving<'_> {
    /// Room for an answer's message in [`Leaving::frame`], from octet [`MESSAGE`] on: as long as a frame of the
    /// interface may be, with `headers` octets before it.
    #[inline]
    pub fn room(&mut self, headers: usize) -> &mut [u8] {
        let end = MESSAGE + self.largest.saturating_sub(headers);
        let frame = self.frame();
        let end = end.min(frame.len());
        frame.get_mut(MESSAGE..end).unwrap_or(&mut [])
    }

    /// A frame for an answer, the same until [`Leaving::send`] takes it. When all are on their way there is a spare one,
    /// which cannot be sent.
    #[inline]
    pub fn frame(&mut self) -> &mut [u8] {
        let frame = self.free.last().copied().unwrap_or(QUERIES + ANSWERS);
        let frame = frame.min(QUERIES + ANSWERS) as usize * self.size as usize;
        // SAFETY: QUERIES + ANSWERS + 1 frames lie there, initialised; this one is for answers and with us, hence
        // neither the kernel's nor one that `Arrived` shows, and reached through `Leaving` alone, which is borrowed
        // mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().add(frame), self.size as usize) }
    }

    /// Octets `from..from + length` of the room are an answer, to be sent by [`Channel::send`]. False when it cannot be.
    #[inline]
    pub fn send(&mut self, from: usize, length: usize) -> bool {
        if from
            .checked_add(length)
            .is_none_or(|end| end > self.size as usize)
        {
            return false;
        }
        let Some(frame) = self.free.pop() else {
            return false;
        };
        let frame = libc::xdp_desc {
            addr: u64::from(frame) * u64::from(self.size) + from as u64,
            len: length as u32,
            options: 0,
        };
        *self.answered += 1;
        self.sending.push(frame)
    }
}
