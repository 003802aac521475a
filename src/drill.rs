//! Measures a rehearsed failover from outside: clients of its own ask the server over real UDP, and what they were
//! answered becomes a report. It decides nothing; what is rehearsed is `control::drill`'s business.

pub mod panel;
pub mod report;
