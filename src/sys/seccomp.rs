//! System calls that the running server makes, and no others (seccomp(2)).
//!
//! What is not listed fails as if the kernel did not know it (`ENOSYS`), which libraries are made for: they fall back to
//! what they used before. A crash in place of it would be an outage made of a new version of libc.

use std::collections::BTreeMap;
use std::io;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter, apply_filter_all_threads,
};

/// What happens to other system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They fail.
    Enforce,
    /// They are made, and the kernel's log tells of them (`SECCOMP_RET_LOG`).
    Log,
}

/// Who is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A server that starts no programs: only what it needs is allowed.
    Server,
    /// A server that starts programs, which inherit the filter: all is allowed but what changes the system or reads other
    /// processes.
    Programs,
}

/// Files, memory, sockets, time, threads: what SQLite, rustls, tokio, inotify, signals and the C library need.
#[rustfmt::skip]
const ALLOWED: &[c_long] = &[
    // Files
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64,
    libc::SYS_preadv, libc::SYS_pwritev, libc::SYS_preadv2, libc::SYS_pwritev2, libc::SYS_close, libc::SYS_close_range,
    libc::SYS_openat, libc::SYS_openat2, libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_statfs,
    libc::SYS_fstatfs, libc::SYS_lseek, libc::SYS_fcntl, libc::SYS_flock, libc::SYS_fsync, libc::SYS_fdatasync,
    libc::SYS_sync_file_range, libc::SYS_ftruncate, libc::SYS_truncate, libc::SYS_fallocate, libc::SYS_fadvise64,
    libc::SYS_readahead, libc::SYS_getdents64, libc::SYS_getcwd, libc::SYS_chdir, libc::SYS_fchdir, libc::SYS_mkdirat,
    libc::SYS_unlinkat, libc::SYS_renameat, libc::SYS_renameat2, libc::SYS_linkat, libc::SYS_symlinkat,
    libc::SYS_readlinkat, libc::SYS_fchmod, libc::SYS_fchmodat, libc::SYS_fchown, libc::SYS_fchownat,
    libc::SYS_faccessat, libc::SYS_faccessat2, libc::SYS_utimensat, libc::SYS_umask, libc::SYS_dup, libc::SYS_dup3,
    libc::SYS_pipe2, libc::SYS_copy_file_range, libc::SYS_sendfile, libc::SYS_splice, libc::SYS_memfd_create,
    libc::SYS_ioctl, libc::SYS_inotify_init1, libc::SYS_inotify_add_watch, libc::SYS_inotify_rm_watch,
    // Memory
    libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mprotect, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_msync,
    libc::SYS_mincore, libc::SYS_mlock, libc::SYS_mlock2, libc::SYS_munlock, libc::SYS_brk,
    // Sockets; `socket` itself by family, below
    libc::SYS_socketpair, libc::SYS_bind, libc::SYS_connect, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4,
    libc::SYS_getsockname, libc::SYS_getpeername, libc::SYS_getsockopt, libc::SYS_setsockopt, libc::SYS_sendto,
    libc::SYS_recvfrom, libc::SYS_sendmsg, libc::SYS_recvmsg, libc::SYS_sendmmsg, libc::SYS_recvmmsg, libc::SYS_shutdown,
    // Waiting
    libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2, libc::SYS_ppoll,
    libc::SYS_pselect6, libc::SYS_eventfd2, libc::SYS_timerfd_create, libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime, libc::SYS_signalfd4, libc::SYS_futex, libc::SYS_nanosleep, libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    // Time and chance
    libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_gettimeofday, libc::SYS_times, libc::SYS_getrusage,
    libc::SYS_getrandom, libc::SYS_getcpu, libc::SYS_sysinfo, libc::SYS_uname,
    // Signals
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_sigpending, libc::SYS_rt_sigsuspend, libc::SYS_rt_tgsigqueueinfo, libc::SYS_sigaltstack,
    libc::SYS_tgkill, libc::SYS_tkill, libc::SYS_kill, libc::SYS_pidfd_open, libc::SYS_pidfd_send_signal,
    // Threads and the process itself; `clone` without namespaces, below. `clone3` keeps its flags in memory, where no
    // filter sees them: without it the C library takes `clone`.
    libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_set_tid_address, libc::SYS_rseq,
    libc::SYS_membarrier, libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_sched_setaffinity,
    libc::SYS_sched_getparam, libc::SYS_sched_getscheduler, libc::SYS_getpriority, libc::SYS_exit,
    libc::SYS_exit_group, libc::SYS_wait4, libc::SYS_waitid, libc::SYS_gettid, libc::SYS_getpid, libc::SYS_getppid,
    libc::SYS_getpgid, libc::SYS_getsid, libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid,
    libc::SYS_getgroups, libc::SYS_getresuid, libc::SYS_getresgid, libc::SYS_prctl, libc::SYS_prlimit64,
    libc::SYS_getrlimit, libc::SYS_setrlimit, libc::SYS_capget, libc::SYS_seccomp,
];

