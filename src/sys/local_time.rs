//! The time of this place: std knows no time zones.

/// Seconds that local time is ahead of UTC at `unix`, seconds since 1970; 0 where the system cannot tell.
#[must_use]
pub fn ahead_of_utc(unix: i64) -> i64 {
    let time: libc::time_t = unix;
    let mut broken_down = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are to what lives here; the function is the one that may be called by several threads, and
    // zeroes are a `tm` even when nothing is written. The environment is not changed while the program runs.
    let told = unsafe { libc::localtime_r(&raw const time, broken_down.as_mut_ptr()) };
    if told.is_null() {
        return 0;
    }
    // SAFETY: written by the call above, and zeroed before.
    let broken_down = unsafe { broken_down.assume_init() };
    broken_down.tm_gmtoff
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_place_is_further_than_fifteen_hours_from_utc() {
        for unix in [0, 1_767_225_600, 1_782_864_000] {
            assert!(super::ahead_of_utc(unix).abs() <= 15 * 3600);
        }
    }
}
