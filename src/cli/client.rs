//! The API's client: one request, one answer, errors that say what to do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;

use crate::cli::Common;

/// A running server, as the command line sees it.
#[derive(Debug)]
pub(super) struct Client {
    base: String,
    token: Option<String>,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

/// Why a request had no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// Nobody listens there.
    #[error("no server answers at {0}; is it running? (`pointsman serve`; another address: --api URL)")]
    NoServer(String),
    /// The server said no.
    #[error("{0}")]
    Refused(String),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// What is needed of the server's configuration, read leniently: a mistake elsewhere must not keep an operator
/// from asking the running server.
#[derive(Debug, Default, serde::Deserialize)]
struct Glance {
    #[serde(default)]
    api: Api,
}

#[derive(Debug, Default, serde::Deserialize)]
struct Api {
    listen: Option<String>,
    token_file: Option<PathBuf>,
}

impl Client {
    /// A client of `--api`, else of `[api] listen` in the configuration, else of the default address.
    ///
    /// # Errors
    /// When the configuration or the token cannot be read.
    pub(super) fn new(common: &Common) -> anyhow::Result<Self> {
        let file = common.config.clone().or_else(crate::config::load::default_path);
        let glance = match &file {
            Some(file) => glance(file)?,
            None => Glance::default(),
        };
        let listen = glance.api.listen.as_deref().unwrap_or("127.0.0.1:8053");
        let base = common
            .api
            .clone()
            .unwrap_or_else(|| format!("http://{}", reachable(listen)));
        let token = match (&glance.api.token_file, &file) {
            (Some(token), Some(file)) => {
                let path = file.parent().unwrap_or(Path::new(".")).join(token);
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("cannot read the API's token {}", path.display()))?;
                Some(text.trim().to_owned())
            }
            _ => None,
        };
        // Without a provider a TLS request would panic; a second installation is no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            token,
            http,
            runtime,
        })
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
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.base)).context("--api is no URL")?;
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
        self.send(self.http.post(format!("{}{path}", self.base)).json(body))
    }

    /// Waits for something else than an answer, on the same thread.
    pub(super) fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Unanswered> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        self.runtime.block_on(async {
            let response = request.send().await.map_err(|error| {
                if error.is_connect() {
                    Unanswered::NoServer(self.base.clone())
                } else {
                    Unanswered::Other(anyhow::Error::new(error).context("the server gave no answer"))
                }
            })?;
            let status = response.status();
            let body = response.bytes().await.context("the server's answer broke off")?;
            if status.is_success() {
                return Ok(
                    serde_json::from_slice(&body).context("the server's answer is not what was expected")?
                );
            }
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let detail = problem.get("detail").and_then(|detail| detail.as_str());
            Err(Unanswered::Refused(detail.map_or_else(
                || format!("the server answered {status}"),
                str::to_owned,
            )))
        })
    }
}

/// A wildcard address is listened on, not connected to.
fn reachable(listen: &str) -> String {
    listen.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")
}

fn glance(file: &Path) -> anyhow::Result<Glance> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    match toml::from_str(&text) {
        Ok(glance) => Ok(glance),
        Err(error) => bail!(
            "{}: {}; `pointsman check` shows every mistake",
            file.display(),
            error.message()
        ),
    }
}
