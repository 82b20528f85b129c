//! Lambda's API: Invoke, ListFunctions, GetFunction, GetFunctionConfiguration, and the lists of
//! what belongs to a function.

use std::{collections::BTreeSet, time::Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hyper::{
    HeaderMap, Response,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderValue},
    http::request::Parts,
};
use serde_json::{Value, json};

use crate::{
    aws::{call::percent_decode, constraints, error::ApiError, ids::has_function_characters},
    lambda::{
        functions::{Event, Functions, InvocationResult, MEMORY_MB},
        responses::{Body, error, lambda_error, plain_json, response},
    },
};

/// The largest payload of an asynchronous invocation.
const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// The longest client context, as it is sent.
const MAX_CLIENT_CONTEXT: usize = 3583;
/// The longest name of a function, ARNs included.
const MAX_NAME: usize = 170;
/// How much of the log an invocation returns.
const MAX_LOG_TAIL: usize = 4096;
/// The alias of the version that is deployed, as the template names it.
const ALIAS: &str = "live";

/// A function as a caller names it.
struct Named {
    name: String,
    qualifier: Option<String>,
}

impl Functions {
    /// Answers a call to Lambda's API.
    pub(crate) async fn lambda_api(
        &self,
        path: &[&str],
        parts: &Parts,
        payload: Bytes,
    ) -> Response<Body> {
        let answered = match (parts.method.as_str(), path) {
            // The path of ListFunctions ends with a slash, so its last segment is empty.
            ("GET", [] | [""]) => self.list(parts.uri.query().unwrap_or_default()),
            (_, [name, path @ ..]) => self.function_api(name, path, parts, payload).await,
            _ => Ok(not_emulated()),
        };

        answered.unwrap_or_else(|error| lambda_error(error.status, error.code, &error.message))
    }

    /// Answers a call about one function.
    async fn function_api(
        &self,
        name: &str,
        path: &[&str],
        parts: &Parts,
        payload: Bytes,
    ) -> Result<Response<Body>, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let named = self.resolve(name, query)?;

