//! Datagrams in batches: one system call receives up to [`BATCH`], one sends what was answered.
//!
//! A slot holds where one query came from and which address was asked; queries have a place each, answers lie one
//! after the other. All is one allocation that never moves; the kernel's headers point into it and most of them are
//! written once, so that a batch of one costs no more than one. An answer goes back to the slot's peer, from the
//! address that was asked.
//!
//! The kernel evicts what the processor's caches hold of this between two batches, so what is touched lies close
//! together: a batch of usual queries touches 32 pages of queries, four of slots and one of answers.

use std::io;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, zeroed};
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

use crate::sys::origin::{CONTROL, Control, ReturnPath, control_message, socket_address};

/// Datagrams of one system call: more than 32 gained nothing when measured, fewer cost.
pub const BATCH: usize = 32;
/// The longest query that is read whole.
pub const QUERY: usize = 4096;
/// Room for one answer: the largest EDNS payload that may be configured.
pub const REPLY: usize = 4096;
/// A query's place. Not a multiple of 4,096 octets long, so that the beginnings of queries do not share cache sets.
const PLACE: usize = QUERY + LINE;
/// Octets of a cache line: no two answers share one.
const LINE: usize = 64;

/// What the kernel says of one query, and what it is told for the answer.
#[repr(C, align(64))]
struct Slot {
    peer: libc::sockaddr_storage,
    control: Control,
    asked: Control,
    query_vec: libc::iovec,
    reply_vec: libc::iovec,
}

/// All that the kernel's headers point into.
#[repr(C)]
struct Memory {
    slots: [Slot; BATCH],
    replies: [u8; REPLY * BATCH],
    queries: [[u8; PLACE]; BATCH],
}

/// Up to [`BATCH`] queries with their answers.
pub struct Batch {
    /// Owned.
    memory: NonNull<Memory>,
    incoming: [libc::mmsghdr; BATCH],
    outgoing: [libc::mmsghdr; BATCH],
    /// Octets of `Slot::asked` in use.
    asked: [usize; BATCH],
    received: usize,
    answered: usize,
}

