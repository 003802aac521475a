//! Users and groups of the system, and becoming one.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::zeroed;
use std::ptr;

/// A user to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name, of which its further groups follow; a number has none.
    pub name: Option<CString>,
    /// Its number.
    pub user: u32,
    /// Its group's.
    pub group: u32,
}

/// Room for one entry of the database of users or groups; large groups have long ones.
const ENTRY: usize = 64 << 10;

impl Account {
    /// The user that is called `user` (or has this number), in the group `group` (or with this number), else in its own
    /// group.
    ///
    /// # Errors
    /// `NotFound`: there is no such user or group, said in the text; or what the system says.
    pub fn find(user: &str, group: Option<&str>) -> io::Result<Self> {
        let found = match user.parse::<u32>() {
            Ok(number) => Self {
                name: None,
                user: number,
                group: number,
            },
            Err(_) => find_user(user)?,
        };
        let group = match group {
            None => found.group,
            Some(group) => group.parse().or_else(|_| find_group(group))?,
        };
        Ok(Self { group, ..found })
    }

    /// Becomes this user for good: its groups, its group, its number, real, effective and saved, in every thread.
    ///
    /// # Errors
    /// What the system says; the process may be anything between then, and is to end.
    pub fn put_on(&self) -> io::Result<()> {
        let done = match &self.name {
            // SAFETY: the name is a C string, which lives.
            Some(name) => unsafe { libc::initgroups(name.as_ptr(), self.group as _) },
            // SAFETY: no groups are read.
            None => unsafe { libc::setgroups(0, ptr::null()) },
        };
        check(done)?;
        // SAFETY: takes numbers only; glibc has every thread do it.
        check(unsafe { libc::setresgid(self.group, self.group, self.group) })?;
        // SAFETY: as above.
        check(unsafe { libc::setresuid(self.user, self.user, self.user) })
    }
}

fn check(done: libc::c_int) -> io::Result<()> {
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn unknown(what: &str, name: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("there is no {what} `{name}` on this system"),
    )
}

fn find_user(name: &str) -> io::Result<Account> {
    let wanted = CString::new(name).map_err(|_| unknown("user", name))?;
    // SAFETY: `passwd` is integers and pointers, for which zeros are a value.
    let mut entry: libc::passwd = unsafe { zeroed() };
    let (mut room, mut found) = (vec![0; ENTRY], ptr::null_mut());
    // SAFETY: the name is a C string; the entry, the room with its length and the result live.
    let code = unsafe {
        libc::getpwnam_r(
            wanted.as_ptr(),
            &mut entry,
            room.as_mut_ptr(),
            room.len(),
            &mut found,
        )
    };
    match code {
        _ if !found.is_null() => Ok(Account {
            // SAFETY: the system filled the entry; its name is a C string within `room`, which lives.
            name: Some(unsafe { CStr::from_ptr(entry.pw_name) }.to_owned()),
            user: entry.pw_uid,
            group: entry.pw_gid,
        }),
        0 => Err(unknown("user", name)),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

fn find_group(name: &str) -> io::Result<u32> {
    let wanted = CString::new(name).map_err(|_| unknown("group", name))?;
    // SAFETY: `group` is integers and pointers, for which zeros are a value.
    let mut entry: libc::group = unsafe { zeroed() };
    let (mut room, mut found) = (vec![0; ENTRY], ptr::null_mut());
    // SAFETY: the name is a C string; the entry, the room with its length and the result live.
    let code = unsafe {
        libc::getgrnam_r(
            wanted.as_ptr(),
            &mut entry,
            room.as_mut_ptr(),
            room.len(),
            &mut found,
        )
    };
    match code {
        _ if !found.is_null() => Ok(entry.gr_gid),
        0 => Err(unknown("group", name)),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_are_found_by_name_and_number() {
        let root = Account::find("root", None).unwrap();
        assert_eq!((root.user, root.group), (0, 0));
        let number = Account::find("10053", None).unwrap();
        assert_eq!((number.user, number.group, number.name), (10_053, 10_053, None));
        assert_eq!(Account::find("10053", Some("root")).unwrap().group, 0);
        assert_eq!(Account::find("10053", Some("7")).unwrap().group, 7);
    }

    #[test]
    fn who_is_not_there_is_named() {
        for (user, group) in [
            ("nobody-of-this-name", None),
            ("root", Some("no-such-group")),
            ("a\0b", None),
        ] {
            let error = Account::find(user, group).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
        }
    }
}
