//! `/openapi.json`: the table of routes as OpenAPI 3.1, with every status that each of them may answer.

use axum::extract::State;
use utoipa::openapi::path::{Operation, PathItem, Paths};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref,
    ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use crate::api::extract::Json;
use crate::api::live::Live;
use crate::api::problem::{MEDIA_TYPE, Problem};
use crate::api::table::{Access, Route, routes};
use crate::model::access::Role;

/// The scheme of tokens.
const TOKEN: &str = "token";
/// The scheme of client certificates.
const CERTIFICATE: &str = "certificate";

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "server",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
pub async fn openapi(State(live): State<Live>) -> Json<OpenApi> {
    Json(document(routes(), live.access.borrow().anonymous()))
}

/// The document of `routes`; `anonymous` is the role of whoever shows nothing.
#[must_use]
pub fn document(routes: Vec<Route>, anonymous: Option<Role>) -> OpenApi {
    let mut paths = Paths::new();
    let mut components = ComponentsBuilder::new()
        .schema(Problem::name(), Problem::schema())
        .security_scheme(TOKEN, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme(
            CERTIFICATE,
            SecurityScheme::MutualTls {
                description: Some("a certificate of `[[api.clients]]`".to_owned()),
                deprecated: None,
                extensions: None,
            },
        );
    for route in routes {
        components = components.schemas_from_iter(route.schemas);
        for (path, mut item) in route.paths.paths {
            for (method, operation) in operations(&mut item) {
                operation.operation_id = Some(format!("{method}{}", path.replace(['/', '{', '}'], "_")));
                complete(operation, route.access, anonymous);
            }
            match paths.paths.get_mut(&path) {
                Some(known) => known.merge_operations(item),
                None => {
                    paths.paths.insert(path, item);
                }
            }
        }
    }
    let info = InfoBuilder::new()
        .title("pointsman")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "What is answered, why, since when, and the operator's hand. Every error is a problem detail (RFC 9457).",
        ))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ));
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("patch", &mut item.patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds what the server answers on every route of its kind, and who may use it.
fn complete(operation: &mut Operation, access: Access, anonymous: Option<Role>) {
    let mut problems: Vec<(&str, &str)> = vec![("503", "The server is busy, stopping or not ready")];
    let has_body = operation.request_body.is_some();
    if has_body
        || operation
            .parameters
            .as_ref()
            .is_some_and(|found| !found.is_empty())
    {
        problems.push(("400", "The request is not what is taken; `detail` says why"));
    }
    if has_body {
        problems.push(("408", "The body did not come in time"));
        problems.push(("413", "The body is too large"));
        problems.push(("415", "The body is no JSON"));
    }
    // A wrong token is refused even where none is needed.
    problems.push(("401", "Nobody is known by what was shown"));
    problems.push((
        "403",
        "Known, but not allowed; or asked in a way that a web page could",
    ));
    problems.push(("429", "Too often; `Retry-After` says when again"));
    if let Access::Role(role) = access {
        let schemes = [TOKEN, CERTIFICATE];
        let mut security: Vec<SecurityRequirement> = schemes
            .iter()
            .map(|scheme| SecurityRequirement::new(*scheme, [role.as_str()]))
            .collect();
        if anonymous.is_some_and(|anonymous| anonymous >= role) {
            security.push(SecurityRequirement::default());
        }
        operation.security = Some(security);
    }
    for (status, description) in problems {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(Problem::name())))
            .build();
        let response = ResponseBuilder::new()
            .description(description)
            .content(MEDIA_TYPE, content);
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| response.build().into());
    }
}
