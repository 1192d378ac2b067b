//! One call of the contract, and its spelling as an operation.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::problems::{Known, response};
use crate::http::access::Role;

pub(super) const JSON: &str = "application/json";
pub(super) const NDJSON: &str = "application/x-ndjson";
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// One call.
pub(super) struct Call {
    /// In small letters.
    pub(super) method: &'static str,
    /// With its parameters in braces.
    pub(super) path: &'static str,
    /// What programs call it.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    /// Status and answer.
    pub(super) successes: Vec<(u16, Value)>,
    /// The names of examples in [`super::problems`].
    pub(super) problems: Vec<&'static str>,
}

impl Call {
    /// The operation, with the problems that every call of its listener and role has.
    pub(super) fn operation(&self, tag: &str, role: Option<Role>, known: &[Known]) -> Value {
        let mut names = self.problems.clone();
        if role.is_some() {
            names.extend(["unauthorized", "forbidden"]);
        }
        if tag == "orders" {
            names.push("draining");
        }
        let mut by_status: BTreeMap<u16, Vec<&Known>> = BTreeMap::new();
        for problem in known.iter().filter(|problem| names.contains(&problem.name)) {
            by_status.entry(problem.status).or_default().push(problem);
        }
        let mut responses = Map::new();
        for (status, answer) in &self.successes {
            responses.insert(status.to_string(), answer.clone());
        }
        for (status, problems) in by_status {
            responses.insert(status.to_string(), response(&problems));
        }
        let mut operation = json!({
            "tags": [tag],
            "operationId": self.id,
            "summary": self.summary,
            "responses": responses,
            // Without configured tokens nobody needs one.
            "security": match role {
                Some(role) => json!([{}, { "token": [role.name()] }]),
                None => json!([]),
            },
        });
        if !self.parameters.is_empty() {
            operation["parameters"] = json!(self.parameters);
        }
        if let Some(body) = &self.body {
            operation["requestBody"] = body.clone();
        }
        operation
    }
}

/// A part of the path: an order id or a SKU.
pub(super) fn in_path(name: &str, example: &str) -> Value {
    json!({
        "name": name,
        "in": "path",
        "required": true,
        "schema": { "$ref": "#/components/schemas/Identifier" },
        "example": example,
    })
}

pub(super) fn in_query(
    name: &str,
    required: bool,
    about: &str,
    schema: Value,
    example: Value,
) -> Value {
    json!({
        "name": name,
        "in": "query",
        "required": required,
        "description": about,
        "schema": schema,
        "example": example,
    })
}

/// A body, with its examples by name.
pub(super) fn media(schema: &Value, examples: &[(&str, Value)]) -> Value {
    let named =
        examples.iter().map(|(name, value)| ((*name).to_owned(), json!({ "value": value })));
    json!({ "schema": schema, "examples": named.collect::<Map<_, _>>() })
}

pub(super) fn body(required: bool, content: Value) -> Value {
    json!({ "required": required, "content": content })
}

pub(super) fn answer(about: &str, content: Value) -> Value {
    json!({ "description": about, "content": content })
}

/// An answer in JSON with one example.
pub(super) fn json_answer(about: &str, schema: &Value, example: Value) -> Value {
    answer(about, json!({ JSON: media(schema, &[("example", example)]) }))
}

/// The answer to a repeat.
pub(super) fn replayed(schema: &Value, example: Value) -> Value {
    let mut answer = json_answer("A repeat: executed before, and not again", schema, example);
    answer["headers"] = json!({ "Idempotent-Replayed": {
        "description": "Tells a repeat.",
        "schema": { "type": "string", "const": "true" },
    } });
    remembered(answer)
}

/// The same answer, which tells how long its id is known.
pub(super) fn remembered(mut answer: Value) -> Value {
    answer["headers"]["Idempotency-Lifetime"] = json!({
        "description": "For how many seconds after its last step an id is known at least. Sent again later, it \
                        may be executed anew.",
        "schema": { "type": "integer" },
    });
    answer
}
