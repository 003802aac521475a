//! The doors, open: what a successor is given, and what is left to it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio_util::sync::CancellationToken;

use crate::run::bypass::Bypassing;
use crate::serve::sampler::Sampler;
use crate::serve::tcp::TcpServer;
use crate::serve::udp::UdpWorkers;

/// Everything that answers.
pub(super) struct Doors {
    /// `None`: left, or closed.
    pub(super) udp: Mutex<Option<UdpWorkers>>,
    pub(super) tcp: Arc<TcpServer>,
    /// `None`: all comes by the sockets.
    pub(super) bypassing: Mutex<Option<Bypassing>>,
    /// The thread of what comes encrypted.
    pub(super) encrypted: Mutex<Option<JoinHandle<()>>>,
    /// Ends it.
    pub(super) encrypted_stop: CancellationToken,
    /// Listeners and sockets that were given to runtimes and threads, once more.
    pub(super) copies: Mutex<Vec<OwnedFd>>,
    /// Whether another process may read the same sockets: then none is shut down.
    pub(super) shared: AtomicBool,
    /// Takes queries out.
    pub(super) sampler: Arc<Sampler>,
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doors").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Doors {
    /// Every socket once more, for another process; until [`Doors::keep`] none is shut down, and all comes by them.
    pub(super) fn share(&self) -> io::Result<Vec<OwnedFd>> {
        self.shared.store(true, Ordering::Release);
        if let Some(bypassing) = lock(&self.bypassing).take() {
            bypassing.stop();
        }
        let udp = lock(&self.udp);
        let datagrams = udp.iter().flat_map(UdpWorkers::sockets);
        let mut copies = Vec::new();
        for socket in datagrams {
            copies.push(socket.as_fd().try_clone_to_owned()?);
        }
        for socket in lock(&self.copies).iter() {
            copies.push(socket.try_clone()?);
        }
        Ok(copies)
    }

    /// No other process has the sockets any more. What came past the kernel comes by them until the next start.
    pub(super) fn keep(&self) {
        self.shared.store(false, Ordering::Release);
    }

    /// Lets workers wait so little that they could leave soon, or takes that back.
    pub(super) fn hasten(&self, haste: bool) {
        if let Some(udp) = &*lock(&self.udp) {
            if haste {
                udp.make_haste();
            } else {
                udp.take_time();
            }
        }
    }

    /// Leaves the sockets to the other process that reads them; TCP connections that are open go on, and what comes
    /// encrypted says goodbye. Waits for the UDP workers.
    pub(super) fn leave(&self) {
        let udp = lock(&self.udp).take();
        self.tcp.stop_accepting();
        self.encrypted_stop.cancel();
        lock(&self.copies).clear();
        if let Some(udp) = udp {
            udp.leave();
            udp.join();
        }
    }

    /// How many TCP connections are open.
    pub(super) fn connections(&self) -> usize {
        self.tcp.connections()
    }

    /// Answers what is queued, then closes everything, and waits for the threads; whether none had panicked. What was
    /// left to another process is not touched.
    pub(super) fn close(&self) -> bool {
        // What comes past the kernel comes to the sockets once that has ended, so they end last.
        if let Some(bypassing) = lock(&self.bypassing).take() {
            bypassing.stop();
        }
        let udp = lock(&self.udp).take();
        lock(&self.copies).clear();
        if let Some(udp) = udp {
            if self.shared.load(Ordering::Acquire) {
                udp.leave();
            } else {
                udp.stop();
            }
            udp.join();
        }
        let encrypted = lock(&self.encrypted).take();
        encrypted.is_none_or(|thread| thread.join().is_ok())
    }
}
