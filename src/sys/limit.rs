//! Limits that the system sets to this process.

use std::io;

/// Raises the number of files this process may have open to the most it may ask for; how many that are. Each TCP
/// connection is one, and the usual 1,024 are few.
///
/// # Errors
/// What the kernel says; the limit is as it was then.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes one `rlimit`, which lives.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the kernel reads one `rlimit`, which lives.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_limit_is_at_its_most_afterwards() {
        let most = super::raise_open_files().unwrap();
        assert!(most >= 256, "{most}");
        assert_eq!(super::raise_open_files().unwrap(), most);
    }
}
