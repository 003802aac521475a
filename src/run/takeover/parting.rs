//! The running server's side of a takeover, without sockets and clocks: what is to be done when something is heard.
//!
//! ```text
//!            hello             freeze                 answering          deciding
//!  serving ────────► courted ─────────► frozen ─────────────────► yielded ─────────► gone
//!     ▲                 │ lost, refused    │ lost, refused, too late  │ lost, too late: fenced
//!     └─────────────────┴──────────────────┴──────────────────────────┘
//! ```
//!
//! It answers until it is gone. It decides while serving and courted. From frozen on it decides nothing, until it knows
//! that the other does not: a successor that was told that the house is its own, and does not say that it decides, is
//! killed before this server decides again.

/// Where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parting {
    /// Nobody asks for its place.
    #[default]
    Serving,
    /// A successor prepares.
    Courted,
    /// It decides nothing, and the successor has all it needs.
    Frozen,
    /// It told the successor to decide.
    Yielded,
    /// The successor answers and decides.
    Gone,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A successor that speaks the same protocol came.
    Hello,
    /// It wants the state.
    Freeze,
    /// This server is frozen, and the state is sent.
    Bequeathed,
    /// It answers on the same sockets.
    Answering,
    /// It decides.
    Deciding,
    /// It does not want to take over after all.
    Refused,
    /// Its process is dead, or nothing is heard of it any more.
    Lost {
        /// Whether it is known to be dead.
        dead: bool,
    },
    /// What was to happen did not in time.
    Late,
}

/// What is to be done, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Do {
    /// Tell it that it is welcome.
    Welcome,
    /// Decide nothing from now on, close the store, and send all; then [`Happened::Bequeathed`] or, when that cannot be
    /// now, nothing.
    Bequeath,
    /// Tell it that the house is its own.
    Yield,
    /// Tell it to go.
    Dismiss,
    /// End the successor's process, and wait until it has ended.
    Kill,
    /// Decide again.
    Resume,
    /// Stop answering, and leave.
    Leave,
}

impl Parting {
    /// What is to be done now.
    pub fn step(&mut self, happened: Happened) -> Vec<Do> {
        let (next, todo) = match (*self, happened) {
            (Self::Serving, Happened::Hello) => (Self::Courted, vec![Do::Welcome]),
            (Self::Courted, Happened::Freeze) => (Self::Courted, vec![Do::Bequeath]),
            (Self::Courted, Happened::Bequeathed) => (Self::Frozen, vec![]),
            (Self::Courted, Happened::Lost { .. } | Happened::Refused) => (Self::Serving, vec![]),
            (Self::Courted, Happened::Late) => (Self::Serving, vec![Do::Dismiss]),
            (Self::Frozen, Happened::Answering) => (Self::Yielded, vec![Do::Yield]),
            // It was never told to decide: whether it lives does not matter.
            (Self::Frozen, Happened::Lost { .. } | Happened::Refused) => (Self::Serving, vec![Do::Resume]),
            (Self::Frozen, Happened::Late) => (Self::Serving, vec![Do::Dismiss, Do::Resume]),
            (Self::Yielded, Happened::Deciding) => (Self::Gone, vec![Do::Leave]),
            (Self::Yielded, Happened::Lost { dead: true }) => (Self::Serving, vec![Do::Resume]),
            // It may decide already: of two that decide one must die, and the other one is not known to be well.
            (Self::Yielded, Happened::Lost { dead: false } | Happened::Late | Happened::Refused) => {
                (Self::Serving, vec![Do::Kill, Do::Resume])
            }
            (state, _) => (state, vec![]),
        };
        *self = next;
        todo
    }

    /// Whether it may decide.
    #[must_use]
    pub fn decides(self) -> bool {
        matches!(self, Self::Serving | Self::Courted)
    }

    /// Whether it answers.
    #[must_use]
    pub fn answers(self) -> bool {
        self != Self::Gone
    }
}
