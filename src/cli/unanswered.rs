//! Why a request to the API had no answer, and what to do about it.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use reqwest::StatusCode;

/// Where the server was looked for, and by whose word.
#[derive(Debug)]
pub(super) struct Whereabouts {
    /// The API's URL, without a slash at its end.
    pub(super) base: String,
    /// By `--api`.
    pub(super) said: bool,
    /// The configuration that was looked at.
    pub(super) configuration: Option<PathBuf>,
    /// The token that was sent.
    pub(super) access: Access,
}

/// The token that was sent.
#[derive(Debug)]
pub(super) enum Access {
    /// None.
    None,
    /// That of `--token-file`.
    Said(PathBuf),
    /// That of `[api] token_file`.
    Configured(PathBuf),
}

/// Why a request had no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// Nobody listens there.
    #[error("no server answers at {base}{how}")]
    NoServer {
        /// The API's URL.
        base: String,
        /// Who named it, what went wrong, and what to do.
        how: String,
    },
    /// The server said no.
    #[error("{detail}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// What is wrong and what to do.
        detail: String,
    },
    /// Anything else.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl Whereabouts {
    /// Of a request that brought no answer.
    pub(super) fn unanswered(&self, error: reqwest::Error) -> Unanswered {
        let causes = Causes::of(&error);
        if let Some(tls) = causes.tls {
            return Unanswered::Other(self.mistrusted(&tls));
        }
        if error.is_timeout() {
            return Unanswered::Other(anyhow::anyhow!(
                "{} gave no answer in time; is the server stopped or overloaded? Its log says more",
                self.base
            ));
        }
        if error.is_connect() {
            return Unanswered::NoServer {
                base: self.base.clone(),
                how: self.how(&causes.last),
            };
        }
        let hint = if self.base.starts_with("http:") {
            "; does it speak TLS there? Then write https:// (--api URL)"
        } else {
            ""
        };
        Unanswered::Other(anyhow::anyhow!("{} broke off: {}{hint}", self.base, causes.last))
    }

    /// Of an answer that is an error.
    pub(super) fn refused(&self, status: StatusCode, body: &[u8]) -> Unanswered {
        let problem: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let said = problem.get("detail").and_then(|detail| detail.as_str());
        let detail = match (status, said) {
            (StatusCode::UNAUTHORIZED, said) => self.unknown(said),
            (StatusCode::FORBIDDEN, Some(said)) => format!("{said}{}", self.as_whom()),
            (_, Some(said)) => said.to_owned(),
            (_, None) => format!(
                "what answers at {} is not the API of pointsman ({status}); say where it is: --api URL",
                self.base
            ),
        };
        Unanswered::Refused {
            status: status.as_u16(),
            detail,
        }
    }

    /// Of an answer of another shape.
    pub(super) fn not_understood(&self, error: serde_json::Error) -> Unanswered {
        Unanswered::Other(anyhow::anyhow!(
            "the answer of {} is not understood ({error}); is the server of another version than {}, or no pointsman?",
            self.base,
            crate::cli::VERSION
        ))
    }

    /// Who named the address, what went wrong there, and what to do.
    fn how(&self, why: &str) -> String {
        let by = match (&self.configuration, self.said) {
            (_, true) => "--api".to_owned(),
            (Some(file), false) => format!("[api] of {}", file.display()),
            (None, false) => {
                "the default; neither config/pointsman.toml nor /etc/pointsman/pointsman.toml exists here"
                    .to_owned()
            }
        };
        let serve = match self.configuration.as_deref().filter(|_| !self.said) {
            Some(file) => format!("pointsman serve --config {}", shell_word(file)),
            None => "pointsman serve --config FILE".to_owned(),
        };
        format!(
            " ({by}): {why}\n  Is it running? Start it: {serve}\n  Is it elsewhere? Say where: --api URL, or --config FILE"
        )
    }

    fn mistrusted(&self, tls: &rustls::Error) -> anyhow::Error {
        use rustls::{CertificateError as Fault, Error as Tls};
        let what_to_do = match tls {
            Tls::InvalidCertificate(Fault::UnknownIssuer) => {
                "name the certificate of its authority with --ca-file FILE"
            }
            Tls::InvalidCertificate(Fault::NotValidForName | Fault::NotValidForNameContext { .. }) => {
                "ask by a name or address that is in its certificate: --api https://NAME:PORT"
            }
            Tls::InvalidCertificate(Fault::Expired | Fault::ExpiredContext { .. }) => {
                "renew the certificate of `[api.tls]`"
            }
            Tls::AlertReceived(_) => {
                "it may ask for a certificate of yours: --identity FILE (certificate and key, PEM)"
            }
            Tls::InvalidMessage(_) => "it may not speak TLS there: --api http://…",
            _ => "see `[api.tls]` of its configuration",
        };
        anyhow::anyhow!("no trusted connection to {}: {tls}; {what_to_do}", self.base)
    }

    fn unknown(&self, said: Option<&str>) -> String {
        let said = said.unwrap_or("it asks for a token");
        match &self.access {
            Access::None => format!(
                "{} does not know you: {said}\n  No token was sent. Name the file that holds yours: --token-file FILE",
                self.base
            ),
            Access::Said(file) => format!(
                "{} does not accept the token in {} (--token-file): {said}",
                self.base,
                file.display()
            ),
            Access::Configured(file) => format!(
                "{} does not accept the token in {} ([api] token_file of {}): {said}\n  Was it changed without a \
                 restart, or is yours another one? --token-file FILE",
                self.base,
                file.display(),
                self.configuration.as_deref().unwrap_or(Path::new("?")).display()
            ),
        }
    }

    fn as_whom(&self) -> String {
        match &self.access {
            Access::None => " (no token was sent; --token-file FILE)".to_owned(),
            Access::Said(file) | Access::Configured(file) => format!(" (by the token in {})", file.display()),
        }
    }
}

/// What lies below an error of the HTTP client.
struct Causes {
    tls: Option<rustls::Error>,
    /// The innermost cause, which says what happened.
    last: String,
}

impl Causes {
    fn of(error: &reqwest::Error) -> Self {
        let mut found = Self {
            tls: None,
            last: error.to_string(),
        };
        if let Some(cause) = error.source() {
            found.descend(cause);
        }
        found
    }

    fn descend(&mut self, error: &(dyn Error + 'static)) {
        self.last = error.to_string();
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            self.tls = Some(tls.clone());
        }
        // An I/O error hides the one that it was made of from `source`.
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(|error| error.get_ref());
        match (inner, error.source()) {
            (Some(inner), _) => self.descend(inner),
            (None, Some(cause)) => self.descend(cause),
            (None, None) => {}
        }
    }
}

/// A path as a shell reads it.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+".contains(letter);
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