/// What older calls are called on this machine.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ALLOWED_HERE: &[c_long] = &[
    libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_poll, libc::SYS_select,
    libc::SYS_epoll_create, libc::SYS_epoll_wait, libc::SYS_eventfd, libc::SYS_signalfd, libc::SYS_inotify_init,
    libc::SYS_pipe, libc::SYS_dup2, libc::SYS_mkdir, libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_rename,
    libc::SYS_link, libc::SYS_symlink, libc::SYS_readlink, libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown,
    libc::SYS_getdents, libc::SYS_utime, libc::SYS_utimes, libc::SYS_time, libc::SYS_alarm, libc::SYS_pause,
    libc::SYS_getpgrp, libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[c_long] = &[];

/// What no program of a name server's has any business with.
#[rustfmt::skip]
const FORBIDDEN: &[c_long] = &[
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_kcmp, libc::SYS_pidfd_getfd,
    libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_io_uring_setup, libc::SYS_kexec_load,
    libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_mount, libc::SYS_umount2,
    libc::SYS_pivot_root, libc::SYS_move_mount, libc::SYS_open_tree, libc::SYS_fsopen, libc::SYS_fsmount,
    libc::SYS_fsconfig, libc::SYS_fspick, libc::SYS_mount_setattr, libc::SYS_chroot, libc::SYS_swapon,
    libc::SYS_swapoff, libc::SYS_reboot, libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key, libc::SYS_acct,
    libc::SYS_quotactl, libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_clock_adjtime, libc::SYS_adjtimex,
    libc::SYS_sethostname, libc::SYS_setdomainname, libc::SYS_unshare, libc::SYS_setns, libc::SYS_open_by_handle_at,
    libc::SYS_syslog, libc::SYS_vhangup, libc::SYS_personality,
];

/// Families of sockets: local ones, IPv4 and IPv6, and the kernel's word on addresses.
const FAMILIES: [libc::c_int; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Confines every thread of this process, and what they start, for good. Also sets `no_new_privs` for all of them.
///
/// # Errors
/// The kernel knows no seccomp, or this machine is none that has a list.
pub fn confine(mode: Mode, reach: Reach) -> io::Result<()> {
    apply_filter_all_threads(&program(mode, reach)?).map_err(io::Error::other)
}

/// [`confine`], for the calling thread and those that it starts.
///
/// # Errors
/// As there.
pub fn confine_thread(mode: Mode, reach: Reach) -> io::Result<()> {
    apply_filter(&program(mode, reach)?).map_err(io::Error::other)
}

/// Sets `no_new_privs` for every thread of this process: by a filter that forbids nothing, since only a filter goes to
/// all threads at once.
///
/// # Errors
/// The kernel knows no seccomp.
pub fn no_new_privileges_everywhere() -> io::Result<()> {
    // A number that no system call has: the compiler wants a rule.
    let rules = BTreeMap::from([(c_long::from(i32::MAX), Vec::new())]);
    let program = compile(rules, SeccompAction::Allow, SeccompAction::Log)?;
    apply_filter_all_threads(&program).map_err(io::Error::other)
}

fn program(mode: Mode, reach: Reach) -> io::Result<BpfProgram> {
    let refused = |errno: libc::c_int| match mode {
        Mode::Enforce => SeccompAction::Errno(errno.unsigned_abs()),
        Mode::Log => SeccompAction::Log,
    };
    let plain = |calls: &[c_long]| {
        calls
            .iter()
            .map(|call| (*call, Vec::new()))
            .collect::<BTreeMap<_, _>>()
    };
    match reach {
        Reach::Server => {
            let mut rules = plain(ALLOWED);
            rules.extend(plain(ALLOWED_HERE));
            rules.insert(libc::SYS_socket, families()?);
            rules.insert(libc::SYS_clone, vec![without_namespaces()?]);
            compile(rules, refused(libc::ENOSYS), SeccompAction::Allow)
        }
        Reach::Programs => compile(plain(FORBIDDEN), SeccompAction::Allow, refused(libc::EPERM)),
    }
}

fn compile(
    rules: BTreeMap<c_long, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    listed: SeccompAction,
) -> io::Result<BpfProgram> {
    let machine = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, otherwise, listed, machine).map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}

