//! The tables that are generated from the code and the template.

use serde::Serialize;
use serde_json::Value;
use shared::{
    Explain, FailedCall, FaultKind, Outcome, RejectionCode, code,
    settle::{Change, ReadBack, Settled, settle},
};
use strum::EnumMessage;
use template::{Deployment, text_of};

use super::{
    read,
    sections::{check_sections, section, table},
    sources,
};

/// The comment of a variant, as one line.
pub(super) fn meaning(variant: &impl EnumMessage) -> String {
    let documentation = variant.get_documentation().unwrap_or_default();

    one_line(documentation.lines())
}

fn one_line<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();

    words.join(" ")
}

pub(super) fn quoted(variant: impl Serialize) -> String {
    format!("`{}`", code(variant))
}

fn outcomes() -> String {
    let rows = Outcome::ALL.iter().map(|outcome| {
        let answer = match outcome.error_type() {
            Some(error_type) => format!("error `{error_type}`"),
            None => "Ok".to_owned(),
        };
        [quoted(outcome), meaning(outcome), answer]
    });

    table(["outcome", "meaning", "Lambda's answer"], rows)
}

fn faults() -> String {
    let rows = FaultKind::ALL.iter().map(|kind| {
        let call = FailedCall::new("TagResource", *kind);
        [
            quoted(kind),
            meaning(kind),
            quoted(Outcome::of_fault(&call.fault)),
            quoted(outcome_of_change(&call)),
        ]
    });

    table(["fault", "meaning", "failed read", "failed change"], rows)
}

/// The outcome of a call that was to change something, was repeated by the SDK, and that no read
/// shows.
fn outcome_of_change(call: &FailedCall) -> Outcome {
    let change = Change::Failed {
        call,
        repeats: true,
    };

    match settle(change, ReadBack::NotShown) {
        Settled::Concluded(conclusion) => conclusion.outcome,
        other => panic!("{other:?}"),
    }
}

fn rejections() -> String {
    let rows = RejectionCode::ALL
        .iter()
        .map(|rejection| [quoted(rejection), meaning(rejection)]);

    table(["rejection", "meaning"], rows)
}

/// The parameters of the template, with their defaults and allowed values.
fn parameters() -> String {
    let rows = Deployment::declared().map(|(name, declaration)| {
        let default = match text_of(&declaration["Default"]).as_str() {
            "" => "empty".to_owned(),
            default => format!("`{default}`"),
        };
        [
            format!("`{name}`"),
            default,
            allowed(declaration),
            text_of(&declaration["Description"]),
        ]
    });

    table(["parameter", "default", "allowed", "meaning"], rows)
}

/// The values that a parameter of the template allows.
fn allowed(declaration: &Value) -> String {
    let values = declaration["AllowedValues"].as_array();
    let range = (declaration.get("MinValue"), declaration.get("MaxValue"));

    match (values, range) {
        (Some(values), _) => {
            let values: Vec<String> = values.iter().map(text_of).collect();
            values.join(", ")
        }
        (None, (Some(least), Some(most))) => format!("{} to {}", text_of(least), text_of(most)),
        _ => String::new(),
    }
}

#[test]
fn the_reference_lists_what_code_and_template_define() {
    check_sections(
        "docs/reference.md",
        &[
            ("report", members("pub struct Report {")),
            ("invocation", members("pub struct Processed {")),
            ("target", members("pub struct TargetReport {")),
            ("reason", members("pub struct StatedReason {")),
            ("next-step", members("pub struct NextStep {")),
            ("step", members("pub struct PlannedStep {")),
            ("when", whens()),
            ("call", members("pub struct Call {")),
            ("audit", members("pub struct Audit {")),
            ("found", members("pub struct Found {")),
            ("outcomes", outcomes()),
            ("faults", faults()),
            ("rejections", rejections()),
            ("parameters", parameters()),
        ],
    );
}

/// The reasons of a function. The outcomes that each stands with are written by hand.
fn reasons<R: Explain + EnumMessage>(readme: &str, all: &[R]) -> String {
    let written = read(readme);
    let written = section(&written, "reasons");
    let outcomes = |reason: &str| {
        let row = written
            .lines()
            .find(|line| line.starts_with(&format!("| {reason} |")));
        let cell = row.and_then(|row| row.split('|').nth(2));
        cell.unwrap_or("?").trim().to_owned()
    };

    let rows = all.iter().map(|reason| {
        let name = quoted(reason);
        let wait = match reason.look_again_after_seconds() {
            Some(seconds) => format!("{} min", seconds / 60),
            None => String::new(),
        };
        [name.clone(), outcomes(&name), meaning(reason), wait]
    });
    table(["reason", "with", "meaning", "look again after"], rows)
}

const DISCONNECT: &str = "functions/disconnect-source-server/README.md";
const BOOTSTRAP: &str = "functions/bootstrap-efs-replication/README.md";
const AUDIT_SERVERS: &str = "functions/audit-source-servers/README.md";
const AUDIT_FILE_SYSTEMS: &str = "functions/audit-file-systems/README.md";

/// What an audit can find, the worst first.
fn findings<F: EnumMessage + Serialize>(all: &[F]) -> String {
    let rows = all
        .iter()
        .map(|finding| [quoted(finding), meaning(finding)]);

    table(["finding", "meaning"], rows)
}

