//! What others tell a thread that waits for its connections.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

/// What one thread is told.
#[derive(Debug)]
pub(in crate::serve) struct Mailbox {
    /// Connections that make room.
    evicted: Mutex<Vec<u64>>,
    has_evicted: AtomicBool,
    stop: AtomicBool,
    /// Whether no more connections are to be accepted.
    leave: AtomicBool,
    /// Wakes the thread, which never reads it: it waits for changes.
    pub(super) bell: OwnedFd,
}

impl Mailbox {
    /// An empty one.
    ///
    /// # Errors
    /// What the kernel says to `eventfd`.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            evicted: Mutex::default(),
            has_evicted: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            leave: AtomicBool::new(false),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    /// Has the thread close a connection.
    pub(super) fn evict(&self, key: u64) {
        self.evicted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(key);
        self.has_evicted.store(true, Ordering::Release);
        self.ring();
    }

    /// Has the thread end.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.ring();
    }

    /// Has the thread accept no more connections; it serves those that it has.
    pub(super) fn leave(&self) {
        self.leave.store(true, Ordering::Release);
        self.ring();
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leave.load(Ordering::Acquire)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Whom to close.
    pub(super) fn evicted(&self) -> Vec<u64> {
        if self.has_evicted.load(Ordering::Acquire) {
            self.has_evicted.store(false, Ordering::Release);
            std::mem::take(&mut *self.evicted.lock().unwrap_or_else(PoisonError::into_inner))
        } else {
            Vec::new()
        }
    }

    fn ring(&self) {
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }
}
