//! A snapshot, servers on ports of their own, and queries.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pointsman::answer::published::Published;
use pointsman::clock::SystemClock;
use pointsman::model::force::SafetySettings;
use pointsman::model::plan::{IsolationSettings, NodeSettings, Plan, TcpSettings};
use pointsman::publish::publisher::Publisher;
use pointsman::serve::counters::Counters;
use pointsman::serve::listen;
use pointsman::serve::tcp::TcpServer;
use pointsman::serve::transactions::Transactions;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const TCP: TcpSettings = TcpSettings {
    connections: 100,
    per_client: 100,
    per_prefix: 100,
    new_per_prefix: 0,
    queries: 0,
    idle: Duration::from_secs(30),
    total: Duration::from_secs(3600),
    message: Duration::from_secs(10),
};

pub(crate) fn plan() -> Plan {
    let node = NodeSettings {
        name: "ns1".into(),
        listen: Vec::new(),
        workers: 1,
        affinity: false,
        xdp: Vec::new(),
        startup_wait: Duration::ZERO,
        version: None,
        identity: None,
        udp_payload: 1232,
        encrypted: Default::default(),
        tcp: TCP,
        cookies: Default::default(),
        rate_limit: None,
        probe_concurrency: 1,
        exec_concurrency: 8,
        zones_directory: PathBuf::new(),
        watch: false,
        state_directory: PathBuf::new(),
        record: None,
        record_limit: 0,
        api: None,
        access: Default::default(),
        resolvers: Vec::new(),
        isolation: IsolationSettings::default(),
        safety: SafetySettings::default(),
        drill: Default::default(),
        keys: Vec::new(),
        history: Default::default(),
        hooks: Vec::new(),
        endpoint_metrics: true,
        trust_ecs: Vec::new(),
        geo: None,
        quotas: Default::default(),
    };
    Plan {
        node,
        zones: Vec::new(),
        services: Vec::new(),
        endpoints: Vec::new(),
        checks: Vec::new(),
        targets: Vec::new(),
        overrides: Vec::new(),
        groups: 0,
    }
}

/// A snapshot without zones: it refuses every query.
pub(crate) fn refusing() -> Arc<Published> {
    Arc::new(Published::from(Publisher::new(&plan(), &[], 1).apply(&[])))
}

pub(crate) struct Tcp {
    pub(crate) server: Arc<TcpServer>,
    pub(crate) address: SocketAddr,
    pub(crate) counters: Counters,
    pub(crate) settings: watch::Sender<TcpSettings>,
    pub(crate) stop: CancellationToken,
    pub(crate) tracker: TaskTracker,
}

/// A TCP server on a port of its own.
pub(crate) fn tcp(published: Arc<Published>, settings: TcpSettings) -> Tcp {
    let clock = SystemClock::start();
    let counters = Counters::new();
    let (sender, receiver) = watch::channel(settings);
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let transactions = Transactions::new(Arc::clone(&published), clock);
    let server = TcpServer::new(
        published,
        clock,
        &counters,
        transactions,
        receiver,
        stop.clone(),
        tracker.clone(),
    );
    let listener = listen::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    server.listen(vec![listener], 1, &counters).unwrap();
    Tcp {
        server,
        address,
        counters,
        settings: sender,
        stop,
        tracker,
    }
}

/// A query for `name` (labels without dots), type A.
pub(crate) fn query(id: u16, labels: &[&str]) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in labels {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    message
}

/// Whether `answer` is an answer with the identifier `id`.
pub(crate) fn answers(answer: &[u8], id: u16) -> bool {
    answer.len() >= 12 && answer[..2] == id.to_be_bytes() && answer[2] & 0x80 != 0
}
