//! Whether threads move: each beats now and then, and whoever watches counts.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// One thread's.
#[derive(Debug, Default)]
pub struct Pulse(AtomicU32);

impl Pulse {
    /// The thread is at work, or waits for work.
    pub fn beat(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// All threads'.
#[derive(Debug, Default)]
pub struct Pulses(Mutex<Vec<Arc<Pulse>>>);

impl Pulses {
    /// That of a thread that begins.
    #[must_use]
    pub fn begin(&self) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse::default());
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&pulse));
        pulse
    }

    /// How often each has beaten, in the order they began.
    #[must_use]
    pub fn counts(&self) -> Vec<u32> {
        let pulses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pulses.iter().map(|pulse| pulse.0.load(Relaxed)).collect()
    }
}
