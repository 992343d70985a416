//! The OpenAPI document.

use std::collections::BTreeMap;

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, PathItem, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::problem::Problem;
use crate::routes::{alerts, history, metrics, silences, state};

/// What every request may be answered with, beside what its operation names.
const REFUSALS: [(&str, &str); 8] = [
    ("401", "No key, or a wrong one."),
    ("403", "The key's role is not enough."),
    ("408", "The request took too long to arrive."),
    ("413", "The body is too long."),
    ("422", "A parameter or the body can't be used."),
    ("429", "The address has presented too many wrong keys."),
    ("500", "The monitor failed."),
    ("503", "The monitor can't answer now."),
];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "dsmil monitor",
        version = "1",
        description = "Health, devices, verdicts, alerts and history of a machine that dsmil watches. Times are milliseconds since \
            the Unix epoch. Everything but the two probes needs a key."
    ),
    paths(
        state::healthz,
        state::readyz,
        metrics::metrics,
        state::openapi,
        state::status,
        state::health,
        state::security,
        state::devices,
        state::verdicts,
        alerts::alerts,
        alerts::acknowledge,
        alerts::alert_history,
        silences::silences,
        silences::silence,
        silences::expire_silence,
        history::series,
        history::history,
    ),
    components(schemas(Problem)),
    modifiers(&Finish)
)]
struct Generated;

/// The OpenAPI 3.1 document of everything that is served, as `/api/v1/openapi.json` gives it.
pub fn openapi() -> serde_json::Value {
    serde_json::to_value(Generated::openapi()).unwrap_or_default()
}

/// Adds what holds for every operation that needs a key.
struct Finish;

impl Modify for Finish {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let header = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key")));
        components.add_security_scheme("bearer", bearer);
        components.add_security_scheme("header", header);
        for (path, item) in &mut document.paths.paths {
            let probe = crate::auth::is_probe(path);
            for operation in operations(item).filter(|_| !probe) {
                refuse(operation);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete].into_iter().filter_map(Option::as_mut)
}

fn refuse(operation: &mut Operation) {
    use utoipa::openapi::SecurityRequirement;
    let scopes: [&str; 0] = [];
    operation.security = Some(vec![SecurityRequirement::new("bearer", scopes), SecurityRequirement::new("header", scopes)]);
    let responses: &mut BTreeMap<_, _> = &mut operation.responses.responses;
    for (status, description) in REFUSALS {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let refusal = ResponseBuilder::new().description(description).content("application/problem+json", content).build();
        responses.entry(status.to_owned()).or_insert(RefOr::T(refusal));
    }
}