/// What became of a batch of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Answers that the kernel took.
    pub taken: usize,
    /// Answers that it refused.
    pub refused: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// An empty batch: about 280 KB.
    #[must_use]
    pub fn new() -> Self {
        let memory: NonNull<Memory> = NonNull::from(Box::leak(Box::<Memory>::new_uninit())).cast();
        // SAFETY: one `Memory` was allocated; zeros are a value of every field.
        unsafe { memory.as_ptr().write_bytes(0, 1) };
        // SAFETY: `mmsghdr` is integers and pointers, for which zeros are a value.
        let (mut incoming, mut outgoing): ([libc::mmsghdr; BATCH], [libc::mmsghdr; BATCH]) =
            unsafe { (zeroed(), zeroed()) };
        for (index, (incoming, outgoing)) in incoming.iter_mut().zip(&mut outgoing).enumerate() {
            // SAFETY: `index` < BATCH, the number of slots and of places; no reference into the memory exists.
            unsafe {
                let slot = slot(memory, index);
                (*slot).query_vec.iov_base = query(memory, index).cast();
                (*slot).query_vec.iov_len = QUERY;
                incoming.msg_hdr.msg_name = ptr::addr_of_mut!((*slot).peer).cast();
                incoming.msg_hdr.msg_iov = ptr::addr_of_mut!((*slot).query_vec);
                incoming.msg_hdr.msg_control = ptr::addr_of_mut!((*slot).control).cast();
            }
            incoming.msg_hdr.msg_iovlen = 1;
            outgoing.msg_hdr.msg_iovlen = 1;
        }
        Self {
            memory,
            incoming,
            outgoing,
            asked: [0; BATCH],
            // All headers are reset before the first call.
            received: BATCH,
            answered: 0,
        }
    }

    /// Waits for a datagram (unless `wait` is false) and takes what is there; how many.
    ///
    /// # Errors
    /// What the kernel says; nothing was received then.
    pub fn receive(&mut self, socket: &UdpSocket, wait: bool) -> io::Result<usize> {
        for header in self.incoming.iter_mut().take(self.received) {
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_hdr.msg_controllen = CONTROL as _;
        }
        self.received = 0;
        self.answered = 0;
        let flags = if wait {
            libc::MSG_WAITFORONE
        } else {
            libc::MSG_DONTWAIT
        };
        // SAFETY: the descriptor is borrowed, hence open; each header points to one slot's name, control and query
        // with their true lengths; the slots live as long as `self`, which is borrowed mutably, so that no
        // reference into them exists.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.incoming.as_mut_ptr(),
                BATCH as u32,
                flags as _,
                ptr::null_mut(),
            )
        };
        self.received = usize::try_from(count)
            .map_err(|_| io::Error::last_os_error())?
            .min(BATCH);
        for index in 0..self.received {
            self.read_control(index);
        }
        Ok(self.received)
    }

    /// The queries, and room for their answers.
    pub fn parts(&mut self) -> (Queries<'_>, Replies<'_>) {
        let queries = Queries {
            memory: self.memory,
            headers: self.incoming.get(..self.received).unwrap_or(&[]),
            asked: &self.asked,
        };
        let replies = Replies {
            memory: self.memory,
            names: self.incoming.get(..self.received).unwrap_or(&[]),
            asked: &self.asked,
            headers: &mut self.outgoing,
            answered: &mut self.answered,
            used: 0,
            unique: PhantomData,
        };
        (queries, replies)
    }

    /// Sends what was answered. An answer that the kernel refuses is left out, the others go.
    pub fn send(&mut self, socket: &UdpSocket) -> Sent {
        let mut sent = Sent::default();
        let mut at = 0;
        while let Some(rest) = self
            .outgoing
            .get_mut(at..self.answered)
            .filter(|rest| !rest.is_empty())
        {
            // SAFETY: the descriptor is borrowed, hence open; each header up to `answered` was completed by
            // `Replies::answer` and points to one slot's peer, control and answer with their true lengths.
            let count =
                unsafe { libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), rest.len() as u32, 0) };
            match usize::try_from(count) {
                Ok(count @ 1..) => {
                    sent.taken += count;
                    at += count;
                }
                _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                _ => {
                    sent.refused += 1;
                    at += 1;
                }
            }
        }
        self.answered = 0;
        sent
    }

    /// Reads the control messages of slot `index`: the address asked, turned into the message that makes the answer
    /// leave from it.
    fn read_control(&mut self, index: usize) {
        let (Some(header), Some(asked)) = (self.incoming.get(index), self.asked.get_mut(index)) else {
            return;
        };
        *asked = 0;
        // SAFETY: the kernel wrote `msg_controllen` octets of well-formed control messages into the slot's control
        // buffer, which is aligned for `cmsghdr`; the CMSG functions stay within them. Payloads are read
        // unaligned. `asked` has room: CMSG_SPACE of either packet info is at most 40 octets of 128.
        unsafe {
            let slot = slot(self.memory, index);
            let reply = ptr::addr_of_mut!((*slot).asked).cast::<u8>();
            let mut message = libc::CMSG_FIRSTHDR(&header.msg_hdr);
            while !message.is_null() {
                let data = libc::CMSG_DATA(message);
                match ((*message).cmsg_level, (*message).cmsg_type) {
                    (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                        let mut info = data.cast::<libc::in_pktinfo>().read_unaligned();
                        // The address alone: a fixed interface would break asymmetric routes.
                        info.ipi_ifindex = 0;
                        *asked = control_message(reply, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
                    }
                    (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                        let mut info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                        let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                        // A link-local address means something on its link only.
                        if !address.is_unicast_link_local() {
                            info.ipi6_ifindex = 0;
                        }
                        if !address.is_multicast() {
                            *asked = control_message(reply, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
                        }
                    }
                    _ => {}
                }
                message = libc::CMSG_NXTHDR(&header.msg_hdr, message);
            }
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: leaked from such a box in `new`, freed nowhere else; no reference outlives `self`.
        drop(unsafe { Box::from_raw(self.memory.as_ptr().cast::<MaybeUninit<Memory>>()) });
    }
}

/// # Safety
/// `memory` must be allocated and `index` below [`BATCH`].
unsafe fn slot(memory: NonNull<Memory>, index: usize) -> *mut Slot {
    // SAFETY: the caller's promise.
    unsafe {
        ptr::addr_of_mut!((*memory.as_ptr()).slots)
            .cast::<Slot>()
            .add(index)
    }
}

/// # Safety
/// `memory` must be allocated and `index` below [`BATCH`].
unsafe fn query(memory: NonNull<Memory>, index: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        ptr::addr_of_mut!((*memory.as_ptr()).queries)
            .cast::<u8>()
            .add(index * PLACE)
    }
}

/// The queries of a batch.
#[derive(Clone, Copy)]
pub struct Queries<'a> {
    memory: NonNull<Memory>,
    headers: &'a [libc::mmsghdr],
    asked: &'a [usize; BATCH],
}

