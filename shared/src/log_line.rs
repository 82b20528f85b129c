//! A log event as one line of JSON, in which a report is an object: CloudWatch Logs Insights
//! addresses its members.

use std::fmt::{self, Write as _};

use lambda_runtime::tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    subscriber::{
        fmt::{
            FmtContext, FormatEvent, FormatFields, FormattedFields,
            format::{JsonFields, Writer},
        },
        registry::LookupSpan,
    },
};
use serde_json::Value;

/// The fields whose text is JSON already, where this crate logs them.
const JSON_FIELDS: [&str; 2] = ["report", "found"];
/// The field whose text is a whole line by itself: CloudWatch looks for `_aws` nowhere but at the top.
const METRICS: &str = "metrics";

/// Writes `{"level":"INFO","fields":{"message":"…","report":{…}},"span":{…}}`.
#[derive(Debug)]
pub(crate) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut fields = Fields {
            text: String::new(),
            metrics: None,
            // Elsewhere a field of this name may hold any text.
            is_own: metadata.target().starts_with(env!("CARGO_PKG_NAME")),
        };
        event.record(&mut fields);
        if let Some(line) = fields.metrics {
            return writeln!(writer, "{line}");
        }

        // The template counts and alarms by these names.
        let (level, fields) = (metadata.level(), fields.text);
        write!(writer, "{{\"level\":\"{level}\",\"fields\":{{{fields}}}")?;
        // The span holds the ID that Lambda gave to the invocation.
        if let Some(span) = context.lookup_current()
            && let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>()
            && !fields.is_empty()
        {
            write!(writer, ",\"span\":{fields}")?;
        }
        writeln!(writer, "}}")
    }
}

/// The members of a JSON object, as they are visited.
struct Fields {
    text: String,
    metrics: Option<String>,
    is_own: bool,
}

impl Fields {
    fn add(&mut self, field: &Field, json: &str) {
        let comma = if self.text.is_empty() { "" } else { "," };

        // Writing to a string cannot fail.
        let _ = write!(self.text, "{comma}\"{field}\":{json}");
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            METRICS if self.is_own => self.metrics = Some(value.to_owned()),
            name if self.is_own && JSON_FIELDS.contains(&name) => self.add(field, value),
            _ => self.add(field, &Value::from(value).to_string()),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, &value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, &value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, &value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = Value::from(format!("{value:?}"));
        self.add(field, &text.to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use lambda_runtime::tracing::{
        self,
        subscriber::{fmt, layer::SubscriberExt, registry},
    };
    use serde_json::json;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: impl FnOnce()) -> Value {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer()
            .json()
            .event_format(JsonLine)
            .with_writer(move || writer.clone());

        ::tracing::subscriber::with_default(registry().with(layer), log);
        let bytes = lines.0.lock().unwrap().clone();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn a_report_is_an_object_of_the_line() {
        let line = logged(|| {
            let _span = tracing::info_span!("invoke", requestId = "r-1").entered();
            tracing::info!(
                report = r#"{"outcome":"done"}"#,
                count = 1,
                "{}",
                "all \"good\""
            );
        });

        let expected = json!({
            "level": "INFO",
            "fields": { "message": "all \"good\"", "report": { "outcome": "done" }, "count": 1 },
            "span": { "requestId": "r-1" },
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn metrics_are_a_line_of_their_own() {
        let line = logged(|| tracing::info!(metrics = r#"{"_aws":{},"Stalled":1}"#, "metrics"));
        assert_eq!(line, json!({ "_aws": {}, "Stalled": 1 }));

        let line = logged(|| tracing::warn!(target: "aws_config", metrics = "}{", "odd"));
        assert_eq!(line["fields"]["metrics"], "}{");
    }

    #[test]
    fn a_field_of_somebody_else_cannot_break_the_line() {
        let line = logged(|| tracing::warn!(target: "aws_config", report = "}{", "odd"));

        assert_eq!(line["fields"]["report"], "}{");
        assert_eq!(line["level"], "WARN");
    }
}
