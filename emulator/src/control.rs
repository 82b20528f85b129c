//! The control API under `/local`: what an operator or a test does to the account, and sees of it.

use hyper::{Method, Response, body::Bytes, http::request::Parts};
use serde_json::{Value, json};

use crate::{
    cloud::Cloud,
    fault::Fault,
    lambda::{
        functions::Functions,
        responses::{Body, error, plain_json, plain_text},
    },
    world::World,
};

/// Answers a call to the control API.
pub(crate) fn answer(
    cloud: &Cloud,
    functions: &Functions,
    path: &[&str],
    parts: &Parts,
    body: &Bytes,
) -> Response<Body> {
    let answered = match (&parts.method, path) {
        (&Method::GET, ["logs", function]) => Ok(json!(functions.logs(function))),
        (&Method::GET, ["environment", function]) => {
            return plain_text(&exports(functions, function));
        }
        (&Method::GET, ["world"]) => Ok(json!(cloud.world())),
        (&Method::POST, ["world"]) => replace(cloud, body),
        (&Method::GET, ["journal"]) => {
            let journal = cloud.journal();
            let lines: Vec<String> = journal.iter().map(ToString::to_string).collect();
            Ok(json!(lines))
        }
        (&Method::POST, ["advance"]) => advance(cloud, body),
        (&Method::POST, ["faults"]) => inject(cloud, body),
        _ => {
            let message = "GET world, GET journal, GET logs/FUNCTION, GET environment/FUNCTION, \
                           POST world, POST advance, POST faults";
            return error(404, "UnknownOperationException", message);
        }
    };

    match answered {
        Ok(body) => plain_json(200, &body),
        Err(wrong) => error(400, "ValidationException", &wrong),
    }
}

/// The environment of a function that is started by hand, as commands of a shell.
fn exports(functions: &Functions, function: &str) -> String {
    let environment = functions.environment(function).into_iter();

    environment
        .map(|(name, value)| {
            // In single quotes a shell reads everything but a single quote as it is.
            let value = value.replace('\'', r"'\''");
            format!("export {name}='{value}'\n")
        })
        .collect()
}

fn replace(cloud: &Cloud, body: &Bytes) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|wrong| wrong.to_string())?;
    let world = World::from_json(text)?;

    cloud.replace(world);
    Ok(json!({ "now": cloud.world().now }))
}

fn advance(cloud: &Cloud, body: &Bytes) -> Result<Value, String> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let minutes = body.get("minutes").and_then(Value::as_i64);

    cloud.advance_minutes(minutes.ok_or("send {\"minutes\": N}, N from 0 to 525600")?)?;
    Ok(json!({ "now": cloud.world().now }))
}

fn inject(cloud: &Cloud, body: &Bytes) -> Result<Value, String> {
    let fault: Fault = serde_json::from_slice(body).map_err(|wrong| wrong.to_string())?;
    fault.check()?;

    cloud.inject(fault);
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        lambda::binaries::Binaries,
        world::{Deployment, World},
    };

    #[test]
    fn time_does_not_pass_beyond_the_years_of_a_world() {
        let cloud = Cloud::new(World {
            now: "2999-06-01T00:00:00Z".parse().unwrap(),
            ..World::empty()
        });
        let passes =
            |minutes: i64| advance(&cloud, &json!({ "minutes": minutes }).to_string().into());

        assert!(passes(60).is_ok());
        assert!(passes(525_600).unwrap_err().contains("2999"));
        assert!(passes(-1).unwrap_err().contains("not between"));
        assert!(passes(60).is_ok());
        World::from_json(&json!(cloud.world()).to_string()).unwrap();
    }

    #[test]
    fn a_world_replaces_the_account_and_its_clock_goes_on_from_its_own_time() {
        let cloud = Cloud::running(World::empty());
        let text = r#"{"account": "444455556666", "region": "eu-west-1",
            "now": "2030-01-01T00:00:00Z"}"#;

        replace(&cloud, &text.into()).unwrap();
        let world = cloud.world();
        assert_eq!(world.account, "444455556666");
        let age = world.now
            - "2030-01-01T00:00:00Z"
                .parse::<chrono::DateTime<_>>()
                .unwrap();
        assert!((0..60).contains(&age.num_seconds()), "{age}");

        assert!(replace(&cloud, &"{}".into()).is_err());
        assert_eq!(cloud.world().account, "444455556666");
    }

    #[test]
    fn exported_value_survives_the_quotes_of_a_shell() {
        let mut world = World::empty();
        let environment = [("NAME".to_owned(), "it's".to_owned())].into();
        let deployment = Deployment {
            environment,
            ..Deployment::default()
        };
        world.functions.insert("f".to_owned(), deployment);
        let functions = Functions::new(Cloud::new(world), Binaries::Fixed([].into()));

        let exports = exports(&functions, "f");
        assert!(exports.contains(r"export NAME='it'\''s'"), "{exports}");
    }
}
