//! `pointsman demo`: the two-minute tour on one machine.
//!
//! Two practice backends on 127.0.0.2 and 127.0.0.3, a real server in front of them, real queries; one backend is
//! stopped and started again, and each answer and the time it took are shown.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::cli::dig::{ask, data};
use crate::cli::practice::Backend;
use crate::cli::{Common, arguments, output};
use crate::run::{self, Running, StartError};

const SERVICE: &str = "www.demo.test.";
/// The type of IPv4 addresses (RFC 1035 section 3.2.2).
const A: u16 = 1;
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
/// The contract's addresses; another free port is taken when somebody has these.
const DNS_PORT: u16 = 5353;
const API_PORT: u16 = 8053;
/// How often the answer is looked at while a change is awaited.
const LOOK: Duration = Duration::from_millis(5);
/// When a change is given up: far past what is promised.
const GIVE_UP: Duration = Duration::from_secs(60);

/// Exit code 0 when every answer was as promised.
///
/// # Errors
/// When a part cannot be started, or an answer does not come.
pub(super) fn run(common: &Common, options: &arguments::Demo) -> anyhow::Result<ExitCode> {
    let level = if common.log_level == arguments::DEFAULT_LOG_LEVEL {
        "warn,pointsman::state=off,pointsman::answer=off"
    } else {
        &common.log_level
    };
    super::serve::start_logging(common.log_format, level)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            result = tour(options, Teller { silent: common.json }) => result,
            _ = interrupt.recv() => Ok(ExitCode::SUCCESS),
            _ = terminate.recv() => Ok(ExitCode::SUCCESS),
        }
    })
}

/// Tells the tour, or keeps quiet where only its result is asked for.
#[derive(Clone, Copy)]
struct Teller {
    silent: bool,
}

impl Teller {
    fn line(self, text: &str) {
        if !self.silent {
            output::line(text);
        }
    }
}

