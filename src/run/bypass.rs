//! Queries that are taken past the kernel, where that is wanted and works: opened with the sockets, as it needs
//! privileges, and served beside them.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::model::plan::NodeSettings;
use crate::serve::udp::{Front, UdpWorkers};
use crate::serve::xdp::XdpWorkers;
use crate::serve::xdp::open::{Interface, Refused, open};

/// How often an interface that another process has is tried again, and how many times: a server that this one takes over
/// from lets go of it when it ends.
const AGAIN: Duration = Duration::from_millis(200);
const TIMES: usize = 300;

/// Interfaces that are open, and not read yet.
#[derive(Default)]
pub(super) struct Bypass {
    interfaces: Vec<Interface>,
    /// Those that another process has.
    busy: Vec<String>,
    listen: Vec<SocketAddr>,
}

impl Bypass {
    /// Opens those that are configured, for what `sockets` listen on. What is refused is logged: its queries come by the
    /// sockets.
    pub(super) fn open(node: &NodeSettings, sockets: &[UdpSocket]) -> Self {
        let addresses = sockets.iter().filter_map(|socket| socket.local_addr().ok());
        let mut bypass = Self {
            listen: addresses.collect(),
            ..Self::default()
        };
        for name in &node.xdp {
            match open(name, &bypass.listen) {
                Ok(interface) => {
                    say_how(name, &interface);
                    bypass.interfaces.push(interface);
                }
                Err(refused) => {
                    say_why(name, &refused);
                    if refused.is_busy() {
                        bypass.busy.push(name.clone());
                    }
                }
            }
        }
        bypass
    }

    /// Starts to answer; transactions are answered by the sockets of `workers`.
    pub(super) fn spawn(self, workers: &UdpWorkers, front: &Front) -> Bypassing {
        let mut bypassing = Bypassing {
            workers: Vec::new(),
            waiting: None,
        };
        if !self.interfaces.is_empty() {
            bypassing
                .workers
                .extend(answer(self.interfaces, workers.sockets(), front));
        }
        if !self.busy.is_empty() {
            let (stop, stopped) = channel();
            let waiting = Waiting {
                busy: self.busy,
                listen: self.listen,
                sockets: workers.sockets().to_vec(),
                front: front.clone(),
            };
            let thread = std::thread::Builder::new()
                .name("xdp-wait".to_owned())
                .spawn(move || waiting.run(&stopped));
            // Without it, they stay as refused as they were.
            bypassing.waiting = thread.ok().map(|thread| (stop, thread));
        }
        bypassing
    }
}

fn say_how(interface: &str, open: &Interface) {
    tracing::info!(
        target: "pointsman::xdp", interface, queues = open.queues(), "queries are taken past the kernel, {}", open.how
    );
}

fn say_why(interface: &str, refused: &Refused) {
    tracing::warn!(
        target: "pointsman::xdp", interface, "queries are not taken past the kernel but come by sockets: {refused}"
    );
}

fn answer(interfaces: Vec<Interface>, sockets: &[Arc<UdpSocket>], front: &Front) -> Option<XdpWorkers> {
    crate::serve::xdp::spawn(interfaces, sockets, front)
        .inspect_err(|error| {
            tracing::warn!(
                target: "pointsman::xdp", %error,
                "queries are not taken past the kernel but come by sockets: a thread cannot be started"
            );
        })
        .ok()
}

/// Interfaces that another process has, until it lets go of them.
struct Waiting {
    busy: Vec<String>,
    listen: Vec<SocketAddr>,
    sockets: Vec<Arc<UdpSocket>>,
    front: Front,
}

impl Waiting {
    /// Until none is left, or told to stop: workers for those that could be opened.
    fn run(mut self, stopped: &Receiver<()>) -> Vec<XdpWorkers> {
        let mut workers = Vec::new();
        for _ in 0..TIMES {
            if self.busy.is_empty() || stopped.recv_timeout(AGAIN) != Err(RecvTimeoutError::Timeout) {
                break;
            }
            let Self {
                busy,
                listen,
                sockets,
                front,
            } = &mut self;
            busy.retain(|name| match open(name, listen) {
                Ok(interface) => {
                    say_how(name, &interface);
                    workers.extend(answer(vec![interface], sockets, front));
                    false
                }
                Err(refused) if refused.is_busy() => true,
                Err(refused) => {
                    say_why(name, &refused);
                    false
                }
            });
        }
        workers
    }
}

/// Workers that answer past the kernel.
pub(super) struct Bypassing {
    workers: Vec<XdpWorkers>,
    waiting: Option<(Sender<()>, JoinHandle<Vec<XdpWorkers>>)>,
}

impl Bypassing {
    /// From now on all comes by the sockets. Waits until what was taken is answered.
    pub(super) fn stop(mut self) {
        if let Some((stop, thread)) = self.waiting.take() {
            drop(stop);
            self.workers.extend(thread.join().into_iter().flatten());
        }
        for workers in &mut self.workers {
            workers.stop();
        }
        for workers in self.workers {
            workers.join();
        }
    }
}
