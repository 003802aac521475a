//! The API's client: one request, one answer, errors that say what to do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde::de::DeserializeOwned;

use crate::cli::unanswered::{Access, Unanswered, Whereabouts};
use crate::cli::{Common, Usage};
use crate::config::defaults;

/// How long one answer may take: a rehearsal of a large configuration takes seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What has no end is waited for, all the same: the client has one limit for everything else.
const ENDLESS: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A running server, as the command line sees it.
#[derive(Debug)]
pub(super) struct Client {
    whereabouts: Whereabouts,
    token: Option<String>,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

/// What is needed of the server's configuration, read leniently: a mistake elsewhere must not keep an operator
/// from asking the running server.
#[derive(Debug, Default)]
struct Glance {
    api: Option<String>,
    token_file: Option<PathBuf>,
    /// Whether there is `[api.tls]`: who is asked on this very machine shows its certificate.
    tls: bool,
    certificate: Option<PathBuf>,
    dns: Option<String>,
}

impl Glance {
    /// What is not of the kind that it should be is not seen here; `check` says it.
    fn at(table: &toml::Table) -> Self {
        let api = table.get("api");
        let text = |value: Option<&toml::Value>| value.and_then(toml::Value::as_str).map(str::to_owned);
        let of = |table: Option<&toml::Value>, key: &str| text(table.and_then(|table| table.get(key)));
        let tls = api.and_then(|api| api.get("tls"));
        let listen = table.get("dns").and_then(|dns| dns.get("listen"));
        Self {
            api: of(api, "listen"),
            token_file: of(api, "token_file").map(PathBuf::from),
            tls: tls.is_some(),
            certificate: of(tls, "certificate").map(PathBuf::from),
            dns: text(listen).or_else(|| text(listen.and_then(|listen| listen.get(0)))),
        }
    }
}

impl Client {
    /// A client of `--api`, else of `[api] listen` in the configuration, else of the default address.
    ///
    /// # Errors
    /// [`Usage`] when `--api` is no URL, or the configuration, the token or a certificate that was named cannot be read.
    pub(super) fn new(common: &Common) -> anyhow::Result<Self> {
        let file = common.config.clone().or_else(crate::config::load::default_path);
        let glance = match &file {
            Some(file) => glance(file)?,
            None => Glance::default(),
        };
        let listen = glance.api.as_deref().unwrap_or(defaults::API_LISTEN);
        let scheme = if glance.tls { "https" } else { "http" };
        let base = match &common.api {
            Some(url) => checked(url)?,
            None => format!("{scheme}://{}", reachable(listen)),
        };
        let folder = file.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
        // A token of this machine's server goes to no other address than its own.
        let own = common.api.is_none() || common.config.is_some();
        let token_file = common.token_file.clone().or_else(|| {
            let token = glance.token_file.as_ref().filter(|_| own)?;
            Some(folder.join(token))
        });
        let token = token_file.as_deref().map(token).transpose()?;
        // Without a provider a TLS request would panic; a second installation is no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
        let trusted = common.ca_file.clone().or_else(|| {
            let certificate = glance.certificate.as_ref().filter(|_| common.api.is_none())?;
            Some(folder.join(certificate)).filter(|path| path.is_file())
        });
        if let Some(file) = &trusted {
            http = http.tls_certs_merge(certificates(file)?);
        }
        if let Some(file) = &common.identity {
            http = http.identity(identity(file)?);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            whereabouts: Whereabouts {
                base,
                said: common.api.is_some(),
                configuration: file,
                access: match (&common.token_file, token_file) {
                    (Some(file), _) => Access::Said(file.clone()),
                    (None, Some(file)) => Access::Configured(file),
                    (None, None) => Access::None,
                },
            },
            token,
            http: http.build().context("the TLS client cannot be made")?,
            runtime,
        })
    }

    /// The URL that paths are put behind, without a slash at its end.
    pub(super) fn base(&self) -> &str {
        &self.whereabouts.base
    }

