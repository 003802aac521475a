//! One probe from its beginning to its observation, within its budget.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::health::observation::{FaultClass, Finding, Observation};
use crate::model::check::{Check, CheckKind, HttpCheck, Target};
use crate::probe::http::question::Question;
use crate::probe::sheet::{Farewell, Fault, Sheet};
use crate::probe::tls::Trust;
use crate::probe::{http, tcp};

/// What all probes share.
pub(crate) struct Tools {
    /// Time of observations.
    pub(crate) clock: Arc<dyn Clock>,
    /// Every task of this part.
    pub(crate) tracker: TaskTracker,
    /// Ends them.
    pub(crate) token: CancellationToken,
    /// Cryptography for TLS.
    pub(crate) provider: Arc<CryptoProvider>,
    system_trust: OnceCell<Arc<Trust>>,
    /// By address of the check; the check is held, so that its address stays its own.
    questions: Mutex<HashMap<usize, Prepared>>,
}

type Prepared = (Arc<Check>, Arc<Question>);

impl Tools {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            tracker: TaskTracker::new(),
            token: CancellationToken::new(),
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            system_trust: OnceCell::new(),
            questions: Mutex::new(HashMap::new()),
        }
    }

    /// The system's authorities; read once.
    pub(crate) async fn system_trust(&self) -> Result<Arc<Trust>, String> {
        let found = self.system_trust.get_or_try_init(|| async {
            let provider = Arc::clone(&self.provider);
            tokio::task::spawn_blocking(move || Trust::system(provider))
                .await
                .map_err(|error| error.to_string())?
                .map(Arc::new)
        });
        found.await.map(Arc::clone)
    }

    /// The question of `check`, made ready at its first probe. Another plan brings other checks: files that they
    /// name are read again, and what belonged to the old ones is swept away.
    fn question(&self, check: &Arc<Check>, settings: &HttpCheck) -> Result<Arc<Question>, String> {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Arc::as_ptr(check) as usize;
        if let Some((_, question)) = questions.get(&key) {
            return Ok(Arc::clone(question));
        }
        let question = Arc::new(Question::prepare(settings)?);
        questions.insert(key, (Arc::clone(check), Arc::clone(&question)));
        Ok(question)
    }

    /// Drops what belongs to checks that are gone, and connections that nobody came back to.
    pub(crate) fn sweep(&self) {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        questions.retain(|_, (check, _)| Arc::strong_count(check) > 1);
        for (_, question) in questions.values() {
            http::idle::sweep(question);
        }
    }

    /// Drops everything that was made ready: closes the connections that wait.
    pub(crate) fn clear(&self) {
        self.questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// How many checks are made ready.
    #[cfg(test)]
    pub(crate) fn prepared(&self) -> usize {
        self.questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

/// A probe's end: what it found, and what is left to do for politeness.
pub(crate) struct Conducted {
    /// For the signal box.
    pub(crate) seen: Observation,
    /// Closes the connection.
    pub(crate) farewell: Option<Farewell>,
}

/// Probes `target` within `budget`, which begins now.
pub(crate) async fn conduct(target: &Target, budget: Duration, tools: &Arc<Tools>) -> Conducted {
    let address = SocketAddr::new(target.address, target.port);
    let mut sheet = Sheet::begin();
    let done = match &target.check.kind {
        CheckKind::Tcp(check) => timeout(budget, tcp::probe(&mut sheet, check, address)).await,
        // Never asked for: one is judged by its parts, the other reports itself.
        CheckKind::Combined(_) | CheckKind::Heartbeat(_) => Ok(Err(
            sheet.fault(FaultClass::Local, "nothing is probed for a check of this type")
        )),
        CheckKind::Http(settings) => match tools.question(&target.check, settings) {
            Ok(question) => timeout(budget, http::probe(&mut sheet, &question, address, tools)).await,
            Err(text) => Ok(Err(sheet.fault(FaultClass::Local, text))),
        },
    };
    let fault = match done {
        Ok(Ok(())) => None,
        Ok(Err(fault)) => Some(fault),
        Err(_elapsed) => Some(sheet.out_of_time(budget)),
    };
    let farewell = sheet.farewell.take();
    Conducted {
        seen: observe(sheet, fault, tools.clock.as_ref()),
        farewell,
    }
}

/// The observation of a probe that never came to its end by a fault of this program.
pub(crate) fn broken(text: String, clock: &dyn Clock) -> Conducted {
    let sheet = Sheet::begin();
    let fault = sheet.fault(FaultClass::Local, text);
    Conducted {
        seen: observe(sheet, Some(fault), clock),
        farewell: None,
    }
}

fn observe(mut sheet: Sheet, fault: Option<Fault>, clock: &dyn Clock) -> Observation {
    let phases = sheet.watch.stop();
    let mut evidence = sheet.evidence;
    let finding = match fault {
        None => {
            evidence.text = match evidence.status {
                Some(status) => format!("status {status}"),
                None => "connected".to_owned(),
            };
            Finding::Good
        }
        Some(Fault { phase, class, text }) => {
            evidence.text = text;
            Finding::Bad { phase, class }
        }
    };
    Observation {
        at: clock.now(),
        finding,
        phases,
        evidence,
        report: sheet.report,
    }
}
