//! The service manager (systemd): what it hands over.

use crate::serve::given::Given;
use crate::sys::inherit;

/// The sockets that the service manager hands over (socket activation, `LISTEN_FDS`). What cannot be used is told and
/// closed: the server then opens what it needs itself.
#[must_use]
pub fn handed_over() -> Given {
    let mut given = Given::default();
    match inherit::descriptors() {
        Ok(descriptors) => {
            for (name, descriptor) in descriptors {
                if let Err(unusable) = given.add(&name, descriptor) {
                    tracing::warn!(target: "pointsman::start", "{unusable}");
                }
            }
        }
        Err(error) => {
            tracing::warn!(target: "pointsman::start", %error, "LISTEN_FDS cannot be read; every socket is opened here");
        }
    }
    given
}
