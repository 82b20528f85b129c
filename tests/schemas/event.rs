//! An event of the schema registry: its name, and its document as EventBridge writes its own.

use harness::FunctionUnderTest;
use serde_json::{Map, Value, json};

use super::{openapi, validate::errors};
use crate::tidy::read;

/// The source of requests is a parameter of the template.
pub(super) const REQUEST_SOURCE: &str = "${RequestSource}";

/// One event that has a schema.
pub(super) struct Event {
    pub(super) source: &'static str,
    pub(super) detail_type: String,
    pub(super) description: String,
    components: Map<String, Value>,
}

impl Event {
    /// The request of a function, as its types have it.
    pub(super) fn request(function: &FunctionUnderTest) -> Self {
        let file = format!("functions/{}/request.schema.json", function.name);
        let schema: Value = serde_json::from_str(&read(file)).unwrap();
        let detail_type = schema["title"].as_str().unwrap().to_owned();

        Self {
            source: REQUEST_SOURCE,
            components: openapi::components(&letters(&detail_type), &schema),
            description: format!("Request for {}, version 1 of its contract.", function.name),
            detail_type,
        }
    }

    /// A result, whose detail is called `Detail` in these components.
    pub(super) fn result(
        source: &'static str,
        detail_type: &str,
        description: &str,
        mut components: Map<String, Value>,
    ) -> Self {
        // A binding's class has the name of its event.
        let detail = components.remove("Detail").unwrap();
        components.insert(letters(detail_type), detail);

        Self {
            source,
            detail_type: detail_type.to_owned(),
            description: description.to_owned(),
            components,
        }
    }

    /// The name in a template, of letters alone.
    pub(super) fn logical_id(&self) -> String {
        letters(&self.detail_type)
    }

    /// The name in the registry, as EventBridge names what it discovers.
    pub(super) fn schema_name(&self) -> String {
        format!("{}@{}", self.source, self.detail_type.replace(' ', ""))
    }

    /// The whole as OpenAPI 3.0.
    pub(super) fn document(&self) -> Value {
        let detail = format!("#/components/schemas/{}", self.logical_id());
        let mut schemas = self.components.clone();
        let text = json!({ "type": "string" });
        let event = json!({
            "type": "object",
            "required": [
                "detail-type", "resources", "detail", "id", "source", "time", "region", "version", "account",
            ],
            "x-amazon-events-detail-type": self.detail_type,
            "x-amazon-events-source": self.source,
            "properties": {
                "detail": { "$ref": detail },
                "account": text,
                "detail-type": text,
                "id": text,
                "region": text,
                "resources": { "type": "array", "items": text },
                "source": text,
                "time": { "type": "string", "format": "date-time" },
                "version": text,
            },
        });
        schemas.insert("AWSEvent".to_owned(), event);

        json!({
            "openapi": "3.0.0",
            "info": { "version": "1.0.0", "title": self.logical_id() },
            "paths": {},
            "components": { "schemas": schemas },
        })
    }

    /// What is wrong with an event of this kind.
    pub(super) fn errors(&self, event: &Value) -> Vec<String> {
        self.errors_of("AWSEvent", event)
    }

    /// What is wrong with the detail of an event of this kind.
    pub(super) fn errors_of_detail(&self, detail: &Value) -> Vec<String> {
        self.errors_of(&self.logical_id(), detail)
    }

    /// What is wrong with a part of an event of this kind.
    pub(super) fn errors_of(&self, component: &str, value: &Value) -> Vec<String> {
        let document = self.document();

        errors(
            &document,
            &document["components"]["schemas"][component],
            value,
        )
    }
}

fn letters(detail_type: &str) -> String {
    detail_type.replace([' ', '-'], "")
}
