//! How the server stands with the system: what a service manager hands over and hears, what it may do itself.

mod access;
mod notify;
mod privileges;
mod systemd;
