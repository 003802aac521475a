//! Every route with who may use it: the one table that the router, the guard, the document and the tests are made of.

use axum::routing::MethodRouter;
use utoipa::openapi::path::Paths;
use utoipa::openapi::{RefOr, Schema};
use utoipa_axum::routes;

use crate::api::dashboard::{self, overview};
use crate::api::live::Live;
use crate::api::{
    document, drill, events, files, hand, heartbeat, list, look, metrics, notifications, stream,
};
use crate::model::access::Role;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody: it tells nothing that is worth a secret.
    Open,
    /// Whoever shows the route's own secret, which opens nothing else.
    Own,
    /// Whoever has this role, or a higher one.
    Role(Role),
}

/// A path with its methods.
pub struct Route {
    /// Who may use it.
    pub access: Access,
    /// How it is documented.
    pub paths: Paths,
    /// What its documentation names.
    pub schemas: Vec<(String, RefOr<Schema>)>,
    /// What is done.
    pub methods: MethodRouter<Live>,
}

/// What `routes!` makes of annotated handlers.
type Made = (Vec<(String, RefOr<Schema>)>, Paths, MethodRouter<Live>);

fn route(access: Access, (schemas, paths, methods): Made) -> Route {
    Route {
        access,
        paths,
        schemas,
        methods,
    }
}

fn open(made: Made) -> Route {
    route(Access::Open, made)
}

fn read(made: Made) -> Route {
    route(Access::Role(Role::Read), made)
}

fn operate(made: Made) -> Route {
    route(Access::Role(Role::Operate), made)
}

fn admin(made: Made) -> Route {
    route(Access::Role(Role::Admin), made)
}

/// All routes. A handler that is added here is served, guarded and documented.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        open(routes!(dashboard::page)),
        open(routes!(dashboard::part)),
        open(routes!(look::healthz)),
        open(routes!(look::readyz)),
        open(routes!(document::openapi)),
        route(Access::Own, routes!(heartbeat::heartbeat)),
        read(routes!(metrics::metrics)),
        read(routes!(look::status)),
        read(routes!(overview::overview)),
        read(routes!(look::explain)),
        read(routes!(list::zones)),
        read(routes!(list::services)),
        read(routes!(list::service)),
        read(routes!(list::endpoints)),
        read(routes!(list::checks)),
        read(routes!(hand::overrides)),
        read(routes!(events::events)),
        read(routes!(events::verify)),
        read(routes!(events::failovers)),
        read(routes!(events::overview)),
        read(routes!(events::strips)),
        read(routes!(notifications::notifications)),
        operate(routes!(notifications::test)),
        read(routes!(stream::stream)),
        operate(routes!(hand::drain)),
        operate(routes!(hand::force)),
        operate(routes!(hand::release)),
        operate(routes!(hand::failover)),
        read(routes!(drill::list)),
        read(routes!(drill::show)),
        operate(routes!(drill::start)),
        operate(routes!(drill::cancel)),
        operate(routes!(files::plan)),
        admin(routes!(files::reload)),
    ]
}
