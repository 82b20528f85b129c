//! What the judge is asked, and what it says.

use emulator::World;
use serde_json::{Value, json};

use crate::scenario::{Request, Scenario};

/// A request in a world that stands still but for the function itself.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) world: &'a World,
    pub(crate) scenario: &'a Scenario,
    pub(crate) request: &'a Request,
}

/// What must be answered to a request.
#[derive(Debug, PartialEq)]
pub(crate) struct Judgement {
    /// One for each target, in the order of the request.
    pub(crate) targets: Vec<Expected>,
    /// The request that the report hands on; null for none.
    pub(crate) next_request: Value,
}

/// What must be answered about one target, and done to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expected {
    pub(crate) outcome: &'static str,
    /// Every reason that holds; the report has one of them.
    pub(crate) reasons: Vec<&'static str>,
    /// The reasons that are told beside that one; `None` where the judge does not know.
    pub(crate) notes: Option<Vec<&'static str>>,
    /// The calls that change something.
    pub(crate) effects: Vec<Effect>,
    /// The sentences of the plan, as far as its steps are taken now.
    pub(crate) plan: Vec<String>,
    /// The calls of the steps that come later; `None` where the judge does not know them.
    pub(crate) later: Option<Vec<&'static str>>,
    /// Members of the evidence and their values; null for no evidence.
    pub(crate) evidence: Value,
    /// When to look again, in seconds.
    pub(crate) look_again: Option<u64>,
}

/// A call that changes something: what it is about, and what else it says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Effect {
    pub(crate) operation: &'static str,
    pub(crate) subject: String,
    pub(crate) content: Value,
}

impl Effect {
    /// The call in words, without what it does not say.
    pub(crate) fn in_words(operation: &str, subject: &str, content: &Value) -> String {
        match content {
            Value::Null => format!("{operation} of {subject}"),
            content => format!("{operation} of {subject} with {content}"),
        }
    }
}

impl Case<'_> {
    /// Whether the request may only be planned.
    pub(crate) fn is_plan(&self) -> bool {
        self.request.is_dry_run() || !self.scenario.enforces() || self.is_expired()
    }

    /// Whether the request has expired, so that nothing may be changed for it.
    pub(crate) fn is_expired(&self) -> bool {
        self.request.is_stale(self.world.now)
    }

    /// Whether the request names more targets than the deployment allows.
    pub(crate) fn is_over_max_targets(&self) -> bool {
        self.request.targets().len() > self.scenario.number("MAX_TARGETS", 10)
    }
}

impl Judgement {
    /// Every change that must be made, in words.
    pub(crate) fn effects(&self) -> Vec<String> {
        let effects = self.targets.iter().flat_map(|target| &target.effects);

        effects
            .map(|it| Effect::in_words(it.operation, &it.subject, &it.content))
            .collect()
    }
}

impl Expected {
    /// Adds a member to the evidence.
    pub(crate) fn show(&mut self, member: &str, value: Value) {
        if let Some(members) = self.evidence.as_object_mut() {
            members.insert(member.to_owned(), value);
        } else {
            self.evidence = json!({ member: value });
        }
    }

    /// What is answered where nothing is done.
    pub(crate) fn said(outcome: &'static str, reasons: Vec<&'static str>) -> Self {
        Self {
            outcome,
            reasons,
            notes: Some(Vec::new()),
            effects: Vec::new(),
            plan: Vec::new(),
            later: (outcome == "refused").then(Vec::new),
            evidence: Value::Null,
            look_again: None,
        }
    }
}

/// The world in which an attempt began, while nothing but the attempt has changed it since.
#[derive(Debug, Clone)]
pub(crate) struct Calm {
    pub(crate) world: World,
    /// How much had disturbed the simulation by then.
    pub(crate) disturbances: u64,
}

/// The reasons that hold.
pub(crate) fn holding(reasons: &[(bool, &'static str)]) -> Vec<&'static str> {
    let holding = reasons.iter().filter(|(holds, _)| *holds);

    holding.map(|(_, reason)| *reason).collect()
}

/// What is wrong by the first rule that does not hold.
pub(crate) fn broken(rules: &[(bool, &'static str)]) -> Option<&'static str> {
    let broken = rules.iter().find(|(holds, _)| !holds);

    broken.map(|(_, wrong)| *wrong)
}