fn families() -> io::Result<Vec<SeccompRule>> {
    let rule = |family: libc::c_int| {
        let is = SeccompCondition::new(
            0,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::Eq,
            u64::from(family.unsigned_abs()),
        );
        SeccompRule::new(vec![is.map_err(io::Error::other)?]).map_err(io::Error::other)
    };
    FAMILIES.into_iter().map(rule).collect()
}

fn without_namespaces() -> io::Result<SeccompRule> {
    let namespaces = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    let mask = u64::from(namespaces.cast_unsigned());
    let none = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), 0);
    SeccompRule::new(vec![none.map_err(io::Error::other)?]).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of a system call that a confined thread makes.
    fn refusal(mode: Mode, reach: Reach, call: c_long, first: c_long) -> i32 {
        std::thread::spawn(move || {
            confine_thread(mode, reach).unwrap();
            // SAFETY: the calls of these tests take numbers, or fail for want of valid pointers.
            let done = unsafe { libc::syscall(call, first, 0, 0, 0, 0, 0) };
            if done < 0 {
                io::Error::last_os_error().raw_os_error().unwrap_or(0)
            } else {
                0
            }
        })
        .join()
        .unwrap()
    }

    #[test]
    fn what_is_not_listed_fails_as_if_the_kernel_did_not_know_it() {
        let user = c_long::from(libc::CLONE_NEWUSER);
        for (call, first) in [
            (libc::SYS_unshare, 0),
            (libc::SYS_ptrace, 0),
            (libc::SYS_execve, 0),
            (libc::SYS_clone3, 0),
            (libc::SYS_clone, user),
            (libc::SYS_socket, c_long::from(libc::AF_PACKET)),
            (libc::SYS_setresuid, 0),
            (libc::SYS_bpf, 0),
        ] {
            assert_eq!(
                refusal(Mode::Enforce, Reach::Server, call, first),
                libc::ENOSYS,
                "{call}"
            );
        }
        assert_eq!(
            refusal(Mode::Log, Reach::Server, libc::SYS_unshare, 0),
            0,
            "it is made"
        );
    }

    #[test]
    fn programs_may_be_started_but_not_change_the_system() {
        let refused = |call| refusal(Mode::Enforce, Reach::Programs, call, 0);
        assert_eq!(refused(libc::SYS_unshare), libc::EPERM);
        assert_eq!(refused(libc::SYS_getpid), 0);
        std::thread::spawn(|| {
            confine_thread(Mode::Enforce, Reach::Programs).unwrap();
            assert!(
                std::process::Command::new("/bin/true")
                    .status()
                    .unwrap()
                    .success()
            );
        })
        .join()
        .unwrap();
    }

    #[test]
    fn files_sockets_threads_and_names_work_on() {
        std::thread::spawn(|| {
            confine_thread(Mode::Enforce, Reach::Server).unwrap();
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("a"), "text").unwrap();
            std::fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            std::thread::spawn(|| ()).join().unwrap();
            let names = std::net::ToSocketAddrs::to_socket_addrs(&("localhost", 53)).unwrap();
            assert!(names.count() > 0);
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .unwrap();
            let never = std::future::pending::<()>();
            let waited = async { tokio::time::timeout(std::time::Duration::from_millis(1), never).await };
            assert!(runtime.block_on(waited).is_err());
            let refused = std::process::Command::new("/bin/true").status();
            assert!(refused.is_err(), "no program is started");
        })
        .join()
        .unwrap();
    }
}
