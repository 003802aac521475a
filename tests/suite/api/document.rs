//! `/openapi.json` and the router are made of one table.

use std::collections::{BTreeMap, BTreeSet};

use pointsman::api::document::document;
use pointsman::api::table::{Access, routes};
use pointsman::model::access::Role;
use serde_json::Value;

use super::{ask, get};
use crate::support::server::Folder;

/// Every method and path of the document.
fn documented(document: &Value) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            found.insert((method.to_ascii_uppercase(), path.clone()));
        }
    }
    found
}

/// The document as it is sent when nothing is configured.
fn usual() -> Value {
    serde_json::to_value(document(routes(), Some(Role::Admin))).unwrap()
}

#[test]
fn it_is_openapi_3_1_and_every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(to)) = fields.get("$ref") {
                    found.insert(to.clone());
                }
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = usual();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for to in found {
        let pointer = to.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{to} leads nowhere");
    }
}

#[test]
fn every_operation_says_what_it_is_for_who_may_and_what_may_come_back() {
    let document = usual();
    let mut ids = BTreeSet::new();
    let mut schemas = BTreeMap::new();
    for (name, schema) in routes().into_iter().flat_map(|route| route.schemas) {
        let schema = serde_json::to_value(schema).unwrap();
        let known = schemas.entry(name.clone()).or_insert_with(|| schema.clone());
        assert_eq!(*known, schema, "two schemas are called {name}");
    }
    for route in routes() {
        for (path, item) in &route.paths.paths {
            let item = serde_json::to_value(item).unwrap();
            for method in item.as_object().unwrap().keys() {
                let operation = &document["paths"][path][method];
                let place = format!("{method} {path}: {operation}");
                assert!(
                    operation["summary"].as_str().is_some_and(|words| words.len() > 8),
                    "{place}"
                );
                assert!(
                    ids.insert(operation["operationId"].as_str().unwrap().to_owned()),
                    "{place}"
                );
                let answers = operation["responses"].as_object().unwrap();
                assert!(answers.keys().any(|status| status.starts_with('2')), "{place}");
                for (status, answer) in answers {
                    let problem = answer["content"].get("application/problem+json");
                    assert_eq!(problem.is_some(), status.as_str() >= "400", "{status} of {place}");
                }
                let role = operation["security"][0]["token"][0].as_str();
                match route.access {
                    Access::Role(needed) => assert_eq!(role, Some(needed.as_str()), "{place}"),
                    Access::Open | Access::Own => assert_eq!(role, None, "{place}"),
                }
                if method != "get" {
                    assert!(
                        matches!(
                            route.access,
                            Access::Own | Access::Role(Role::Operate | Role::Admin)
                        ),
                        "{place}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_running_server_has_each_route_of_its_document_and_no_other_method() {
    let folder = Folder::new("");
    folder.zone("");
    let _server = folder.start();
    let sent = get(folder.api, "/openapi.json").json();
    assert_eq!(sent, usual());
    let documented = documented(&sent);
    assert!(documented.contains(&("GET".into(), "/v1/services".into())));
    let paths: BTreeSet<&String> = documented.iter().map(|(_, path)| path).collect();
    for path in paths {
        let asked = path.replace(['{', '}'], "");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let is_documented = documented.contains(&(method.to_owned(), path.clone()));
            if is_documented && (path == "/v1/reload" || method == "GET" && path == "/v1/stream") {
                continue;
            }
            let answer = ask(folder.api, method, &asked, &[], "");
            assert_eq!(answer.status != 405, is_documented, "{method} {path}: {answer:?}");
        }
    }
}
