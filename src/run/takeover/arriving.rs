//! The successor's side of a takeover, without sockets and clocks: what is to be done when something is heard.
//!
//! ```text
//!          welcome           bequest            judged well             yielded
//!  bidding ───────► preparing ───────► judging ─────────────► answering ────────► reigning
//!     │ lost           │ lost: alone     │ judged wrong           │ dismissed
//!     └────────────────┴─► failed ◄──────┴────────────────────────┘
//! ```
//!
//! It begins to decide when it was told to, or when it has the state and the other process is *known* to be dead. That
//! nothing is heard of the other is no proof.

/// Where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arriving {
    /// It has asked.
    #[default]
    Bidding,
    /// It is known to the other, and asks it questions.
    Preparing,
    /// It has the state and compares answers.
    Judging,
    /// It answers beside the other.
    Answering,
    /// It answers and decides.
    Reigning,
    /// There is nobody to take over from: it starts as a server that is started does.
    Alone,
    /// It gave up, or was sent away.
    Failed,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The other speaks the same protocol.
    Welcome,
    /// The state came, with the sockets; the other is frozen.
    Bequest,
    /// Answers were compared.
    Judged {
        /// Whether nothing differs that was not announced.
        well: bool,
    },
    /// The other told it to decide.
    Yielded,
    /// The other sent it away, or cannot have it.
    Dismissed,
    /// Nothing is heard of the other any more.
    Lost {
        /// Whether its process is known to be dead.
        dead: bool,
    },
    /// Something of its own failed.
    Unable,
}

/// What is to be done, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Do {
    /// Compare answers, then [`Happened::Judged`].
    Judge,
    /// Answer on the sockets that came.
    Answer,
    /// Tell the other that it answers.
    SayAnswering,
    /// Tell the other that it does not want to.
    Refuse,
    /// Decide.
    Decide,
    /// Tell the other that it decides.
    SayDeciding,
    /// Answer no more; what is queued is the other's.
    Cease,
}

impl Arriving {
    /// What is to be done now.
    pub fn step(&mut self, happened: Happened) -> Vec<Do> {
        let (next, todo) = match (*self, happened) {
            (Self::Bidding, Happened::Welcome) => (Self::Preparing, vec![]),
            (Self::Preparing, Happened::Bequest) => (Self::Judging, vec![Do::Judge]),
            (Self::Bidding | Self::Preparing, Happened::Lost { dead: true }) => (Self::Alone, vec![]),
            (Self::Judging, Happened::Judged { well: true }) => {
                (Self::Answering, vec![Do::Answer, Do::SayAnswering])
            }
            (Self::Judging, Happened::Judged { well: false }) => (Self::Failed, vec![Do::Refuse]),
            // The state is whole: nobody else has it.
            (Self::Judging, Happened::Lost { dead: true }) => (Self::Reigning, vec![Do::Answer, Do::Decide]),
            (Self::Answering, Happened::Lost { dead: true }) => (Self::Reigning, vec![Do::Decide]),
            (Self::Answering, Happened::Yielded) => (Self::Reigning, vec![Do::Decide, Do::SayDeciding]),
            (Self::Answering, Happened::Dismissed | Happened::Lost { dead: false } | Happened::Unable) => {
                (Self::Failed, vec![Do::Cease, Do::Refuse])
            }
            (Self::Bidding | Self::Preparing | Self::Judging, _) if Self::ends(happened) => {
                (Self::Failed, vec![Do::Refuse])
            }
            (state, _) => (state, vec![]),
        };
        *self = next;
        todo
    }

    fn ends(happened: Happened) -> bool {
        matches!(
            happened,
            Happened::Dismissed | Happened::Lost { dead: false } | Happened::Unable
        )
    }

    /// Whether it may decide.
    #[must_use]
    pub fn decides(self) -> bool {
        matches!(self, Self::Reigning | Self::Alone)
    }

    /// Whether it answers.
    #[must_use]
    pub fn answers(self) -> bool {
        matches!(self, Self::Answering | Self::Reigning | Self::Alone)
    }
}
