//! The history over HTTP: entries in pages, the chain verified, failovers with their times, strips for the dashboard.
//!
//! Reading blocks on the disk: it is done on the runtime's threads for that, a few at a time.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::api::extract::{Json, Path, Query};
use crate::api::list::no_service;
use crate::api::live::Live;
use crate::api::problem::Problem;
use crate::control::recent::AddressProbes;
use crate::control::timeline::Entry;
use crate::store::history::chain::Verified;
use crate::store::history::failovers::Failovers;
use crate::store::history::query::Filter;
use crate::store::history::strips::Uptime;
use crate::store::history::{History, HistoryError, Overview};

/// Entries of a page when nothing is said.
const USUAL: u16 = 100;
/// Entries of the largest page.
const MOST: u16 = 1000;

/// Which entries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Only those of this service.
    service: Option<String>,
    /// Only this kind; several are separated by commas.
    kind: Option<String>,
    /// `true`: only those at which somebody should look.
    #[serde(default)]
    #[param(required = false, default = false)]
    alarm: bool,
    /// Not before this time, in milliseconds since 1970.
    since: Option<u64>,
    /// Before this time.
    until: Option<u64>,
    /// Only those numbered lower: `next` of the page before.
    before: Option<u64>,
    /// Only those numbered higher, oldest first.
    after: Option<u64>,
    /// Entries at the most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u16>,
}

/// A page of entries.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Events {
    /// Newest first; oldest first when `after` is given.
    pub items: Vec<Entry>,
    /// What `before` (or `after`) must be for the next page; `null`: there is none.
    pub next: Option<u64>,
}

/// Which failovers.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FailoversQuery {
    /// Only those of this service.
    service: Option<String>,
    /// Only those numbered lower: `next` of the page before.
    before: Option<u64>,
    /// Failovers at the most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u16>,
}

/// How every address of a service did.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Strips {
    /// In the order of the configuration.
    pub endpoints: Vec<Strip>,
}

/// How one address did.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Strip {
    /// Its last probes.
    #[serde(flatten)]
    pub probes: AddressProbes,
    /// The last day and the last month; empty lists for what is not probed.
    #[serde(flatten)]
    pub uptime: Uptime,
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).retry_after(5)
    }
}

/// Reads on a thread that may wait.
async fn read<T: Send + 'static>(
    live: &Live,
    read: impl FnOnce(&History) -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, Problem> {
    let history = live.history.clone();
    let read = tokio::task::spawn_blocking(move || read(&history));
    Ok(read.await.map_err(|_| Problem::busy())??)
}

fn limited(limit: Option<u16>) -> Result<usize, Problem> {
    match limit.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit.into()),
        limit => Err(Problem::bad(format!("`limit` is {limit}; write 1 to {MOST}"))),
    }
}

/// A service as entries name it.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// What happened: a page of the history
#[utoipa::path(get, path = "/v1/events", tag = "history", params(EventsQuery),
    responses(
        (status = 200, description = "Entries", body = Events),
        (status = 503, description = "The disk cannot be read", body = Problem, content_type = "application/problem+json")))]
pub async fn events(
    State(live): State<Live>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<Events>, Problem> {
    let limit = limited(query.limit)?;
    let kinds = query.kind.iter().flat_map(|kinds| kinds.split(','));
    let kinds = kinds.map(str::trim).filter(|kind| !kind.is_empty());
    let filter = Filter {
        kinds: kinds.map(str::to_owned).collect(),
        service: query.service.as_deref().map(plain),
        alarms: query.alarm,
        since: query.since,
        until: query.until,
        before: query.before,
        after: query.after,
    };
    let page = read(&live, move |history| match filter.after {
        Some(_) => history.oldest(&filter, limit),
        None => history.newest(&filter, limit),
    });
    let page = page.await?;
    Ok(Json(Events {
        items: page.items,
        next: page.next,
    }))
}

/// Whether every entry is as it was written
///
/// Reads the whole chain; a million entries take some seconds.
#[utoipa::path(get, path = "/v1/events/verify", tag = "history",
    responses(
        (status = 200, description = "What was found", body = Verified),
        (status = 503, description = "The disk cannot be read", body = Problem, content_type = "application/problem+json")))]
pub async fn verify(State(live): State<Live>) -> Result<Json<Verified>, Problem> {
    // One at a time: each keeps a processor and the disk busy.
    let Ok(_turn) = live.verifying.try_lock() else {
        return Err(Problem::busy());
    };
    Ok(Json(read(&live, History::verify).await?))
}

/// Each change of an answer, from the first failed probe to the first changed answer
#[utoipa::path(get, path = "/v1/failovers", tag = "history", params(FailoversQuery),
    responses(
        (status = 200, description = "Failovers, newest first", body = Failovers),
        (status = 503, description = "The disk cannot be read", body = Problem, content_type = "application/problem+json")))]
pub async fn failovers(
    State(live): State<Live>,
    Query(query): Query<FailoversQuery>,
) -> Result<Json<Failovers>, Problem> {
    let limit = limited(query.limit)?;
    let service = query.service.as_deref().map(plain);
    let found = read(&live, move |history| {
        history.failovers(service.as_deref(), query.before, limit)
    });
    Ok(Json(found.await?))
}

/// What there is of the history, and whether the disk takes it
#[utoipa::path(get, path = "/v1/history", tag = "history",
    responses(
        (status = 200, description = "Sizes and counts", body = Overview),
        (status = 503, description = "The disk cannot be read", body = Problem, content_type = "application/problem+json")))]
pub async fn overview(State(live): State<Live>) -> Result<Json<Overview>, Problem> {
    Ok(Json(read(&live, History::overview).await?))
}

/// How each address of a service did: the last 60 probes, the last day, the last month
#[utoipa::path(get, path = "/v1/services/{name}/strips", tag = "history",
    params(("name" = String, Path, description = "The service's name")),
    responses(
        (status = 200, description = "A strip for each address", body = Strips),
        (status = 404, description = "There is no such service", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The disk cannot be read", body = Problem, content_type = "application/problem+json")))]
pub async fn strips(State(live): State<Live>, Path(name): Path<String>) -> Result<Json<Strips>, Problem> {
    let wanted = name.clone();
    let looked = live.look(move |control, now| {
        let service = control.plan().service_named(&wanted)?;
        Some((
            service.display_name(),
            control.recent_probes(service.id),
            now.wall.0,
        ))
    });
    let (service, probes, now) = looked.await?.ok_or_else(|| no_service(&name))?;
    let targets: Vec<String> = probes.iter().filter_map(|probes| probes.target.clone()).collect();
    let uptimes = read(&live, move |history| history.uptimes(&service, &targets, now));
    // Without a history what is in memory is shown all the same.
    let uptimes = uptimes.await.unwrap_or_default();
    let endpoints = probes.into_iter().map(|probes| Strip {
        uptime: probes
            .target
            .as_ref()
            .and_then(|target| uptimes.get(target))
            .cloned()
            .unwrap_or_default(),
        probes,
    });
    Ok(Json(Strips {
        endpoints: endpoints.collect(),
    }))
}