    /// Runs something to its end beside the requests: a pause, Ctrl-C.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// GET `path` with `query`.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, Unanswered> {
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.base())).context("no URL")?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(self.http.get(url))
    }

    /// POST `body` to `path`.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, Unanswered> {
        self.send(self.http.post(format!("{}{path}", self.base())).json(body))
    }

    /// A stream of events at `path`, from behind the one numbered `seen` on; it has no end.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(super) fn stream(&self, path: &str, seen: Option<u64>) -> Result<reqwest::Response, Unanswered> {
        let mut request = self
            .http
            .get(format!("{}{path}", self.base()))
            .header("accept", "text/event-stream")
            .timeout(ENDLESS);
        if let Some(seen) = seen {
            request = request.header("last-event-id", seen);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        self.runtime.block_on(async {
            let response = request
                .send()
                .await
                .map_err(|error| self.whereabouts.unanswered(error))?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let body = response.bytes().await.context("the server's answer broke off")?;
            Err(self.whereabouts.refused(status, &body))
        })
    }

    fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Unanswered> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        self.runtime.block_on(async {
            let response = request
                .send()
                .await
                .map_err(|error| self.whereabouts.unanswered(error))?;
            let status = response.status();
            let body = response.bytes().await.context("the server's answer broke off")?;
            if !status.is_success() {
                return Err(self.whereabouts.refused(status, &body));
            }
            serde_json::from_slice(&body).map_err(|error| self.whereabouts.not_understood(error))
        })
    }
}

/// What `--api` said, when it is a URL that can be asked.
fn checked(said: &str) -> Result<String, Usage> {
    let parsed = reqwest::Url::parse(said).ok();
    let fits = parsed
        .as_ref()
        .is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if fits {
        return Ok(said.trim_end_matches('/').to_owned());
    }
    Err(Usage(format!(
        "--api: `{said}` is no URL of an API; write e.g. --api http://127.0.0.1:8053"
    )))
}

/// Where the configured server answers DNS: the first of `[dns] listen`, else the default.
///
/// # Errors
/// [`Usage`] when the configuration cannot be read, or names no address there.
pub(super) fn dns_of(common: &Common) -> Result<SocketAddr, Usage> {
    let file = common.config.clone().or_else(crate::config::load::default_path);
    let glance = file.as_deref().map(glance).transpose()?.unwrap_or_default();
    let listen = glance.dns.as_deref().unwrap_or(defaults::LISTEN);
    reachable(listen).parse().map_err(|_| {
        Usage(format!(
            "[dns] listen: `{listen}` is no address and port; name one with --server"
        ))
    })
}

/// A wildcard address is listened on, not connected to.
fn reachable(listen: &str) -> String {
    listen.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")
}

fn glance(file: &Path) -> Result<Glance, Usage> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Usage(format!(
            "cannot read the configuration {}: {error}",
            file.display()
        ))
    })?;
    let table = toml::from_str(&text).map_err(|error| {
        Usage(format!(
            "{}: {}; `pointsman check` shows every mistake",
            file.display(),
            error.message()
        ))
    })?;
    Ok(Glance::at(&table))
}

fn token(file: &Path) -> Result<String, Usage> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(Usage(format!(
            "cannot read the API's token {}: {error}; ask whoever may read it, or name another with --token-file FILE",
            file.display()
        ))),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Usage> {
    std::fs::read(file).map_err(|error| Usage(format!("cannot read {}: {error}", file.display())))
}

fn certificates(file: &Path) -> Result<Vec<reqwest::Certificate>, Usage> {
    match reqwest::Certificate::from_pem_bundle(&read(file)?) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Usage(format!(
            "{}: no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
            file.display()
        ))),
    }
}

fn identity(file: &Path) -> Result<reqwest::Identity, Usage> {
    reqwest::Identity::from_pem(&read(file)?).map_err(|error| {
        Usage(format!(
            "{}: not a certificate and its private key, one after the other in PEM form: {error}",
            file.display()
        ))
    })
}
