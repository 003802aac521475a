//! Dense, typed numbers for everything that the operator described.
//!
//! Each is an index into the vector of the same name in [`Plan`](crate::model::plan::Plan).
//! Numbers are fresh after every reload; history and state on disk speak in names.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The number as an index into the plan's vector.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }

            /// The number of the entry at `index`; saturates at `u32::MAX`.
            #[must_use]
            pub fn from_index(index: usize) -> Self {
                Self(u32::try_from(index).unwrap_or(u32::MAX))
            }
        }
    };
}

id!(
    /// A zone: one origin.
    ZoneId
);
id!(
    /// A service: one owner name whose addresses follow health.
    ServiceId
);
id!(
    /// An endpoint as one service uses it (pools are expanded per service).
    EndpointId
);
id!(
    /// A group of members under one policy: a service's own, or a pool's within it.
    GroupId
);
id!(
    /// A check definition.
    CheckId
);
id!(
    /// A probe stream: one check against one address and port.
    TargetId
);
