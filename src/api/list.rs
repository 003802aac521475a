//! What stands in lists: zones, services, endpoints, checks.

use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::api::directory::Row;
use crate::api::extract::{Json, Path, Query};
use crate::api::live::Live;
use crate::api::paging::{InState, Kind, Page, Wanted, cut, page};
use crate::api::problem::Problem;
use crate::control::glance::{EndpointState, ProbeState, ServiceState};
use crate::control::probe_status::ProbeStatus;
use crate::control::status::{EndpointStatus, ServiceStatus};
use crate::control::step::Control;
use crate::model::id::ZoneId;
use crate::model::service::Service;
use crate::model::time::Now;

/// How a zone stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ZoneState {
    /// It is answered.
    Served,
    /// Its files have mistakes: SERVFAIL.
    Refused,
}

/// A zone.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ZoneItem {
    /// `example.test`
    zone: String,
    /// How it stands.
    state: ZoneState,
    /// The file that describes it.
    file: String,
    /// How many services it has.
    services: usize,
}

/// A service.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ServiceItem {
    /// How it stands, in a word.
    pub state: ServiceState,
    /// The zone that it is of.
    pub zone: String,
    /// Everything else.
    #[serde(flatten)]
    pub status: ServiceStatus,
}

/// An endpoint of a service.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EndpointItem {
    /// The service.
    pub service: String,
    /// How it stands, in a word.
    pub state: EndpointState,
    /// Everything else.
    #[serde(flatten)]
    pub status: EndpointStatus,
}

/// A probe stream: one check against one address.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CheckItem {
    /// `web@192.0.2.1:8080`: what `after` names.
    pub key: String,
    /// What counts, in a word.
    pub state: ProbeState,
    /// Services that heed or show it, at the most ten.
    pub services: Vec<String>,
    /// How it stands, with what the last failure showed.
    #[serde(flatten)]
    pub status: ProbeStatus,
}

/// Zones and whether they are served
#[utoipa::path(get, path = "/v1/zones", tag = "look",
    params(Wanted, ("state" = Option<ZoneState>, Query, description = "Only what is in this state")),
    responses((status = 200, description = "A page of zones", body = Page<ZoneItem>)))]
pub async fn zones(
    State(live): State<Live>,
    Query(wanted): Query<Wanted>,
    Query(state): Query<InState<ZoneState>>,
) -> Result<Json<Page<ZoneItem>>, Problem> {
    let directory = live.directory().await?;
    let zone_of = |row: &Row<ZoneId>| directory.plan.zones.get(row.id.index());
    let is_wanted = |row: &&Row<ZoneId>| match (state.state, zone_of(row)) {
        (Some(state), Some(zone)) => (state == ZoneState::Refused) == zone.refused,
        _ => true,
    };
    let limit = wanted.limit()?;
    let found: Vec<&Row<ZoneId>> = wanted.among(&directory.zones).filter(is_wanted).collect();
    let (page, next) = cut(&found, wanted.after.as_deref(), limit);
    let items = page.iter().filter_map(|row| {
        let zone = zone_of(row)?;
        Some(ZoneItem {
            zone: row.key.clone(),
            state: if zone.refused {
                ZoneState::Refused
            } else {
                ZoneState::Served
            },
            file: zone.source.display().to_string(),
            services: zone.services.len(),
        })
    });
    Ok(Json(Page {
        items: items.collect(),
        next,
        total: found.len(),
    }))
}

/// Services, what they answer and why
#[utoipa::path(get, path = "/v1/services", tag = "look",
    params(Wanted, ("state" = Option<ServiceState>, Query, description = "Only what is in this state")),
    responses((status = 200, description = "A page of services", body = Page<ServiceItem>)))]
pub async fn services(
    State(live): State<Live>,
    Query(wanted): Query<Wanted>,
    Query(state): Query<InState<ServiceState>>,
) -> Result<Json<Page<ServiceItem>>, Problem> {
    let kind = Kind {
        list: |directory| &directory.services,
        stands: |control, id, _| control.service_state(id),
    };
    page(&live, &wanted, state.state, &kind, |control, row, now| {
        let service = control.plan().services.get(row.id.index())?;
        Some(service_item(control, service, now))
    })
    .await
}

/// One service
#[utoipa::path(get, path = "/v1/services/{name}", tag = "look",
    params(("name" = String, Path, description = "Its name, like `www.example.test`")),
    responses(
        (status = 200, description = "The service", body = ServiceItem),
        (status = 404, description = "There is no such service", body = Problem, content_type = "application/problem+json")))]
pub async fn service(
    State(live): State<Live>,
    Path(name): Path<String>,
) -> Result<Json<ServiceItem>, Problem> {
    let wanted = name.clone();
    let found = live.look(move |control, now| {
        let service = control.plan().service_named(&wanted)?;
        Some(service_item(control, service, now))
    });
    found.await?.map(Json).ok_or_else(|| no_service(&name))
}

/// Nobody is named like that.
pub(super) fn no_service(name: &str) -> Problem {
    Problem::missing(format!(
        "no service is named `{name}`; `pointsman status` lists them"
    ))
}

fn service_item(control: &Control, service: &Service, now: Now) -> ServiceItem {
    let zone = control.plan().zones.get(service.zone.index());
    ServiceItem {
        state: control.service_state(service.id),
        zone: zone.map_or_else(String::new, |zone| {
            zone.origin.to_string().trim_end_matches('.').to_owned()
        }),
        status: control.service_status(service, now),
    }
}

/// Endpoints and how they stand
#[utoipa::path(get, path = "/v1/endpoints", tag = "look",
    params(Wanted, ("state" = Option<EndpointState>, Query, description = "Only what is in this state")),
    responses((status = 200, description = "A page of endpoints", body = Page<EndpointItem>)))]
pub async fn endpoints(
    State(live): State<Live>,
    Query(wanted): Query<Wanted>,
    Query(state): Query<InState<EndpointState>>,
) -> Result<Json<Page<EndpointItem>>, Problem> {
    let kind = Kind {
        list: |directory| &directory.endpoints,
        stands: Control::endpoint_state,
    };
    page(&live, &wanted, state.state, &kind, |control, row, now| {
        Some(EndpointItem {
            service: row.services.first()?.to_string(),
            state: control.endpoint_state(row.id, now),
            status: control.endpoint(row.id, now)?,
        })
    })
    .await
}

/// Checks against each address, with what the last failure showed
#[utoipa::path(get, path = "/v1/checks", tag = "look",
    params(Wanted, ("state" = Option<ProbeState>, Query, description = "Only what is in this state")),
    responses((status = 200, description = "A page of probe streams", body = Page<CheckItem>)))]
pub async fn checks(
    State(live): State<Live>,
    Query(wanted): Query<Wanted>,
    Query(state): Query<InState<ProbeState>>,
) -> Result<Json<Page<CheckItem>>, Problem> {
    /// Services that are named with a stream.
    const NAMED: usize = 10;
    let kind = Kind {
        list: |directory| &directory.checks,
        stands: Control::probe_state,
    };
    page(&live, &wanted, state.state, &kind, |control, row, now| {
        Some(CheckItem {
            key: row.key.clone(),
            state: control.probe_state(row.id, now),
            services: row.services.iter().take(NAMED).map(ToString::to_string).collect(),
            status: control.probe_status(row.id, now)?,
        })
    })
    .await
}