        match (parts.method.as_str(), path) {
            ("POST", ["invocations"]) => self.invoke_api(named, &parts.headers, payload).await,
            // An invocation of a missing function is refused further down, once its payload is
            // known to be valid.
            ("GET", _) if !self.exists(&named.name) => Err(self.not_found(&named)),
            ("GET", []) => {
                self.record("GetFunction", &named.name);
                let body = json!({
                    "Configuration": self.configuration(&named.name),
                    // Clients require a location. Nothing can be downloaded from this one.
                    "Code": { "RepositoryType": "S3", "Location": "https://localhost/" },
                });
                Ok(plain_json(200, &body))
            }
            ("GET", ["configuration"]) => {
                self.record("GetFunctionConfiguration", &named.name);
                Ok(plain_json(200, &self.configuration(&named.name)))
            }
            // There are none but the one version and its alias, and consoles ask for each of them.
            ("GET", ["aliases"]) => {
                let only = json!({
                    "AliasArn": format!("{}:{ALIAS}", self.arn(&named.name)),
                    "Name": ALIAS,
                    "FunctionVersion": "$LATEST",
                });
                Ok(self.listed("ListAliases", "Aliases", &[only]))
            }
            ("GET", ["versions"]) => {
                let only = [self.configuration(&named.name)];
                Ok(self.listed("ListVersionsByFunction", "Versions", &only))
            }
            _ => Ok(not_emulated()),
        }
    }

    /// Answers `ListEventSourceMappings`: nothing but people and programs invokes a function here.
    pub(crate) fn event_sources(&self) -> Response<Body> {
        self.listed("ListEventSourceMappings", "EventSourceMappings", &[])
    }

    fn listed(&self, operation: &str, member: &str, items: &[Value]) -> Response<Body> {
        self.record(operation, "all");
        plain_json(200, &json!({ member: items }))
    }

    async fn invoke_api(
        &self,
        named: Named,
        headers: &HeaderMap,
        payload: Bytes,
    ) -> Result<Response<Body>, ApiError> {
        let event = Event {
            payload: check_payload(payload)?,
            qualifier: named.qualifier.clone(),
            client_context: client_context(headers)?,
        };
        // The header is checked for every invocation, also for those that return no log.
        let log_type = headers.get("x-amz-log-type");
        if log_type.is_some_and(|log_type| log_type != "None" && log_type != "Tail") {
            return Err(invalid_parameter("unknown X-Amz-Log-Type"));
        }

        let invocation_type = headers.get("x-amz-invocation-type");
        // Without the header an invocation is synchronous.
        match invocation_type.map_or(b"RequestResponse".as_slice(), HeaderValue::as_bytes) {
            b"RequestResponse" => {
                let with_log = log_type.is_some_and(|log_type| log_type == "Tail");
                self.invoke_and_wait(&named, event, with_log).await
            }
            b"Event" if event.payload.len() > MAX_EVENT_BYTES => {
                let size = event.payload.len();
                let message =
                    format!("{size} byte payload is too large for the Event invocation type");
                Err(ApiError::new(413, "RequestTooLargeException", message))
            }
            b"Event" => self.invoke_later(named, event),
            b"DryRun" if self.exists(&named.name) => Ok(response(204, Bytes::new())),
            b"DryRun" => Err(self.not_found(&named)),
            _ => Err(invalid_parameter("unknown X-Amz-Invocation-Type")),
        }
    }

    async fn invoke_and_wait(
        &self,
        named: &Named,
        event: Event,
        with_log: bool,
    ) -> Result<Response<Body>, ApiError> {
        let request_id = uuid::Uuid::new_v4().to_string();
        // The log of this invocation is what the function prints from here on.
        let (started, lines_before) = (Instant::now(), self.log_length(&named.name));
        let result = self
            .invoke_with(&named.name, request_id.clone(), event)
            .await;

        // A failure of the function is a success of Lambda: 200 with a header.
        let (body, has_failed) = match result {
            InvocationResult::Answered(body) => (body, false),
            InvocationResult::Failed(error) => (Bytes::from(error.to_string()), true),
            InvocationResult::Unknown => return Err(self.not_found(named)),
            InvocationResult::NotBuilt(why) => {
                return Err(ApiError::new(502, "InvalidRuntimeException", why));
            }
        };

        let mut response = response(200, body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let version = HeaderValue::from_static("$LATEST");
        headers.insert("x-amz-executed-version", version);
        if has_failed {
            let unhandled = HeaderValue::from_static("Unhandled");
            headers.insert("x-amz-function-error", unhandled);
        }
        if with_log {
            let lines = self.logs_after(&named.name, lines_before);
            let tail = log_tail(&request_id, &lines, started);
            if let Ok(tail) = HeaderValue::from_str(&BASE64_STANDARD.encode(tail)) {
                headers.insert("x-amz-log-result", tail);
            }
        }
        Ok(response)
    }

    /// Accepts the event and runs the function once. AWS would retry a failure twice, after one and
    /// two minutes.
    fn invoke_later(&self, named: Named, event: Event) -> Result<Response<Body>, ApiError> {
        if !self.exists(&named.name) {
            return Err(self.not_found(&named));
        }

        let functions = self.clone();
        // Only synchronous invocations have a client context.
        let event = Event {
            client_context: None,
            ..event
        };
        tokio::spawn(async move {
            let request_id = uuid::Uuid::new_v4().to_string();
            functions.invoke_with(&named.name, request_id, event).await
        });
        Ok(response(202, Bytes::new()))
    }

    /// The function that a caller names by its name or an ARN, and its qualifier, which is part of
    /// the name or in the query. There is one version here, with one alias.
    fn resolve(&self, given: &str, query: &str) -> Result<Named, ApiError> {
        let given = percent_decode(given);
        check_query(query, &["Qualifier"])?;

        let (account, region) = self.0.cloud.place();
        let parts: Vec<&str> = given.split(':').collect();
        // A caller may name the function by its name, by ACCOUNT:function:NAME, or by its ARN, each
        // with a qualifier at the end.
        let (place, function) = Place::split(&parts, &region);
        let (name, in_name) = match function {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some((*qualifier).to_owned())),
            _ => ("", None),
        };
        // The limits are those of `FunctionName` in the service model.
        if name.is_empty() || given.len() > MAX_NAME || !has_function_characters(name) {
            return Err(violation("functionName", &given));
        }
        if let Some(place) = place {
            place.check(&given, &account, &region)?;
        }

        // A qualifier in both places has to be the same.
        let in_query = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("Qualifier="))
            .map(percent_decode);
        if in_name.is_some() && in_query.is_some() && in_name != in_query {
            return Err(invalid_parameter(
                "The derived qualifier from the function name does not match the specified \
                 qualifier.",
            ));
        }

        let named = Named {
            name: self.without_stack(name),
            qualifier: in_name.or(in_query),
        };
        // There is nothing else, so that every other qualifier is unknown.
        match named.qualifier.as_deref() {
            None | Some("$LATEST" | ALIAS) => Ok(named),
            // As with a missing function, the ARN in the message has the qualifier.
            Some(_) => Err(self.not_found(&named)),
        }
    }

    /// The function that a deployed one is: its stack puts a name before that of the function, such
    /// as `drover-disconnect-source-server`.
    fn without_stack(&self, name: &str) -> String {
        let names = self.0.binaries.names();
        let is_deployed = |known: &&String| {
            let stack = name.strip_suffix(known.as_str());
            stack.is_some_and(|stack| stack.len() > 1 && stack.ends_with('-'))
        };

        match names.iter().find(is_deployed) {
            // One that polls under the whole name is meant itself.
            Some(function) if !self.exists(name) => function.clone(),
            _ => name.to_owned(),
        }
    }

    fn list(&self, query: &str) -> Result<Response<Body>, ApiError> {
        check_query(query, &["MaxItems", "FunctionVersion"])?;

        let names = self.0.binaries.names();
        self.record("ListFunctions", "all");
        let functions: Vec<Value> = names.iter().map(|name| self.configuration(name)).collect();
        Ok(plain_json(200, &json!({ "Functions": functions })))
    }

    /// A function as Lambda describes it.
    fn configuration(&self, name: &str) -> Value {
        let deployment = self.0.cloud.deployment(name);
        let (account, region) = self.0.cloud.place();
        let partition = constraints::partition(&region).unwrap_or("aws");
        // The binaries are built for this machine.
        let architecture = match cfg!(target_arch = "aarch64") {
            true => "arm64",
            false => "x86_64",
        };

        json!({
            "FunctionName": name,
            "FunctionArn": self.arn(name),
            "Runtime": "provided.al2023",
            "Role": format!("arn:{partition}:iam::{account}:role/{name}"),
            "Handler": "bootstrap",
            "Timeout": deployment.timeout_seconds,
            "MemorySize": MEMORY_MB,
            "Version": "$LATEST",
            "PackageType": "Zip",
            "Architectures": [architecture],
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "Environment": { "Variables": deployment.environment },
        })
    }

    /// Records a call in the journal. An invocation has a record of its own once it has ended.
    fn record(&self, operation: &str, subject: &str) {
        let (_, region) = self.0.cloud.place();
        self.0.cloud.record_read(operation, &region, subject, "200");
    }

    fn not_found(&self, named: &Named) -> ApiError {
        let arn = match &named.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", self.arn(&named.name)),
            None => self.arn(&named.name),
        };
        let message = format!("Function not found: {arn}");
        ApiError::new(404, "ResourceNotFoundException", message)
    }
}

