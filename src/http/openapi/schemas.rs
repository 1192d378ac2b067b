//! The schemas of the wire types.

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

/// Collects the schemas that the document refers to.
pub(super) struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
    more: Map<String, Value>,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            requests: settings.clone().into_generator(),
            answers: settings.for_serialize().into_generator(),
            more: Map::new(),
        }
    }

    /// What is read as a `T`.
    pub(super) fn request<T: JsonSchema>(&mut self) -> Value {
        self.requests.subschema_for::<T>().to_value()
    }

    /// What is written as a `T`.
    pub(super) fn answer<T: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<T>().to_value()
    }

    /// Adds a schema that is no type of its own, and refers to it.
    pub(super) fn add(&mut self, name: String, schema: Value) -> Value {
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        self.more.insert(name, schema);
        reference
    }

    /// The schema itself, where an answer's schema is a reference.
    pub(super) fn resolve(&self, schema: &Value) -> Value {
        let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        let found = name.and_then(|name| self.answers.definitions().get(name));
        found.unwrap_or(schema).clone()
    }

    pub(super) fn finish(self) -> Map<String, Value> {
        let Self { mut requests, mut answers, mut more } = self;
        more.extend(requests.take_definitions(true));
        more.extend(answers.take_definitions(true));
        more
    }
}
