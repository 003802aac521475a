//! One probe from its beginning to its observation, within its budget.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::health::observation::{FaultClass, Finding, Observation};
use crate::model::check::{Check, CheckKind, HttpCheck, Security, Target, Way};
use crate::probe::http::question::Question;
use crate::probe::sheet::{Farewell, Fault, Sheet};
use crate::probe::tls::Authorities;
use crate::probe::tls::secure::Secure;
use crate::probe::{dns, exec, grpc, http, icmp, patroni, postgres, redis, tcp, tls};

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
    system: OnceCell<Arc<Authorities>>,
    /// By address of the check; the check is held, so that its address stays its own.
    ready: Mutex<HashMap<usize, (Arc<Check>, Ready)>>,
}

/// What a check needs for each of its probes, made once.
#[derive(Clone)]
enum Ready {
    Http(Arc<Question>),
    Secure(Arc<Secure>),
}

impl Tools {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            tracker: TaskTracker::new(),
            token: CancellationToken::new(),
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            system: OnceCell::new(),
            ready: Mutex::new(HashMap::new()),
        }
    }

    /// The system's authorities; read once.
    pub(crate) async fn system_authorities(&self) -> Result<Arc<Authorities>, String> {
        let found = self.system.get_or_try_init(|| async {
            let provider = Arc::clone(&self.provider);
            tokio::task::spawn_blocking(move || Authorities::system(&provider))
                .await
                .map_err(|error| error.to_string())?
                .map(Arc::new)
        });
        found.await.map(Arc::clone)
    }

    /// What `check` needs, made by `make` at its first probe. Another plan brings other checks: files that they
    /// name are read again, and what belonged to the old ones is swept away.
    fn ready(
        &self,
        check: &Arc<Check>,
        make: impl FnOnce() -> Result<Ready, String>,
    ) -> Result<Ready, String> {
        let mut all = self.all();
        let key = Arc::as_ptr(check) as usize;
        if let Some((_, ready)) = all.get(&key) {
            return Ok(ready.clone());
        }
        let ready = make()?;
        all.insert(key, (Arc::clone(check), ready.clone()));
        Ok(ready)
    }

    fn question(&self, check: &Arc<Check>, settings: &HttpCheck) -> Result<Arc<Question>, String> {
        let make = || Question::prepare(settings).map(|question| Ready::Http(Arc::new(question)));
        match self.ready(check, make)? {
            Ready::Http(question) => Ok(question),
            Ready::Secure(_) => Err(MIXED_UP.to_owned()),
        }
    }

    /// How `check` speaks TLS.
    pub(crate) fn secure(&self, check: &Arc<Check>, security: &Security) -> Result<Arc<Secure>, String> {
        let make = || Ok(Ready::Secure(Arc::new(Secure::new(security.clone()))));
        match self.ready(check, make)? {
            Ready::Secure(secure) => Ok(secure),
            Ready::Http(_) => Err(MIXED_UP.to_owned()),
        }
    }

    /// Drops what belongs to checks that are gone, and connections that nobody came back to.
    pub(crate) fn sweep(&self) {
        let mut all = self.all();
        all.retain(|_, (check, _)| Arc::strong_count(check) > 1);
        for (_, ready) in all.values() {
            if let Ready::Http(question) = ready {
                http::idle::sweep(question);
            }
        }
    }

    /// Drops everything that was made ready: closes the connections that wait.
    pub(crate) fn clear(&self) {
        self.all().clear();
    }

    /// How many checks are made ready.
    #[cfg(test)]
    pub(crate) fn prepared(&self) -> usize {
        self.all().len()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<usize, (Arc<Check>, Ready)>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A check never changes its kind.
const MIXED_UP: &str = "internal error, please report: a check was made ready as another kind";

/// A probe's end: what it found, and what is left to do for politeness.
pub(crate) struct Conducted {
    /// For the signal box.
    pub(crate) seen: Observation,
    /// Closes the connection.
    pub(crate) farewell: Option<Farewell>,
}

/// Probes `target` within `budget`, which begins now.
pub(crate) async fn conduct(target: &Target, budget: Duration, tools: &Arc<Tools>) -> Conducted {
    let mut sheet = Sheet::begin(target.check.way);
    let done = timeout(budget, ask(&mut sheet, target, budget, tools)).await;
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

/// Asks as the check's kind does.
async fn ask(sheet: &mut Sheet, target: &Target, budget: Duration, tools: &Arc<Tools>) -> Result<(), Fault> {
    let address = SocketAddr::new(target.address, target.port);
    let local = |sheet: &Sheet, text| sheet.fault(FaultClass::Local, text);
    match &target.check.kind {
        CheckKind::Exec(check) => exec::probe(sheet, check, &target.check.name, address).await,
        CheckKind::Tcp(check) => tcp::probe(sheet, check, address).await,
        // Never asked for: it is judged by its parts.
        // Never asked for: one is judged by its parts, the other reports itself.
        CheckKind::Combined(_) | CheckKind::Heartbeat(_) => Err(local(
            sheet,
            "nothing is probed for a check of this type".to_owned(),
        )),
        CheckKind::Http(settings) => {
            let question = tools.question(&target.check, settings);
            let question = question.map_err(|text| local(sheet, text))?;
            http::probe(sheet, &question, address, tools).await
        }
        CheckKind::Tls(check) => {
            let secure = tools.secure(&target.check, &check.security);
            let secure = secure.map_err(|text| local(sheet, text))?;
            tls::check::probe(sheet, &secure, &check.talk, address, tools).await
        }
        CheckKind::Postgres(check) => {
            let secure = tools.secure(&target.check, &check.security);
            let secure = secure.map_err(|text| local(sheet, text))?;
            postgres::probe(sheet, check, &secure, address, tools).await
        }
        CheckKind::Redis(check) => {
            let secure = tools.secure(&target.check, &check.security);
            let secure = secure.map_err(|text| local(sheet, text))?;
            redis::probe(sheet, (&target.check, check), &secure, address, budget, tools).await
        }
        CheckKind::Patroni(settings) => {
            let question = tools.question(&target.check, settings);
            let question = question.map_err(|text| local(sheet, text))?;
            patroni::probe(sheet, &question, address, tools).await
        }
        CheckKind::Dns(check) => dns::probe(sheet, check, address, tools).await,
        CheckKind::Icmp(check) => icmp::probe(sheet, *check, target.address, tools).await,
        CheckKind::Grpc(check) => {
            let secure = tools.secure(&target.check, &check.security);
            let secure = secure.map_err(|text| local(sheet, text))?;
            grpc::probe(sheet, check, &secure, address, tools).await
        }
    }
}

/// The observation of a probe that never came to its end by a fault of this program.
pub(crate) fn broken(text: String, clock: &dyn Clock) -> Conducted {
    let sheet = Sheet::begin(Way::default());
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
            evidence.text = match (sheet.word, evidence.status) {
                (Some(word), _) => word,
                (None, Some(status)) => format!("status {status}"),
                (None, None) => "connected".to_owned(),
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