/// Where a function is, in an ARN or in its short form `ACCOUNT:function:NAME`.
struct Place<'a> {
    /// Whether the partition of the ARN is that of its Region.
    is_valid: bool,
    region: &'a str,
    account: &'a str,
}

impl<'a> Place<'a> {
    /// Splits a name into its place, if it has one, and the function.
    fn split(parts: &'a [&'a str], home: &'a str) -> (Option<Self>, &'a [&'a str]) {
        match parts {
            [
                "arn",
                partition,
                "lambda",
                region,
                account,
                "function",
                function @ ..,
            ] => {
                let place = Self {
                    is_valid: constraints::partition(region) == Some(*partition),
                    region,
                    account,
                };
                (Some(place), function)
            }
            [account, "function", function @ ..] => {
                let place = Self {
                    is_valid: true,
                    region: home,
                    account,
                };
                (Some(place), function)
            }
            function => (None, function),
        }
    }

    /// Checks that a function is in the account and in the Region of the functions.
    fn check(&self, given: &str, account: &str, home: &str) -> Result<(), ApiError> {
        // A function of another account is denied whether or not it exists: no policy lets the
        // caller in.
        if self.account != account {
            let message = format!("the caller is not authorized to invoke {given}");
            return Err(ApiError::new(403, "AccessDeniedException", message));
        }
        if !self.is_valid || self.region != home {
            let region = self.region;
            let message =
                format!("Functions from '{region}' are not reachable in this region ('{home}')");
            return Err(ApiError::new(404, "ResourceNotFoundException", message));
        }
        Ok(())
    }
}

fn not_emulated() -> Response<Body> {
    error(404, "UnknownOperationException", "this is not emulated")
}

fn invalid_parameter(message: &str) -> ApiError {
    ApiError::new(400, "InvalidParameterValueException", message)
}

fn violation(member: &str, value: &str) -> ApiError {
    ApiError::validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint"
    ))
}

/// Checks that a payload is JSON in UTF-8. An empty one stands for an empty object.
fn check_payload(payload: Bytes) -> Result<Bytes, ApiError> {
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }

    // A parser that skips over strings does not look at their bytes.
    let text = std::str::from_utf8(&payload).map_err(|error| error.to_string());
    let parsed = text.and_then(|text| {
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| error.to_string())
    });
    match parsed {
        Ok(_) => Ok(payload),
        Err(wrong) => {
            let message = format!("Could not parse request body into json: {wrong}");
            Err(ApiError::new(
                400,
                "InvalidRequestContentException",
                message,
            ))
        }
    }
}

