//! The rings that a channel shares with the kernel: one side writes entries and says how far, the other follows.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

/// Memory from `mmap`, given back when dropped.
pub(super) struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: plain memory, owned; nothing about it belongs to a thread.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Zeroed memory of our own.
    pub(super) fn anonymous(length: usize) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping, at an address of the kernel's choice, touches nothing that exists.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, PROT, flags, -1, 0) };
        Self::of(start, length)
    }

    /// A ring of `socket`.
    fn shared(socket: &OwnedFd, offset: libc::off_t, length: usize) -> io::Result<Self> {
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        // SAFETY: as above; the descriptor is borrowed, hence open.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, PROT, flags, socket.as_raw_fd(), offset) };
        Self::of(start, length)
    }

    fn of(start: *mut libc::c_void, length: usize) -> io::Result<Self> {
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, length })
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }
}

const PROT: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by us with this length, and unmapped nowhere else; whoever has pointers into it borrows it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// One ring of entries `T`, integers for which any octets are a value.
struct Ring<T> {
    /// Keeps what the pointers point to.
    _memory: Mapping,
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    entries: NonNull<T>,
    size: u32,
}

// SAFETY: the memory is shared with the kernel, not with a thread, and by atomics.
unsafe impl<T: Send> Send for Ring<T> {}

impl<T: Copy> Ring<T> {
    /// The ring of `socket` at `offset`, whose `size` entries (a power of two) the kernel was told of.
    fn map(
        socket: &OwnedFd,
        offset: libc::off_t,
        size: u32,
        places: &libc::xdp_ring_offset,
    ) -> io::Result<Self> {
        let entries = usize::try_from(places.desc).map_err(io::Error::other)?;
        let memory = Mapping::shared(socket, offset, entries + size as usize * size_of::<T>())?;
        let place = |at: u64, length: usize, align: usize| {
            let at = usize::try_from(at).map_err(io::Error::other)?;
            if at.checked_add(length).is_none_or(|end| end > memory.length()) || !at.is_multiple_of(align) {
                return Err(io::Error::other("the kernel lays out rings unlike any we know"));
            }
            // SAFETY: within the mapping, as just seen.
            Ok(unsafe { memory.start().add(at) })
        };
        let number = |at| place(at, size_of::<u32>(), align_of::<u32>()).map(NonNull::cast);
        Ok(Self {
            producer: number(places.producer)?,
            consumer: number(places.consumer)?,
            flags: number(places.flags)?,
            entries: place(places.desc, size as usize * size_of::<T>(), align_of::<T>())?.cast(),
            size,
            _memory: memory,
        })
    }

    fn producer(&self) -> &AtomicU32 {
        // SAFETY: within the mapping, which lives as long as `self`, aligned, and touched by atomics alone.
        unsafe { self.producer.as_ref() }
    }

    fn consumer(&self) -> &AtomicU32 {
        // SAFETY: as above.
        unsafe { self.consumer.as_ref() }
    }

    /// Entry `index`, counted on and on.
    fn entry(&self, index: u32) -> *mut T {
        // SAFETY: `size` entries lie there, and it is a power of two.
        unsafe { self.entries.as_ptr().add((index & (self.size - 1)) as usize) }
    }
}

/// A ring that we fill.
pub(super) struct Producer<T> {
    ring: Ring<T>,
    /// Entries written, whether the kernel knows or not.
    written: u32,
    /// Entries that the kernel had taken when last looked.
    taken: u32,
}

impl<T: Copy> Producer<T> {
    pub(super) fn map(
        socket: &OwnedFd,
        offset: libc::off_t,
        size: u32,
        places: &libc::xdp_ring_offset,
    ) -> io::Result<Self> {
        let ring = Ring::map(socket, offset, size, places)?;
        Ok(Self {
            ring,
            written: 0,
            taken: 0,
        })
    }

    /// Writes an entry, when there is room.
    #[inline]
    pub(super) fn push(&mut self, entry: T) -> bool {
        if self.written.wrapping_sub(self.taken) >= self.ring.size {
            self.taken = self.ring.consumer().load(Ordering::Acquire);
            if self.written.wrapping_sub(self.taken) >= self.ring.size {
                return false;
            }
        }
        // SAFETY: a place of the ring which the kernel has left: it does not read entries beyond `producer`.
        unsafe { self.ring.entry(self.written).write(entry) };
        self.written = self.written.wrapping_add(1);
        true
    }

    /// Lets the kernel know of what was written.
    #[inline]
    pub(super) fn publish(&mut self) {
        self.ring.producer().store(self.written, Ordering::Release);
    }

    /// Entries that the kernel has not taken yet.
    #[inline]
    pub(super) fn waiting(&mut self) -> u32 {
        self.taken = self.ring.consumer().load(Ordering::Acquire);
        self.written.wrapping_sub(self.taken)
    }

    /// Whether the kernel wants to be called (`XDP_RING_NEED_WAKEUP`).
    #[inline]
    pub(super) fn wants_wakeup(&self) -> bool {
        // SAFETY: as for `producer`.
        let flags = unsafe { self.ring.flags.as_ref() };
        flags.load(Ordering::Relaxed) & libc::XDP_RING_NEED_WAKEUP != 0
    }
}

/// A ring that the kernel fills.
pub(super) struct Consumer<T> {
    ring: Ring<T>,
    /// Entries read, whether the kernel knows or not.
    read: u32,
    /// Entries that the kernel had written when last looked.
    written: u32,
}

impl<T: Copy> Consumer<T> {
    pub(super) fn map(
        socket: &OwnedFd,
        offset: libc::off_t,
        size: u32,
        places: &libc::xdp_ring_offset,
    ) -> io::Result<Self> {
        let ring = Ring::map(socket, offset, size, places)?;
        Ok(Self {
            ring,
            read: 0,
            written: 0,
        })
    }

    /// The next entry.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.read == self.written {
            self.written = self.ring.producer().load(Ordering::Acquire);
            if self.read == self.written {
                return None;
            }
        }
        // SAFETY: the kernel wrote it before `producer`, and does not write it again before `release`.
        let entry = unsafe { self.ring.entry(self.read).read() };
        self.read = self.read.wrapping_add(1);
        Some(entry)
    }

    /// Lets the kernel have the places of what was read.
    #[inline]
    pub(super) fn release(&mut self) {
        self.ring.consumer().store(self.read, Ordering::Release);
    }
}
