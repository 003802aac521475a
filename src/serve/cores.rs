//! Which core a thread stays on.

/// Keeps the calling thread on one of the cores it may use: thread `index` on the core of that place, beginning anew behind
/// the last. A refusal leaves it where it is, and is said.
pub(super) fn stay(index: usize) {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        let set = || {
            let may = sched_getaffinity(None)?;
            let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&core| may.is_set(core)).collect();
            let mut own = CpuSet::new();
            if let Some(&core) = cores.get(index % cores.len().max(1)) {
                own.set(core);
            }
            sched_setaffinity(None, &own)
        };
        if let Err(error) = set() {
            tracing::warn!(target: "pointsman::serve", %error, thread = index, "a UDP thread cannot be kept on a core");
        }
    }
    #[cfg(not(target_os = "linux"))]
    tracing::warn!(target: "pointsman::serve", thread = index, "threads are kept on cores on Linux only");
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::thread::sched_getaffinity;

    #[test]
    fn each_thread_has_one_core() {
        for index in 0..5 {
            let thread = std::thread::spawn(move || {
                super::stay(index);
                sched_getaffinity(None).map(|set| set.count())
            });
            assert_eq!(thread.join().unwrap(), Ok(1));
        }
    }
}
