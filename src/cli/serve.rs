//! `pointsman serve`: the server, until SIGTERM or SIGINT; SIGHUP reads the files again.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::arguments::{LogFormat, Serve};
use crate::cli::{Common, Usage, output, terminal};
use crate::config::diagnostic::render;
use crate::run::takeover::bid::Wishes;
use crate::run::{self, StartError};

/// Threads for TCP, the API and probes; the UDP workers have their own.
const RUNTIME_THREADS: usize = 2;

/// Exit code 0 after a clean stop, 1 when it broke, 2 when the configuration was refused.
///
/// # Errors
/// What the system refused: sockets, threads, the state directory.
pub(super) fn run(common: &Common, options: &Serve) -> anyhow::Result<ExitCode> {
    start_logging(common.log_format, &common.log_level)?;
    let file = common.config_file()?;
    let given = run::supervisor::handed_over();
    let privileges = run::privileges::prepare(&file)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .thread_name("runtime")
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut running = match run::start(&file, given, privileges, wishes(options)).await {
            Ok(running) => running,
            Err(StartError::Configuration(diagnostics)) => {
                output::note(&render(&diagnostics, terminal::error_color()));
                output::fault("the configuration is refused; nothing is served");
                return Ok(ExitCode::from(2));
            }
            Err(StartError::System(error)) => return Err(error),
        };
        let opened = tokio::select! {
            opened = running.opened() => Some(opened),
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
        };
        // Told to stop before the sockets were open, or at the very moment: it is not told twice.
        let Some(opened) = opened else {
            running.stop().await;
            return Ok(ExitCode::SUCCESS);
        };
        if let Err(error) = opened {
            running.stop().await;
            return Err(error);
        }
        if running.is_ready() {
            for address in &running.plan().node.listen {
                tracing::info!(target: "pointsman::start", %address, version = crate::cli::VERSION, "listening (UDP and TCP)");
            }
            for (over, door) in running.plan().node.encrypted.doors() {
                for address in &door.listen {
                    tracing::info!(target: "pointsman::start", %address, "listening (DNS over {over})");
                }
            }
        } else {
            running.stop().await;
            return Ok(ExitCode::SUCCESS);
        }
        loop {
            tokio::select! {
                // A signal box that was handed over has ended, too.
                biased;
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => running.reload().await,
                () = running.taken_over() => {
                    tokio::select! {
                        () = running.linger() => {}
                        _ = terminate.recv() => {}
                    }
                    break;
                }
                () = running.failed() => {
                    running.stop().await;
                    anyhow::bail!("the signal box broke off; leaving, so that the supervisor starts afresh");
                }
            }
        }
        tracing::info!(target: "pointsman::stop", "stopping");
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// What is wished of a takeover, when there is to be one.
fn wishes(options: &Serve) -> Option<Wishes> {
    options.takeover.then(|| Wishes {
        announce: options.announce.clone(),
        announce_plan: options.announce_plan,
        queries: options.shadow_queries,
        time: Duration::from_secs_f64(options.shadow_for),
    })
}

/// Logs to standard error.
///
/// # Errors
/// When `level` is no filter.
pub(super) fn start_logging(format: LogFormat, level: &str) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(level).map_err(|error| {
        Usage(format!(
            "--log-level: `{level}` is no filter ({error}); write e.g. info, or info,pointsman::probe=debug"
        ))
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Text => builder.with_ansi(terminal::error_color()).init(),
    }
    Ok(())
}
