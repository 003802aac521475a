//! Time as a parameter: the core never reads a clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point on the monotonic clock: nanoseconds since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment(u64);

impl Moment {
    /// The process's beginning.
    pub const ZERO: Self = Self(0);
    /// Later than every real moment.
    pub const FAR: Self = Self(u64::MAX);

    /// `nanos` nanoseconds after the beginning.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// `millis` milliseconds after the beginning.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// `secs` seconds after the beginning.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the beginning.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The moment `by` later; saturates at [`Moment::FAR`].
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)),
        )
    }

    /// The moment `by` earlier; saturates at [`Moment::ZERO`].
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Wall-clock time: milliseconds since 1970-01-01 UTC, for people and for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// Whole seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.0 / 1000
    }
}

/// Both clocks, read together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// For deciding: never steps.
    pub moment: Moment,
    /// For people and the disk: may step.
    pub wall: UnixTime,
}

/// A time to live in seconds, at most 2^31 - 1 (RFC 2181 section 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ttl(u32);

impl Ttl {
    /// The largest TTL there is (RFC 2181 section 8).
    pub const MAX: Self = Self(0x7fff_ffff);

    /// `secs` seconds, clamped to the range of a TTL.
    #[must_use]
    pub const fn from_secs(secs: u32) -> Self {
        if secs > Self::MAX.0 { Self::MAX } else { Self(secs) }
    }

    /// The TTL in seconds.
    #[must_use]
    pub const fn secs(self) -> u32 {
        self.0
    }

    /// The TTL as a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}
