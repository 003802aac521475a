//! The handshake as a check asks for it: made ready once, then shaken with each connection.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::health::observation::{FaultClass, Phase};
use crate::model::check::Security;
use crate::probe::conduct::Tools;
use crate::probe::sheet::{Fault, Sheet};
use crate::probe::tls::words;
use crate::probe::tls::{Authorities, Shown, Trust, identity};

/// A check's way of speaking TLS.
#[derive(Debug)]
pub(crate) struct Secure {
    security: Security,
    trust: OnceCell<Arc<Trust>>,
}

impl Secure {
    /// As `security` says. Files are read when they are first needed.
    pub(crate) fn new(security: Security) -> Self {
        Self {
            security,
            trust: OnceCell::new(),
        }
    }

    /// The name in SNI, where the check says one.
    pub(crate) fn sni(&self) -> Option<&str> {
        self.security.sni.as_deref()
    }

    /// Whom this check trusts; reads the files the first time, and again as long as that fails.
    async fn trust(&self, tools: &Tools) -> Result<Arc<Trust>, String> {
        let found = self.trust.get_or_try_init(|| async {
            let provider = Arc::clone(&tools.provider);
            let system = if self.security.verify && self.security.ca_file.is_none() {
                Some(tools.system_authorities().await?)
            } else {
                None
            };
            let security = self.security.clone();
            let reading = tokio::task::spawn_blocking(move || {
                let authorities = match (&security.ca_file, security.verify) {
                    (_, false) => None,
                    (None, true) => system,
                    (Some(path), true) => Some(Arc::new(Authorities::file(&provider, path)?)),
                };
                let identity = security
                    .identity
                    .as_ref()
                    .map(|files| identity(&provider, files).map(Arc::new))
                    .transpose()?;
                Ok(Arc::new(Trust::new(provider, authorities, identity)))
            });
            reading.await.map_err(|error| error.to_string())?
        });
        found.await.map(Arc::clone)
    }

    /// Speaks TLS over `stream` to `name` (`Err`: it cannot be one), offering `alpn`. The certificate's end goes into
    /// the evidence, also of a handshake that fails.
    pub(crate) async fn shake<S>(
        &self,
        sheet: &mut Sheet,
        tools: &Tools,
        name: Result<ServerName<'static>, String>,
        alpn: &[&[u8]],
        stream: S,
    ) -> Result<(TlsStream<S>, Arc<Shown>), Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        sheet.watch.enter(Phase::Tls);
        let local = |sheet: &Sheet, text: String| sheet.fault(FaultClass::Local, text);
        let trust = self.trust(tools).await.map_err(|text| local(sheet, text))?;
        let (config, shown) = trust.settings(alpn).map_err(|text| local(sheet, text))?;
        let name = name.map_err(|text| local(sheet, text))?;
        let shaken = TlsConnector::from(config).connect(name, stream).await;
        sheet.evidence.certificate_expiry = shown.expiry();
        let stream = shaken.map_err(|error| {
            let (class, text) = words::describe_handshake(&error);
            sheet.fault(class, text)
        })?;
        Ok((stream, shown))
    }
}

/// `host` as a name of TLS.
///
/// # Errors
///
/// A sentence: it is none.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned())
        .map_err(|_invalid| format!("`{host}` cannot be a name in TLS; set `sni`"))
}