#[test]
fn each_function_lists_its_reasons() {
    let disconnect = reasons(DISCONNECT, disconnect_source_server::reason::Reason::ALL);
    check_sections(DISCONNECT, &[("reasons", disconnect)]);

    let bootstrap = reasons(BOOTSTRAP, bootstrap_efs_replication::reason::Reason::ALL);
    check_sections(BOOTSTRAP, &[("reasons", bootstrap)]);

    let servers = reasons(AUDIT_SERVERS, audit_source_servers::reason::Reason::ALL);
    let found = findings(audit_source_servers::finding::Finding::ALL);
    check_sections(AUDIT_SERVERS, &[("reasons", servers), ("findings", found)]);

    let all = audit_file_systems::reason::Reason::ALL;
    let file_systems = reasons(AUDIT_FILE_SYSTEMS, all);
    let found = findings(audit_file_systems::finding::Finding::ALL);
    check_sections(
        AUDIT_FILE_SYSTEMS,
        &[("reasons", file_systems), ("findings", found)],
    );
}

#[test]
fn each_reason_stands_with_outcomes() {
    let known: Vec<String> = Outcome::ALL.iter().map(code).collect();

    for readme in [DISCONNECT, BOOTSTRAP, AUDIT_SERVERS, AUDIT_FILE_SYSTEMS] {
        let text = read(readme);
        let rows = section(&text, "reasons").lines().skip(3);
        for row in rows {
            let outcomes = row.split('|').nth(2).unwrap();
            let are_known = outcomes
                .split(", ")
                .all(|outcome| known.iter().any(|known| known == outcome.trim()));
            assert!(
                are_known,
                "{readme}: write the outcomes of this reason: {row}"
            );
        }
    }
}

/// A variant or a field of a type, with its comment, as the source has it.
struct Documented {
    name: String,
    comment: String,
}

/// The variants of an enum, or the fields of a struct, from the line that declares it.
fn documented(room: &str, declaration: &str) -> Vec<Documented> {
    let files = sources(room).into_iter().map(read);
    let whole: String = files.collect();
    let (_, body) = whole.split_once(declaration).unwrap();
    let (body, _) = body.split_once("\n}").unwrap();

    let mut items = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    let mut rename = None;
    let mut is_skipped = false;
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment.push(text);
        } else if let Some(name) = line.strip_prefix("#[serde(rename = \"") {
            rename = name.split('"').next();
        } else if line == "#[serde(skip)]" {
            is_skipped = true;
        } else if !line.is_empty() && !line.starts_with('#') {
            let own = line
                .trim_start_matches("pub ")
                .split([':', ',', '('])
                .next();
            let item = Documented {
                name: rename.take().or(own).unwrap().to_owned(),
                comment: one_line(comment.drain(..)),
            };
            if !std::mem::take(&mut is_skipped) {
                items.push(item);
            }
        }
    }
    items
}

/// The members of a struct of the report.
fn members(declaration: &str) -> String {
    let members = documented("shared/src", declaration).into_iter();
    let rows = members.map(|member| [format!("`{}`", camel_case(&member.name)), member.comment]);

    table(["member", "meaning"], rows)
}

/// `HangAfter` as `hang_after`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// `page_size` as `pageSize`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1);
        camel.push_str(&first.to_uppercase());
        camel.push_str(rest);
    }
    camel
}

/// What a step of a plan may wait for.
fn whens() -> String {
    let variants = documented("shared/src", "pub enum When {").into_iter();
    let rows = variants.map(|when| [format!("`{}`", snake_case(&when.name)), when.comment]);

    table(["when", "what the step waits for"], rows)
}

/// The kinds of faults that the emulator injects.
fn injected_faults() -> String {
    let kinds = documented("emulator/src", "pub enum FaultKind {");
    assert_eq!(kinds.len(), emulator::FaultKind::ALL.len());

    let rows = kinds
        .into_iter()
        .map(|kind| [format!("`{}`", snake_case(&kind.name)), kind.comment]);
    table(["kind", "what the caller meets"], rows)
}

/// The switches for what the documentation of AWS leaves open, with their defaults.
fn switches() -> String {
    let defaults = serde_json::to_value(emulator::World::empty().behaviour).unwrap();

    let switches = documented("emulator/src", "pub struct Behaviour {");
    let rows = switches.into_iter().map(|switch| {
        let name = camel_case(&switch.name);
        let default = text_of(&defaults[&name]);
        [format!("`{name}`"), format!("`{default}`"), switch.comment]
    });
    table(["switch", "default", "what it decides"], rows)
}

/// The size of a page changes nothing of what is done.
#[test]
fn every_switch_of_the_emulator_is_a_question_with_a_probe() {
    let reference = read("docs/reference.md");
    let questions = reference.split("## What only an account can tell").nth(1);
    let lines = questions.unwrap().lines();
    let entries: Vec<&str> = lines.filter(|line| line.starts_with("- ")).collect();

    for switch in documented("emulator/src", "pub struct Behaviour {") {
        let name = format!("`{}`", camel_case(&switch.name));
        let is_size = ["`pageSize`", "`longestPage`"].contains(&name.as_str());
        let is_asked = entries.iter().any(|entry| entry.contains(&name));
        assert!(is_asked || is_size, "{name}");
    }
    for entry in entries {
        assert!(entry.contains("*Probe:*"), "{entry}");
    }
}

#[test]
fn the_guide_to_the_emulator_lists_faults_and_switches() {
    check_sections(
        "docs/emulator.md",
        &[("faults", injected_faults()), ("behaviour", switches())],
    );
}

#[test]
fn names_of_the_code_are_written_as_json_has_them() {
    assert_eq!(snake_case("HangAfter"), "hang_after");
    assert_eq!(
        camel_case("disconnect_answers_as_before"),
        "disconnectAnswersAsBefore"
    );
    assert_eq!(camel_case("page_size"), "pageSize");
}
