//! The template as a seed deploys it.

use serde_json::Value;
use template::{Deployment, TRIGGERS, text_of};

use crate::{
    constants::REPLICATION_ROLE,
    dice::chance,
    record::Subject,
    scenario::{Scenario, Variables},
};

/// The parameters of the template that the variables of the functions come from.
const PARAMETERS: [(&str, &str); 9] = [
    ("MODE", "Mode"),
    ("ALLOW_DELETE", "AllowDelete"),
    ("MAX_TARGETS", "MaxTargets"),
    ("MAX_SHARE_PERCENT", "MaxSharePercent"),
    ("REQUIRE_SILENT_MINUTES", "RequireSilentMinutes"),
    ("VERIFY_CLEANUP", "VerifyCleanup"),
    ("ORIGIN_ACCOUNTS", "SourceAccounts"),
    ("REPLICA_REGIONS", "ReplicaRegions"),
    ("REPLICA_DEFAULTS", "ReplicaDefaults"),
];

/// A stack, and the function in it that is simulated.
pub(super) struct Stack {
    pub(super) deployment: Deployment,
    /// The parameters that were given.
    pub(super) given: Vec<(&'static str, String)>,
    /// The logical ID of the function.
    pub(super) function: String,
    pub(super) function_arn: String,
    /// What is invoked: the alias of the version that is deployed.
    pub(super) alias_arn: String,
}

impl Stack {
    /// A stack with what the scenario wants of it, and with triggers and limits by chance.
    pub(super) fn draw(rng: &mut fastrand::Rng, subject: &Subject, scenario: &Scenario) -> Self {
        let mut given = of_variables(scenario);

        // Most triggers are on: what is off is tried by what must not start anything.
        for (trigger, _) in TRIGGERS {
            let state = if chance(rng, 85) {
                "ENABLED"
            } else {
                "DISABLED"
            };
            given.push((trigger, state.to_owned()));
        }
        let mut pick = |name, values: &[&str]| {
            let value = rng.choice(values).copied().unwrap_or_default();
            given.push((name, value.to_owned()));
        };
        pick("EventBusName", &["default", "requests"]);
        pick("Functions", &["all", "all", subject.function.stack()]);
        pick("NotificationEmail", &["", "people@example.org"]);
        pick("FleetConcurrency", &["1", "2", "4", "10"]);
        pick("FleetToleratedFailurePercentage", &["0", "10", "50", "100"]);
        // Now and then operators have stopped the function.
        let reserved = ["5", "5", "5", "5", "5", "5", "5", "2", "1", "1", "-1", "0"];
        pick("ReservedConcurrency", &reserved);

        Self::new(subject, given)
    }

    /// A stack with what the scenario wants of it and some parameters besides, and with every other
    /// parameter at its default.
    pub(super) fn given(
        subject: &Subject,
        scenario: &Scenario,
        parameters: &[(&'static str, &str)],
    ) -> Self {
        let mut given = of_variables(scenario);
        given.extend(
            parameters
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );

        // Checks ask what was deployed, so that a default is said as well.
        for (name, declaration) in Deployment::declared() {
            let is_given = given.iter().any(|(known, _)| *known == name);
            if let Some(default) = declaration.get("Default").filter(|_| !is_given) {
                given.push((name, text_of(default)));
            }
        }
        Self::new(subject, given)
    }

    fn new(subject: &Subject, given: Vec<(&'static str, String)>) -> Self {
        // Reading the template is most of what a short simulation takes.
        let borrowed: Vec<(&str, &str)> = given
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let deployment = Deployment::with(&borrowed);
        let function = deployment.function(subject.name()).to_owned();

        Self {
            function_arn: deployment.arn(&function),
            alias_arn: deployment.alias(&function),
            function,
            given,
            deployment,
        }
    }

    /// The value of a parameter that was given.
    pub(super) fn parameter(&self, name: &str) -> &str {
        let given = self.given.iter().find(|(given, _)| *given == name);

        given.map_or("", |(_, value)| value.as_str())
    }

    /// Whether a trigger is on, as whoever deploys wants it.
    pub(super) fn has(&self, trigger: &str) -> bool {
        self.parameter(trigger) == "ENABLED"
    }

    /// The properties of the function.
    pub(super) fn properties(&self) -> &Value {
        self.deployment.properties(&self.function)
    }

    /// A number in the properties of the function, which a parameter gives as text.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        // A property that is left out has no number.
        let value = self.properties().get(name)?;

        text_of(value).parse().ok()
    }

    /// The environment that the template gives the function.
    pub(super) fn variables(&self, subject: &Subject) -> Variables {
        // What the function does not read changes nothing.
        let given = &self.properties()["Environment"]["Variables"];
        let known = subject.function.variables.iter();

        known
            .filter_map(|name| Some((*name, text_of(given.get(*name)?))))
            .collect()
    }

    /// The resource of a type with this ARN, by its logical ID.
    pub(super) fn by_arn(&self, kind: &str, arn: &str) -> Option<&str> {
        let resources = self.deployment.of_type(kind).into_iter();

        let mut names = resources.map(|(name, _)| name);
        names.find(|name| self.deployment.arn(name) == arn)
    }

    /// The properties of the queue with this name.
    pub(super) fn queue_named(&self, name: &str) -> &Value {
        let queues = self.deployment.of_type("AWS::SQS::Queue").into_iter();

        let mut found = queues.filter(|(queue, _)| self.deployment.arn(queue).ends_with(name));
        let (_, properties) = found
            .next()
            .expect("a letter is in a queue of the template");
        properties
    }

    /// How many invocations may run at the same time, as whoever deploys wants it.
    pub(super) fn reserved(&self) -> Option<usize> {
        self.parameter("ReservedConcurrency").parse().ok()
    }

    /// The first resource of a type whose property refers to something.
    pub(super) fn with(&self, kind: &str, property: &str, value: &str) -> Option<&Value> {
        let resources = self.deployment.of_type(kind).into_iter();

        let mut properties = resources.map(|(_, properties)| properties);
        properties.find(|properties| properties[property] == value)
    }
}

/// The parameters that the variables of a scenario come from.
fn of_variables(scenario: &Scenario) -> Vec<(&'static str, String)> {
    let mut given = vec![("ReplicationRoleArn", REPLICATION_ROLE.to_owned())];
    for (variable, parameter) in PARAMETERS {
        let value = scenario.variable(variable);
        given.extend(value.map(|value| (parameter, value.to_owned())));
    }

    given
}
