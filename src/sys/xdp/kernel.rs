//! bpf(2): the program is handed to the kernel, which proves it harmless, and attached to an interface for as long as
//! this process has it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use crate::sys::xdp::program::{self, Action};

/// Commands.
const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE: libc::c_int = 2;
const PROG_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;
/// `BPF_MAP_TYPE_XSKMAP`.
const SOCKETS: u32 = 17;
/// `BPF_PROG_TYPE_XDP`, and `BPF_XDP` as a place to attach to.
const XDP: u32 = 6;
const AT_XDP: u32 = 37;
const NAME: [u8; 16] = *b"pointsman\0\0\0\0\0\0\0";

#[repr(C)]
struct MapCreate {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
    inner: u32,
    numa: u32,
    name: [u8; 16],
}

#[repr(C)]
struct MapUpdate {
    map: u32,
    _padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgLoad {
    kind: u32,
    instructions: u32,
    code: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach: u32,
}

#[repr(C)]
struct LinkCreate {
    program: u32,
    interface: u32,
    attach: u32,
    flags: u32,
}

/// # Safety
/// `T` must be the attributes that `command` takes, and every pointer in it point to what the command wants there.
unsafe fn bpf<T>(command: libc::c_int, attributes: &mut T) -> io::Result<libc::c_int> {
    // SAFETY: the kernel reads and writes at most so many octets of the attributes, which live; for the rest, the
    // caller's promise.
    let done = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>() as libc::c_uint,
        )
    };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(done as libc::c_int)
    }
}

/// # Safety
/// As for [`bpf`]; the command must give a new descriptor.
unsafe fn bpf_open<T>(command: libc::c_int, attributes: &mut T) -> io::Result<OwnedFd> {
    // SAFETY: the caller's promise; the descriptor is new and owned by nobody else.
    unsafe { Ok(OwnedFd::from_raw_fd(bpf(command, attributes)?)) }
}

/// Where the program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// By the interface's driver, before the kernel makes anything of the frame (`XDP_FLAGS_DRV_MODE`).
    Driver,
    /// By the kernel, with any driver, when it has made its own of the frame (`XDP_FLAGS_SKB_MODE`).
    Generic,
}

/// Which socket takes the frames of which queue.
#[derive(Debug)]
pub struct Sockets {
    map: OwnedFd,
}

impl Sockets {
    /// None yet, of at most `queues`.
    ///
    /// # Errors
    /// What the kernel says: `EPERM` without `CAP_BPF` (or `CAP_SYS_ADMIN` before Linux 5.8) and `CAP_NET_ADMIN`.
    pub fn new(queues: u32) -> io::Result<Self> {
        let mut attributes = MapCreate {
            kind: SOCKETS,
            key_size: 4,
            value_size: 4,
            max_entries: queues.max(1),
            flags: 0,
            inner: 0,
            numa: 0,
            name: NAME,
        };
        // SAFETY: these are the command's attributes, without pointers; it opens a map.
        let map = unsafe { bpf_open(MAP_CREATE, &mut attributes)? };
        Ok(Self { map })
    }

    /// Has `socket` take the frames of queue `queue`, from now until it is closed.
    ///
    /// # Errors
    /// What the kernel says: `EBADF`-like ones when it is no bound AF_XDP socket.
    pub fn insert(&self, queue: u32, socket: &impl AsFd) -> io::Result<()> {
        let value = socket.as_fd().as_raw_fd();
        let mut attributes = MapUpdate {
            map: self.map.as_raw_fd() as u32,
            _padding: 0,
            key: std::ptr::from_ref(&queue) as u64,
            value: std::ptr::from_ref(&value) as u64,
            flags: 0,
        };
        // SAFETY: these are the command's attributes; key and value are four octets each, as the map has them, and
        // live.
        unsafe { bpf(MAP_UPDATE, &mut attributes).map(drop) }
    }

    /// The program that hands out frames for `addresses` to these sockets, at the interface with the hardware address
    /// `mac`.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn program(
        &self,
        mac: [u8; 6],
        addresses: &[std::net::SocketAddr],
        otherwise: Action,
    ) -> io::Result<Program> {
        let code = program::assemble(mac, addresses, self.map.as_raw_fd(), otherwise);
        let license = c"Apache-2.0";
        let mut attributes = ProgLoad {
            kind: XDP,
            instructions: code.len() as u32,
            code: code.as_ptr() as u64,
            license: license.as_ptr() as u64,
            log_level: 0,
            log_size: 0,
            log: 0,
            kernel: 0,
            flags: 0,
            name: NAME,
            interface: 0,
            attach: AT_XDP,
        };
        // SAFETY: these are the command's attributes; the code has so many instructions, the license ends in zero, and
        // both live; it opens a program.
        let program = unsafe { bpf_open(PROG_LOAD, &mut attributes)? };
        Ok(Program { program })
    }
}

/// A program that the kernel has taken.
#[derive(Debug)]
pub struct Program {
    program: OwnedFd,
}

impl Program {
    /// Attaches it to the interface `interface` until the link is dropped or the process ends, however it ends.
    ///
    /// # Errors
    /// What the kernel says: `EBUSY` when there is another, `EOPNOTSUPP` and others when the driver does not do it.
    pub fn attach(&self, interface: u32, place: Place) -> io::Result<Link> {
        let mut attributes = LinkCreate {
            program: self.program.as_raw_fd() as u32,
            interface,
            attach: AT_XDP,
            flags: match place {
                Place::Generic => 1 << 1,
                Place::Driver => 1 << 2,
            },
        };
        // SAFETY: these are the command's attributes, without pointers; it opens a link.
        let link = unsafe { bpf_open(LINK_CREATE, &mut attributes)? };
        Ok(Link { _link: link })
    }
}

/// A program at an interface. Dropping it takes the program off.
#[derive(Debug)]
pub struct Link {
    _link: OwnedFd,
}

#[cfg(test)]
mod tests;
