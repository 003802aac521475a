//! `pointsman practice ADDRESS…`: backends to practise with, and what the demo has.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::cli::{arguments, output};

/// An HTTP server that says that it is well, until it is stopped: then its port refuses.
pub(super) struct Backend {
    stop: tokio_util::sync::CancellationToken,
    task: JoinHandle<()>,
}

impl Backend {
    /// Begins to serve; `name` is what its page says.
    pub(super) fn start(listener: TcpListener, name: String) -> Self {
        let stop = tokio_util::sync::CancellationToken::new();
        let page = format!("the {name} practice backend\n");
        let routes = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/", get(move || async move { page }));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let serving = axum::serve(listener, routes);
            // Dropping the future closes the listener and every connection at once, as a crash would.
            tokio::select! {
                _ = async { serving.await } => {}
                () = stopped.cancelled() => {}
            }
        });
        Self { stop, task }
    }

    /// Stops at once, as a crash would.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        // The task ends either way.
        let _ = self.task.await;
    }
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// When an address cannot be listened on.
pub(super) fn run(options: &arguments::Practice) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut backends = Vec::new();
        for address in &options.addresses {
            let listener = listen(*address).await?;
            let at = listener.local_addr()?;
            backends.push(Backend::start(listener, at.to_string()));
            output::line(&format!("practice backend: http://{at}/healthz says ok"));
        }
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        for backend in backends {
            backend.stop().await;
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot listen on {address}; who has it? ss -lntp sport = :{}",
            address.port()
        )
    })
}