impl<'a> Queries<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.headers.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// The octets of query `index`; `None` when it was longer than [`QUERY`] or is not there.
    #[must_use]
    pub fn octets(&self, index: usize) -> Option<&'a [u8]> {
        let header = self.headers.get(index)?;
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
        let length = usize::try_from(header.msg_len).unwrap_or(usize::MAX).min(QUERY);
        // SAFETY: `index` is that of a header, hence of a slot; the first `length` octets of its query are
        // initialised (zeros or the kernel's); nobody writes them while the batch is borrowed.
        Some(unsafe { std::slice::from_raw_parts(query(self.memory, index), length) })
    }

    /// Who sent query `index`; `None` for what has no internet address.
    #[must_use]
    pub fn peer(&self, index: usize) -> Option<SocketAddr> {
        let header = self.headers.get(index)?;
        // SAFETY: as above; the name is initialised storage, and read as what its family says it is, which is not
        // larger than the storage.
        unsafe {
            let peer = ptr::addr_of!((*slot(self.memory, index)).peer);
            socket_address(peer, header.msg_hdr.msg_namelen)
        }
    }

    /// How to answer query `index` later.
    #[must_use]
    pub fn return_path(&self, index: usize) -> Option<ReturnPath> {
        let peer = self.peer(index)?;
        let mut asked = Control([0; CONTROL]);
        let length = self.asked.get(index).copied()?;
        // SAFETY: as above; the control buffer is initialised and not written while the batch is borrowed.
        let source = unsafe { &(*ptr::addr_of!((*slot(self.memory, index)).asked)).0 };
        asked.0.copy_from_slice(source);
        Some(ReturnPath { peer, asked, length })
    }
}

/// Room for the answers of a batch.
pub struct Replies<'a> {
    memory: NonNull<Memory>,
    names: &'a [libc::mmsghdr],
    asked: &'a [usize; BATCH],
    headers: &'a mut [libc::mmsghdr; BATCH],
    answered: &'a mut usize,
    /// Octets of the room that hold answers.
    used: usize,
    /// The answers are borrowed mutably.
    unique: PhantomData<&'a mut [u8]>,
}

impl Replies<'_> {
    /// Room for one answer: [`REPLY`] octets, the same again until [`Replies::answer`] takes them.
    pub fn room(&mut self) -> &mut [u8] {
        // SAFETY: the octets are initialised, and reached through `Replies` alone, which is borrowed mutably; at most
        // BATCH - 1 answers of at most REPLY octets, a multiple of LINE, lie before them, see `answer`.
        unsafe {
            let replies = ptr::addr_of_mut!((*self.memory.as_ptr()).replies).cast::<u8>();
            std::slice::from_raw_parts_mut(replies.add(self.used.min(REPLY * (BATCH - 1))), REPLY)
        }
    }

    /// The first `length` octets of the room are the answer to query `index`; no more answers than queries.
    pub fn answer(&mut self, index: usize, length: usize) {
        let (Some(name), Some(&asked), Some(header)) = (
            self.names.get(index),
            self.asked.get(index),
            self.headers.get_mut(*self.answered),
        ) else {
            return;
        };
        let length = length.min(REPLY);
        let room = self.used.min(REPLY * (BATCH - 1));
        // SAFETY: a slot of that index exists; only its fields for sending are written, to which no reference
        // exists; the answer lies in the room that `room` gives.
        unsafe {
            let slot = slot(self.memory, index);
            let replies = ptr::addr_of_mut!((*self.memory.as_ptr()).replies).cast::<u8>();
            (*slot).reply_vec.iov_base = replies.add(room).cast();
            (*slot).reply_vec.iov_len = length;
            header.msg_hdr.msg_iov = ptr::addr_of_mut!((*slot).reply_vec);
            header.msg_hdr.msg_control = ptr::addr_of_mut!((*slot).asked).cast();
        }
        header.msg_hdr.msg_name = name.msg_hdr.msg_name;
        header.msg_hdr.msg_namelen = name.msg_hdr.msg_namelen;
        header.msg_hdr.msg_controllen = asked as _;
        *self.answered += 1;
        self.used = room + length.next_multiple_of(LINE);
    }
}
