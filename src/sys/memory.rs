//! Advice about memory: what will be read soon, and what deserves huge pages. Advice only: it never fails,
//! and nothing is read or written.

/// The size of a huge page on the processors we know; smaller ranges gain nothing.
const HUGE: usize = 2 << 20;

/// Asks the processor to bring the line at `octets[offset]` into its cache; out of range: nothing.
#[inline]
pub fn prefetch(octets: &[u8], offset: usize) {
    if offset < octets.len() {
        fetch(octets.as_ptr().wrapping_add(offset));
    }
}

/// Asks the processor to bring the line at which `value` begins into its cache.
#[inline]
pub fn prefetch_value<T>(value: &T) {
    fetch(std::ptr::from_ref(value).cast());
}

#[inline]
fn fetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE belongs to every x86_64; a prefetch has no effect but on caches, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: PRFM has no effect but on caches, whatever the address; it touches neither stack nor flags.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

/// Asks the kernel for huge pages under `octets`: a table of a million names then needs a handful of
/// translations instead of thousands. Ranges without a whole huge page are left alone.
pub fn advise_huge(octets: &[u8]) {
    #[cfg(target_os = "linux")]
    {
        let start = octets.as_ptr() as usize;
        let end = start.saturating_add(octets.len());
        let first = start.checked_next_multiple_of(HUGE).unwrap_or(end);
        let length = end.saturating_sub(first) / HUGE * HUGE;
        if length > 0 {
            let address = octets.as_ptr().wrapping_add(first - start).cast_mut();
            // SAFETY: the range lies within `octets`, which is borrowed; MADV_HUGEPAGE changes how it is backed,
            // not what it holds. A refusal (an old kernel) leaves small pages, which is no fault.
            let _ = unsafe { libc::madvise(address.cast(), length, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = octets;
}

/// From how many octets on a block of memory is mapped for itself, and so given back when it is freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 1 << 20;

/// Asks the allocator to map large blocks for themselves. Left alone, glibc stops that for blocks as large as the largest
/// that was ever freed, and then keeps the tables of zones that were replaced.
pub fn map_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes two numbers; glibc's allocator may be told at any time by any thread.
    let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
}

/// Gives memory that was freed back to the kernel: after something large was dropped.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes no pointer; glibc's allocator may be asked at any time by any thread.
    let _ = unsafe { libc::malloc_trim(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_changes_no_octet_and_takes_any_range() {
        let octets: Vec<u8> = (0..5 * HUGE).map(|at| (at % 251) as u8).collect();
        for range in [0..0, 0..1, 7..HUGE, 0..octets.len(), 4097..octets.len() - 3] {
            advise_huge(&octets[range]);
        }
        for offset in [0, 1, octets.len() - 1, octets.len(), usize::MAX] {
            prefetch(&octets, offset);
        }
        prefetch(&[], 0);
        assert!(
            octets
                .iter()
                .enumerate()
                .all(|(at, &octet)| octet == (at % 251) as u8)
        );
    }
}
