//! Processes that this one started: whether they have ended, and how they are ended with all their children.

use std::io;

/// Kills every process of the group that the child `leader` leads. Nothing happens when there is none.
///
/// The caller holds the child unreaped: until then the kernel gives its number to nobody else, so that no stranger
/// is hit. 0 and 1, which would mean the own group and everything, are ignored.
pub fn kill_group(leader: u32) {
    let Some(group) = libc::pid_t::try_from(leader).ok().filter(|group| *group > 1) else {
        return;
    };
    // SAFETY: takes numbers only. It fails where the group is gone, which is what is wanted.
    unsafe { libc::kill(-group, libc::SIGKILL) };
}

/// Whether the child `process` has ended; it is left to be reaped.
///
/// # Errors
/// What the kernel says: there is no such child.
pub fn has_ended(process: u32) -> io::Result<bool> {
    // SAFETY: all zeros are a `siginfo_t`.
    let mut found: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `siginfo_t`, which lives.
    let done = unsafe {
        libc::waitid(
            libc::P_PID,
            process,
            &mut found,
            libc::WEXITED | libc::WNOHANG | libc::WNOWAIT,
        )
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `waitid` has filled it, or left the zeros that say that nothing has ended.
    Ok(unsafe { found.si_pid() } != 0)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn an_end_is_seen_without_reaping() {
        let mut child = Command::new("/bin/sleep").arg("600").spawn().unwrap();
        assert!(!has_ended(child.id()).unwrap());
        child.kill().unwrap();
        while !has_ended(child.id()).unwrap() {
            std::thread::yield_now();
        }
        assert!(has_ended(child.id()).unwrap());
        child.wait().unwrap();
        assert!(has_ended(child.id()).is_err());
    }

    #[test]
    fn a_group_is_killed_and_nothing_else() {
        use std::os::unix::process::{CommandExt, ExitStatusExt};
        let mut child = Command::new("/bin/sleep")
            .arg("600")
            .process_group(0)
            .spawn()
            .unwrap();
        kill_group(0);
        kill_group(1);
        kill_group(child.id());
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }
}
