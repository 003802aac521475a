//! Queries that are taken past the kernel, where that is wanted and works: opened with the sockets, as it needs
//! privileges, and served beside them.

use std::net::UdpSocket;

use crate::model::plan::NodeSettings;
use crate::serve::udp::{Front, UdpWorkers};
use crate::serve::xdp::XdpWorkers;
use crate::serve::xdp::open::{Interface, open};

/// Interfaces that are open, and not read yet.
#[derive(Default)]
pub(super) struct Bypass {
    interfaces: Vec<Interface>,
}

impl Bypass {
    /// Opens those that are configured, for what `sockets` listen on. What is refused is logged: its queries come by the
    /// sockets.
    pub(super) fn open(node: &NodeSettings, sockets: &[UdpSocket]) -> Self {
        let listen: Vec<_> = (sockets.iter())
            .filter_map(|socket| socket.local_addr().ok())
            .collect();
        let mut interfaces = Vec::new();
        for interface in &node.xdp {
            match open(interface, &listen) {
                Ok(open) => {
                    tracing::info!(
                        target: "pointsman::xdp", interface, queues = open.queues(),
                        "queries are taken past the kernel, {}", open.how
                    );
                    interfaces.push(open);
                }
                Err(refused) => tracing::warn!(
                    target: "pointsman::xdp", interface,
                    "queries are not taken past the kernel but come by sockets: {refused}"
                ),
            }
        }
        Self { interfaces }
    }

    /// Starts to answer; transactions are answered by the sockets of `workers`.
    pub(super) fn spawn(self, workers: &UdpWorkers, front: &Front) -> Bypassing {
        if self.interfaces.is_empty() {
            return Bypassing { workers: None };
        }
        let spawned = crate::serve::xdp::spawn(self.interfaces, workers.sockets(), front);
        let workers = spawned.inspect_err(|error| {
            tracing::warn!(
                target: "pointsman::xdp", %error,
                "queries are not taken past the kernel but come by sockets: a thread cannot be started"
            );
        });
        Bypassing {
            workers: workers.ok(),
        }
    }
}

/// Workers that answer past the kernel.
pub(super) struct Bypassing {
    workers: Option<XdpWorkers>,
}

impl Bypassing {
    /// From now on all comes by the sockets. Waits until what was taken is answered.
    pub(super) fn stop(self) {
        if let Some(mut workers) = self.workers {
            workers.stop();
            workers.join();
        }
    }
}
