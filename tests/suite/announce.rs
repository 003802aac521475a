//! Notifications: what receivers are sent, at least once and in order per service, over outages and `kill -9`.

mod alertmanager;
mod binary;
mod formats;
mod receiver;
mod ten_minutes;
mod trouble;
mod ways;
