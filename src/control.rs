//! The signal box: events in, decisions and other effects out. Pure: no clock, no chance, no I/O.
//!
//! [`step::Control`] owns everything that changes; its duties stand in files of their own: [`schedule`] says what is due
//! when, `probing` sends probes and hears of them, `verdicts` believes or holds,
//! `isolating` asks the references, `combining` judges some targets by others, `degrading` tells of what
//! is less than well, `deciding` publishes,
//! `startup` opens the sockets, `reload` brings what is known into a new plan, `command` obeys operators, `storing` waits
//! for the disk before it does; [`overrides`] is what operators laid upon endpoints, `hand` lays and lifts it, `lasting`
//! ends it in time, `safety` says how much may go at once, `masked` says again and again what a forced state hides, [`draining`]
//! when a server may be stopped; `writing` elects the writers of exclusive
//! services, `naming` judges an operator's word on them; [`gate`] lets switches wait for a program, `holding` keeps the old
//! answer meanwhile, `hooks` hears of programs; [`ledger`] knows until when
//! caches may hold what is answered no more.
//! [`status`], [`glance`], [`board`], [`listing`] and [`explain`] show it all, and [`timeline`] is what happened, as data; [`promise`] computes what may be expected of a service; [`legacy`] is what a server leaves to its successor; [`foresee`] says what
//! a new plan would change, and `losses` what any single failure would.

pub mod basis;
pub mod board;
pub mod chain;
pub mod chance;
pub(crate) mod combining;
pub(crate) mod command;
pub(crate) mod deciding;
pub(crate) mod degrading;
pub mod draining;
pub mod drill;
pub mod effect;
pub mod event;
pub mod explain;
pub mod failovers;
pub mod forecast;
pub mod foresee;
pub mod gate;
pub mod gauges;
pub mod glance;
pub(crate) mod hand;
pub(crate) mod heartbeat;
pub(crate) mod holding;
pub(crate) mod hooks;
pub(crate) mod isolating;
pub(crate) mod lasting;
pub mod ledger;
pub mod legacy;
pub mod listing;
pub(crate) mod losses;
pub(crate) mod masked;
pub mod metering;
pub(crate) mod naming;
pub mod overrides;
pub mod probe_status;
pub(crate) mod probing;
pub mod promise;
pub mod recent;
pub(crate) mod reload;
pub(crate) mod safety;
pub mod schedule;
pub(crate) mod startup;
pub mod status;
pub mod step;
pub(crate) mod storing;
pub mod timeline;
pub(crate) mod verdicts;
pub(crate) mod watch;
pub(crate) mod writing;

pub use step::Control;