/// The JSON object in the client context, if the request has one.
fn client_context(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(header) = headers.get("x-amz-client-context") else {
        return Ok(None);
    };
    // The limit is that of the header, and applies before decoding.
    let decoded = BASE64_STANDARD.decode(header.as_bytes()).ok();
    let text = decoded.and_then(|decoded| String::from_utf8(decoded).ok());

    let is_object =
        |text: &String| serde_json::from_str::<Value>(text).is_ok_and(|json| json.is_object());
    match text.filter(|text| is_object(text) && header.len() <= MAX_CLIENT_CONTEXT) {
        Some(text) => Ok(Some(text)),
        None => {
            let message = "Client context must be a valid Base64-encoded JSON object.";
            Err(ApiError::new(
                400,
                "InvalidRequestContentException",
                message,
            ))
        }
    }
}

/// The last part of the log of an invocation, as Lambda frames it.
fn log_tail(request_id: &str, lines: &[String], started: Instant) -> String {
    let printed: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
    let billed = milliseconds.ceil();
    let log = format!(
        "START RequestId: {request_id} Version: $LATEST\n{printed}END RequestId: {request_id}\n\
         REPORT RequestId: {request_id}\tDuration: {milliseconds:.2} ms\t\
         Billed Duration: {billed:.0} ms\tMemory Size: {MEMORY_MB} MB\t\
         Max Memory Used: {MEMORY_MB} MB\t\n"
    );

    // The cut is at a character, so that the text stays UTF-8.
    let mut starts = log.char_indices().map(|(index, _)| index);
    let start = starts
        .find(|start| log.len() - start <= MAX_LOG_TAIL)
        .unwrap_or(0);
    log.get(start..).unwrap_or_default().to_owned()
}

/// Checks that each of these parameters is in a query at most once, with a value that Lambda's
/// model allows. Other parameters are not looked at.
fn check_query(query: &str, names: &[&str]) -> Result<(), ApiError> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut known = BTreeSet::new();

    for (name, value) in pairs.filter(|(name, _)| names.contains(name)) {
        let value = percent_decode(value);
        if !is_allowed(name, &value) || !known.insert(name) {
            return Err(violation(name, &value));
        }
    }
    Ok(())
}

fn is_allowed(parameter: &str, value: &str) -> bool {
    match parameter {
        "Qualifier" => {
            let is_allowed = |character: char| {
                character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '$')
            };
            (1..=128).contains(&value.len())
                && (value == "$LATEST.PUBLISHED" || value.chars().all(is_allowed))
        }
        "MaxItems" => value
            .parse()
            .is_ok_and(|count: u16| (1..=10_000).contains(&count)),
        // FunctionVersion
        _ => value == "ALL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cloud::Cloud, lambda::binaries::Binaries, world::World};

    #[test]
    fn function_is_found_by_the_name_that_its_stack_gives_it() {
        let binaries = Binaries::Fixed([("f-g".to_owned(), "/f".into())].into());
        let functions = Functions::new(Cloud::new(World::empty()), binaries);

        for (given, name) in [
            ("f-g", "f-g"),
            ("drover-f-g", "f-g"),
            ("my-stack-f-g:$LATEST", "f-g"),
            ("111122223333:function:drover-f-g", "f-g"),
            (
                "arn:aws:lambda:us-east-1:111122223333:function:drover-f-g",
                "f-g",
            ),
            ("f", "f"),
            ("-f-g", "-f-g"),
            ("droverf-g", "droverf-g"),
            ("drover-f-g-2", "drover-f-g-2"),
        ] {
            assert_eq!(functions.resolve(given, "").unwrap().name, name, "{given}");
        }
    }

    #[test]
    fn query_has_values_of_the_model_and_each_once() {
        let names = ["Qualifier", "MaxItems", "FunctionVersion"];

        for (query, ok) in [
            ("", true),
            ("Qualifier=$LATEST", true),
            ("Qualifier=%24LATEST.PUBLISHED", true),
            ("Qualifier=", false),
            ("Qualifier=a%20b", false),
            ("Qualifier=PROD&Qualifier=PROD", false),
            ("MaxItems=10000&FunctionVersion=ALL", true),
            ("MaxItems=0", false),
            ("MaxItems=10001", false),
            ("MaxItems=many", false),
            ("FunctionVersion=1", false),
        ] {
            assert_eq!(check_query(query, &names).is_ok(), ok, "{query}");
        }

        let too_long = format!("Qualifier={}", "a".repeat(129));
        assert!(check_query(&too_long, &names).is_err());
    }
}