async fn tour(options: &arguments::Demo, told: Teller) -> anyhow::Result<ExitCode> {
    let folder = Folder::new()?;
    let dns = free_dns_port().await?;
    let api = free_port(API_PORT).await?;
    let (first_listener, second_listener, port) = practice_listeners().await?;
    let first = Backend::start(first_listener, "first".to_owned());
    let _second = Backend::start(second_listener, "second".to_owned());
    told.line(&format!(
        "Two practice backends: http://{FIRST}:{port}/healthz (first) and http://{SECOND}:{port}/healthz (second)."
    ));

    write_configuration(folder.path(), dns, api, port)?;
    told.line(&format!(
        "Configuration: {}\n",
        folder.path().join("pointsman.toml").display()
    ));
    told.line(&indented(&zone_text(port)));
    let mut running = start(folder.path()).await?;
    running.opened().await?;
    told.line(&format!(
        "\nServing on {dns} (UDP and TCP). The first answers waited for the first verdicts.\n"
    ));

    let server = dns;
    show(
        told,
        "Both are healthy: the first in the order written is answered.",
        server,
    )
    .await?;
    expect(server, FIRST).await?;

    told.line(&format!("Stopping the first backend ({FIRST})."));
    first.stop().await;
    let stopped = Instant::now();
    await_answer(server, SECOND).await?;
    let took = stopped.elapsed();
    show(
        told,
        &format!(
            "The answer changed {:.2} s after the backend stopped (promised: at most 7.1 s).",
            took.as_secs_f64()
        ),
        server,
    )
    .await?;

    told.line(&format!("Starting the first backend ({FIRST}) again."));
    let listener = TcpListener::bind((FIRST, port))
        .await
        .context("the practice backend's port is gone")?;
    let _first = Backend::start(listener, "first".to_owned());
    let started = Instant::now();
    await_answer(server, FIRST).await?;
    let back = started.elapsed();
    show(
        told,
        &format!(
            "It is answered again after {:.2} s: two good probes, and at least 10 s down (min_down).",
            back.as_secs_f64()
        ),
        server,
    )
    .await?;

    told.line(&format!(
        "Measured recovery: {:.2} s until the answer changed, plus at most the TTL in caches.\n\
         Dashboard: http://{api}/\n\
         Try:  dig -p {} @{} {SERVICE} A\n      pointsman status --api http://{api}\n      pointsman explain {SERVICE} A --api http://{api}",
        took.as_secs_f64(),
        dns.port(),
        dns.ip()
    ));
    if told.silent {
        output::json(&json!({
            "dns": dns, "api": api, "changed_seconds": took.as_secs_f64(), "back_seconds": back.as_secs_f64(),
        }))?;
    }
    if !options.once {
        told.line("Ctrl-C ends the demo.");
        running.failed().await;
        bail!("the server broke off");
    }
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn start(folder: &Path) -> anyhow::Result<Running> {
    match run::start(
        &folder.join("pointsman.toml"),
        Default::default(),
        Default::default(),
        None,
    )
    .await
    {
        Ok(running) => Ok(running),
        Err(StartError::System(error)) => Err(error),
        Err(StartError::Configuration(diagnostics)) => {
            bail!(
                "the demo's own configuration is refused: {}",
                crate::config::diagnostic::render(&diagnostics, false)
            )
        }
    }
}

async fn show(told: Teller, what: &str, server: SocketAddr) -> anyhow::Result<()> {
    let answer = ask(server, SERVICE, A).await?;
    let (rcode, answers) = (answer.rcode, answer.answers);
    told.line(&format!(
        "{what}\n  $ dig -p {} @{} {SERVICE} A\n  ;; {rcode}\n  {}\n",
        server.port(),
        server.ip(),
        answers.join("\n  ")
    ));
    Ok(())
}

async fn expect(server: SocketAddr, address: Ipv4Addr) -> anyhow::Result<()> {
    let reply = ask(server, SERVICE, A).await?;
    let first = reply.answers.first().and_then(|record| data(record));
    if first == Some(address.to_string().as_str()) {
        Ok(())
    } else {
        bail!("expected {address}, got {:?}", reply.answers)
    }
}

async fn await_answer(server: SocketAddr, address: Ipv4Addr) -> anyhow::Result<()> {
    let began = Instant::now();
    while expect(server, address).await.is_err() {
        if began.elapsed() > GIVE_UP {
            bail!("{address} was not answered within {GIVE_UP:?}");
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

async fn practice_listeners() -> anyhow::Result<(TcpListener, TcpListener, u16)> {
    for port in (8080..8180).chain([0]) {
        let Ok(first) = TcpListener::bind((FIRST, port)).await else {
            continue;
        };
        let port = first.local_addr()?.port();
        if let Ok(second) = TcpListener::bind((SECOND, port)).await {
            return Ok((first, second, port));
        }
    }
    bail!(
        "cannot listen on {FIRST} and {SECOND}; this system has no loopback range (on macOS: sudo ifconfig lo0 alias {FIRST})"
    )
}

/// The wanted port on 127.0.0.1 when UDP and TCP are free there, else any.
async fn free_dns_port() -> anyhow::Result<SocketAddr> {
    for port in [DNS_PORT, 0, 0, 0, 0] {
        let Ok(tcp) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await else {
            continue;
        };
        let address = tcp.local_addr()?;
        if tokio::net::UdpSocket::bind(address).await.is_ok() {
            return Ok(address);
        }
    }
    bail!("no port on 127.0.0.1 is free for UDP and TCP")
}

async fn free_port(wanted: u16) -> anyhow::Result<SocketAddr> {
    for port in [wanted, 0] {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(listener.local_addr()?);
        }
    }
    bail!("no port on 127.0.0.1 is free")
}

fn zone_text(port: u16) -> String {
    format!(
        r#"origin = "demo.test"
records = "demo.test.records"
ttl = "10s"

[checks.web]
type = "http"
port = {port}
path = "/healthz"

[services.www]
policy = "failover"
check = "web"
endpoints = [
  {{ name = "first", address = "{FIRST}" }},
  {{ name = "second", address = "{SECOND}" }},
]
"#
    )
}

fn write_configuration(folder: &Path, dns: SocketAddr, api: SocketAddr, port: u16) -> anyhow::Result<()> {
    let server = format!(
        "node = \"demo\"\n[dns]\nlisten = [\"{dns}\"]\n[zones]\ndirectory = \"zones\"\n[state]\ndirectory = \"state\"\n[api]\nlisten = \"{api}\"\n"
    );
    let records = "$TTL 1h\n@ SOA ns hostmaster 1 3600 600 604800 60\n@ NS ns\nns A 127.0.0.1\n";
    std::fs::create_dir_all(folder.join("zones"))?;
    std::fs::write(folder.join("pointsman.toml"), server)?;
    std::fs::write(folder.join("zones/demo.test.records"), records)?;
    std::fs::write(folder.join("zones/demo.test.toml"), zone_text(port))?;
    Ok(())
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {line}").trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

/// A folder of its own, removed when the demo ends.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("pointsman-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
