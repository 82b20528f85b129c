//! A report on the screen: one line a target with a mark and a colour, what comes later below it,
//! refusals with who does what next, and one bold line at the end.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};

use crate::{
    console::{BAD, DIM, GOOD, HEAD, WARN},
    layout::Layout,
    report::{FOUND, NextStep, Report, Target},
    units,
};

/// A command to paste.
const COMMAND: Style = AnsiColor::Cyan.on_default();
/// How many targets are listed one by one.
const LISTED: usize = 20;
/// How many targets of a group are named.
const NAMED: usize = 10;
/// How far what belongs to a target stands in.
const INDENT: usize = 4;

/// How a report is shown.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Screen {
    /// Where the lines go.
    pub(crate) layout: Layout,
    /// Whether every target is listed, however many there are.
    pub(crate) all: bool,
}

/// What happens to a target, in one letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Indeterminate,
    Broken,
    Refused,
    Destroys,
    Creates,
    Changes,
    AlreadySo,
}

impl Mark {
    fn of(target: &Target) -> Self {
        // What happened decides before what was planned.
        let mut steps = target.steps_now();

        match target.outcome.as_str() {
            "indeterminate" | "retryable" => Self::Indeterminate,
            "permanent" | "failed" => Self::Broken,
            "refused" | "rejected" | FOUND => Self::Refused,
            "already_done" => Self::AlreadySo,
            // A look changes nothing.
            "done" if target.reason == "audited" => Self::AlreadySo,
            // What was not started, or is not seen yet, has destroyed nothing so far.
            "pending" if matches!(target.reason.as_str(), "out_of_time" | "not_seen_yet") => {
                Self::Changes
            }
            _ if target.steps_now().any(|step| step.destroys()) => Self::Destroys,
            _ if steps.any(|step| step.creates()) => Self::Creates,
            _ => Self::Changes,
        }
    }

    fn letter(self) -> &'static str {
        match self {
            Self::Indeterminate => "?",
            Self::Broken | Self::Refused => "!",
            Self::Destroys => "-",
            Self::Creates => "+",
            Self::Changes => "~",
            Self::AlreadySo => "=",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Indeterminate | Self::Broken | Self::Destroys => BAD,
            Self::Refused | Self::Changes => WARN,
            Self::Creates => GOOD,
            Self::AlreadySo => DIM,
        }
    }
}

impl Screen {
    /// The targets of a report, as lines.
    pub(crate) fn targets(self, report: &Report) -> Vec<String> {
        if self.all || report.targets.len() <= LISTED {
            let targets = report.targets.iter();
            return targets.flat_map(|target| self.target(target)).collect();
        }

        // In the order in which the first of each group stands in the request.
        let mut groups: Vec<Vec<&Target>> = Vec::new();
        for target in &report.targets {
            let mut known = groups.iter_mut();
            match known.find(|group| group.first().is_some_and(|first| alike(first, target))) {
                Some(group) => group.push(target),
                None => groups.push(vec![target]),
            }
        }
        groups
            .iter()
            .flat_map(|group| match group.as_slice() {
                [target] => self.target(target),
                group => self.group(group),
            })
            .collect()
    }

    /// One target.
    fn target(self, target: &Target) -> Vec<String> {
        let (mark, what) = (Mark::of(target), what(target));

        // A target that is named by its ID has no other name here.
        let style = mark.style();
        let first = format!("{style}{}{style:#} ", mark.letter());
        let id = match target.id().filter(|id| *id != target.name) {
            Some(id) => format!(" {DIM}{id}{DIM:#}"),
            None => String::new(),
        };
        let name = &target.name;

        let mut lines =
            self.layout
                .wrap(&first, INDENT, &format!("{HEAD}{name}{HEAD:#}{id}: {what}"));
        lines.extend(self.signs_of_life(target));
        lines.extend(self.listed_steps(target));
        lines.extend(self.later(target));
        for other in target.reasons.iter().skip(1) {
            lines.extend(self.below(&format!("also: {}", other.message)));
        }
        lines.extend(self.same_region(target));
        if wants_next_steps(target) {
            lines.extend(self.next_steps(&target.next_steps, ""));
        }
        lines
    }

    /// Several targets of which the same is said.
    fn group(self, targets: &[&Target]) -> Vec<String> {
        let Some(first) = targets.first() else {
            return Vec::new();
        };
        let (mark, count) = (Mark::of(first), targets.len());

        // A group is shown by its first target, with the figures of all.
        let style = mark.style();
        let letter = format!("{style}{}{style:#} ", mark.letter());
        let kind = if first.evidence.get("sourceSizeInBytes").is_some() {
            "file systems"
        } else {
            "servers"
        };
        let what = of_all(targets);

        let mut lines = self.layout.wrap(
            &letter,
            INDENT,
            &format!("{HEAD}{count} {kind}{HEAD:#}: {what}"),
        );
        lines.extend(self.below(&format!("{DIM}{}{DIM:#}", names(targets))));
        let live = targets.iter().filter(|target| is_live(target)).count();
        if live > 0 {
            lines.extend(self.below(&format!("{WARN}{live} of them live{WARN:#}")));
        }
        lines.extend(self.later(first));
        for other in first.reasons.iter().skip(1) {
            // Of the first, whose figures may be its own.
            lines.extend(self.below(&format!("also: {}", other.message)));
        }
        if wants_next_steps(first) {
            lines.extend(self.next_steps(&first.next_steps, " (for each; the first:)"));
        }
        lines
    }

    /// When a server that is to be disconnected last talked, and how far it is behind.
    fn signs_of_life(self, target: &Target) -> Vec<String> {
        // Evidence of another version of drover has none of them.
        if !goes(target) || target.evidence.get("agentSilentSeconds").is_none() {
            return Vec::new();
        }

        let silent = target.figure("agentSilentSeconds").map(units::seconds);
        let mut signs = match silent {
            Some(silent) if is_live(target) => {
                format!("{WARN}live{WARN:#}: agent seen {silent} ago")
            }
            Some(silent) => format!("{DIM}agent silent for {silent}{DIM:#}"),
            None => format!("{DIM}DRS does not say when the agent was seen{DIM:#}"),
        };
        if let Some(lag) = target.figure("lagSeconds") {
            signs += &format!("{DIM}, lag {}{DIM:#}", units::seconds(lag));
        }
        if let Some(error) = target.evidence.get("dataReplicationError")
            && let Some(error) = error.as_str()
        {
            signs += &format!("{DIM}, {error}{DIM:#}");
        }
        self.below(&signs)
    }

    /// Steps of which there are too many for one line.
    fn listed_steps(self, target: &Target) -> Vec<String> {
        let is_acting = matches!(target.outcome.as_str(), "planned" | "done" | "pending");
        if !is_acting || target.steps_now().count() <= 2 {
            return Vec::new();
        }

        let steps = target.steps_now();
        steps
            .flat_map(|step| {
                let letter = if step.creates() { "+" } else { "~" };
                self.below(&format!("{letter} {}", step.words(target.id())))
            })
            .collect()
    }

    /// The steps that come later, by what they wait for.
    fn later(self, target: &Target) -> Vec<String> {
        // They come one after the other, so that what they wait for stands once.
        let steps: Vec<_> = target.steps_later().collect();
        let mut lines = Vec::new();

        for group in steps.chunk_by(|step, next| step.when == next.when) {
            let words = group.iter().map(|step| step.words(target.id()));
            match group {
                [step] => {
                    let words: String = words.collect();
                    let line = format!("{DIM}{}: {words}{DIM:#}", step.awaits());
                    lines.extend(self.below(&line));
                }
                [step, ..] => {
                    lines.extend(self.below(&format!("{DIM}{}:{DIM:#}", step.awaits())));
                    for words in words {
                        lines.extend(self.below(&format!("{DIM}  {words}{DIM:#}")));
                    }
                }
                [] => {}
            }
        }
        lines
    }

    /// A replica that would share the fate of its source.
    fn same_region(self, target: &Target) -> Vec<String> {
        // EFS allows it, and few mean it.
        let source = target.resource.get("sourceFileSystemArn");
        let home = source
            .and_then(|arn| arn.as_str())
            .and_then(|arn| arn.split(':').nth(3));
        let wanted = target.target.get("region").and_then(|it| it.as_str());

        if home.is_none() || home != wanted {
            return Vec::new();
        }
        self.below(&format!(
            "{WARN}the replica is in the Region of its source, and would not survive its loss{WARN:#}"
        ))
    }

    /// Who has to do what next. A command is not wrapped, so that it can be pasted.
    fn next_steps(self, steps: &[NextStep], each: &str) -> Vec<String> {
        let mut lines = Vec::new();

        for step in steps {
            let (who, what) = (&step.who, &step.what);
            // What is the same for all has no command of its own.
            let each = if step.command.is_some() { each } else { "" };
            lines.extend(self.below(&format!("{WARN}{who}{WARN:#}: {what}{each}")));
            if let Some(command) = &step.command {
                lines.push(format!("{:INDENT$}  {COMMAND}{command}{COMMAND:#}", ""));
            }
        }
        lines
    }

    fn below(self, text: &str) -> Vec<String> {
        self.layout.wrap(&" ".repeat(INDENT), INDENT + 2, text)
    }

    /// When to look again, and how.
    pub(crate) fn look_again(self, report: &Report) -> Vec<String> {
        let Some(seconds) = report.look_again_after_seconds else {
            return Vec::new();
        };

        let how = match &report.next_request {
            Some(_) => "send the report's nextRequest, which --json prints",
            None => "send the same request again",
        };
        let when = units::seconds(seconds);
        self.layout.wrap(
            "",
            0,
            &format!("{WARN}look again in {when}{WARN:#}: {how}; after an event, the follow-up machine does"),
        )
    }

    /// The whole in one bold line.
    pub(crate) fn last_line(self, report: &Report) -> Vec<String> {
        let style = match worst(report) {
            Some(Mark::Indeterminate | Mark::Broken) => BAD,
            _ => HEAD,
        };

        self.layout
            .wrap("", 2, &format!("{style}{}{style:#}", last_words(report)))
    }
}

/// Whether two targets would have the same line, but for their names and figures.
fn alike(one: &Target, other: &Target) -> bool {
    // What each has of its own, names and figures, does not count.
    let steps = |target: &Target| -> Vec<(String, String)> {
        let steps = target.plan.iter();
        let told = steps.map(|step| (step.when.clone(), step.words(target.id())));
        told.collect()
    };
    let reasons = |target: &Target| -> Vec<String> {
        let reasons = target.reasons.iter();
        reasons.map(|stated| stated.reason.clone()).collect()
    };

    one.outcome == other.outcome
        && one.reason == other.reason
        && reasons(one) == reasons(other)
        && steps(one) == steps(other)
}

/// What is to be said of a target in one line.
fn what(target: &Target) -> String {
    let steps: Vec<String> = target
        .steps_now()
        .map(|step| step.words(target.id()))
        .collect();
    let loss = loss(std::slice::from_ref(&target));

    match target.outcome.as_str() {
        "planned" if steps.len() <= 2 => steps.join(", then ") + &loss,
        "planned" => format!("{} steps", steps.len()) + &loss,
        FOUND => target.message.clone(),
        // A look changes nothing that could be read back.
        "done" if target.reason == "audited" => target.message.clone(),
        "done" => match target.replica() {
            Some((id, region)) => format!("done, and read back: replica {id} in {region}"),
            None => "done, and read back".to_owned() + &loss,
        },
        "already_done" => {
            let message = &target.message;
            match target.replica() {
                Some((id, region)) => format!("already so, replica {id} in {region}"),
                None => format!("already so: {message}{loss}"),
            }
        }
        outcome => {
            let (outcome, message) = (outcome.replace('_', " "), &target.message);
            format!("{outcome}: {message}{loss}")
        }
    }
}

/// The same of several targets.
fn of_all(targets: &[&Target]) -> String {
    let Some(first) = targets.first() else {
        return String::new();
    };

    match first.outcome.as_str() {
        "planned" => {
            let steps: Vec<String> = first
                .steps_now()
                .map(|step| step.words(first.id()))
                .collect();
            steps.join(", then ") + &loss(targets)
        }
        "done" => "done, and read back".to_owned() + &loss(targets),
        _ => what(first),
    }
}

/// Whether a server is to be disconnected.
fn goes(target: &Target) -> bool {
    let mut steps = target.steps_now();

    target.outcome == "planned" && steps.any(|step| step.step == "DisconnectSourceServer")
}

/// Whether a server that is to be disconnected talked within the hour.
fn is_live(target: &Target) -> bool {
    let silent = target.figure("agentSilentSeconds");

    goes(target) && silent.is_some_and(|seconds| seconds < 3600)
}

/// What is lost for good by these targets together, or was lost.
fn loss(targets: &[&Target]) -> String {
    // Before, what would be lost; afterwards, what a read has shown to be.
    let has = |target: &&&Target| {
        target
            .steps_now()
            .any(|step| step.step.starts_with("Disconnect"))
    };
    let is_over = targets.iter().all(|target| target.outcome != "planned");
    let points = if is_over {
        "recoveryPointsLost"
    } else {
        "recoveryPoints"
    };
    if let [target] = targets
        && target.outcome == "planned"
        && target.steps_now().any(|step| step.overwrites())
    {
        let size = target.figure("replicaSizeInBytes").map(units::size);
        let size = size.unwrap_or_else(|| "an unknown size".to_owned());
        return format!("; destroys what it holds, {size}");
    }
    // A deletion destroys nothing itself, and ends what has.
    if targets.iter().all(|target| ends_a_loss(target)) {
        return lost_earlier(targets);
    }
    let losing: Vec<&&Target> = targets.iter().filter(has).collect();
    let has_lost = losing
        .first()
        .is_some_and(|target| matches!(target.outcome.as_str(), "planned" | "done" | "pending"));
    if !has_lost {
        return String::new();
    }

    // Figures of which one is not known have no sum.
    let sum = |name: &str| -> Option<u64> {
        let mut figures = losing.iter().map(|target| target.figure(name));
        figures.try_fold(0, |sum: u64, figure| Some(sum.saturating_add(figure?)))
    };
    let Some(count) = sum(points) else {
        return match is_over {
            true => String::new(),
            false => "; the recovery points that it destroys could not be counted".to_owned(),
        };
    };
    let destroys = if is_over { "destroyed" } else { "destroys" };
    let mut text = format!("; {destroys} {}", units::counted(count, "recovery point"));

    if let Some(bytes) = sum("replicatedBytes").filter(|_| !is_over) {
        text += &format!(" of {}", units::size(bytes));
    }
    let longest = losing
        .iter()
        .filter_map(|target| target.figure("replicationHours"))
        .max();
    if let Some(hours) = longest {
        let up_to = if losing.len() > 1 { "up to " } else { "" };
        text += &format!(", replicated for {up_to}{}", units::hours(hours));
    }
    text
}

/// Whether a target ends what its disconnect destroyed, as the request says.
fn ends_a_loss(target: &Target) -> bool {
    let is_ended = matches!(target.outcome.as_str(), "planned" | "done" | "already_done");

    is_ended && target.target.get("lost").is_some()
}

/// What the disconnect of these targets destroyed, where the request for the deletion says so.
fn lost_earlier(targets: &[&Target]) -> String {
    let figures = |name| {
        let figures = targets.iter().map(|target| target.lost_earlier(name));
        figures.collect::<Option<Vec<u64>>>()
    };
    let mut lost = Vec::new();

    // Of which one is not known, the sum is not.
    if let Some(points) = figures("recoveryPoints") {
        let points = points.into_iter().fold(0, u64::saturating_add);
        lost.push(units::counted(points, "recovery point"));
    }
    if let Some(longest) = figures("replicationHours").and_then(|it| it.into_iter().max()) {
        let up_to = if targets.len() > 1 { "up to " } else { "" };
        lost.push(format!("a replication of {up_to}{}", units::hours(longest)));
    }
    match lost.is_empty() {
        true => "; what disconnecting destroyed is not known of all".to_owned(),
        false => format!(
            "; disconnecting destroyed {}, as the request says",
            lost.join(" and ")
        ),
    }
}

/// The first names, and how many there are besides.
fn names(targets: &[&Target]) -> String {
    // Enough to recognise one's own request.
    let names: Vec<&str> = targets
        .iter()
        .take(NAMED)
        .map(|target| target.name.as_str())
        .collect();

    match targets.len() - names.len() {
        0 => names.join(", "),
        more => format!("{} and {more} more (--all lists them)", names.join(", ")),
    }
}

/// Whether somebody has to do something about a target. What is planned is carried out by leaving
/// plan mode, which the last line says once.
fn wants_next_steps(target: &Target) -> bool {
    !matches!(
        target.outcome.as_str(),
        "planned" | "done" | "already_done" | "pending"
    )
}

fn worst(report: &Report) -> Option<Mark> {
    report.targets.iter().map(Mark::of).min()
}

/// `Plan for CHG1: 3 to disconnect (111 recovery points destroyed), 3 refused.`
fn last_words(report: &Report) -> String {
    let is_audit = report.targets.iter().any(|it| it.reason == "audited");
    let Some(request) = report.request_id.as_ref().filter(|_| !is_audit) else {
        return report.summary.clone();
    };

    // In the order of the request, so that what was asked for first is told first.
    let mut groups: Vec<(String, Vec<&Target>)> = Vec::new();
    for target in &report.targets {
        let words = verb(target);
        match groups.iter_mut().find(|(known, _)| *known == words) {
            Some((_, targets)) => targets.push(target),
            None => groups.push((words, vec![target])),
        }
    }
    let parts = groups.into_iter().map(|(words, targets)| {
        let count = targets.len();
        // The loss stands with what causes it.
        match lost_points(&targets, report.is_plan()) {
            Some(points) => {
                let points = units::counted(points, "recovery point");
                format!("{count} {words} ({points} destroyed)")
            }
            None => format!("{count} {words}"),
        }
    });

    let what = if report.is_plan() { "Plan" } else { "Result" };
    let parts: Vec<String> = parts.collect();
    format!("{what} for {request}: {}.", parts.join(", "))
}

/// The recovery points that these targets lose together, if any does and all are known.
fn lost_points(targets: &[&Target], is_plan: bool) -> Option<u64> {
    let name = match is_plan {
        true => "recoveryPoints",
        false => "recoveryPointsLost",
    };
    let losing = targets.iter().filter(|target| {
        let is_meant = matches!(target.outcome.as_str(), "planned" | "done" | "pending");
        is_meant
            && target
                .steps_now()
                .any(|step| step.step.starts_with("Disconnect"))
    });

    // Of which one is not known, the sum is not.
    let figures: Vec<Option<u64>> = losing.map(|target| target.figure(name)).collect();
    match figures.is_empty() {
        true => None,
        false => figures
            .into_iter()
            .try_fold(0, |sum: u64, figure| Some(sum.saturating_add(figure?))),
    }
}

/// What happens to a target, as part of the last line.
fn verb(target: &Target) -> String {
    let is_planned = target.outcome == "planned";
    if !is_planned && target.outcome != "done" {
        let awaits_deletion = target.reason == "record_awaits_deletion";
        return match awaits_deletion {
            true => "disconnected, record to be deleted".to_owned(),
            false => target.outcome.replace('_', " "),
        };
    }

    // The step that matters most names the whole.
    let steps: BTreeMap<&str, ()> = target
        .steps_now()
        .map(|step| (step.step.as_str(), ()))
        .collect();
    let has = |step: &str| steps.contains_key(step);
    let (to, done) = match () {
        () if has("DisconnectSourceServer") => ("to disconnect", "disconnected"),
        () if has("DeleteSourceServer") => ("to delete", "deleted"),
        () if target.steps_now().any(|step| step.overwrites()) => {
            ("to replicate over existing contents", "replicated")
        }
        () if has("CreateReplicationConfiguration") => ("to replicate", "replicated"),
        () if target.evidence.get("sourceSizeInBytes").is_some() => ("to complete", "usable"),
        () => ("to finish", "finished"),
    };
    if is_planned { to } else { done }.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::report::tests::plan_of_two;

    fn read(report: Value) -> Report {
        serde_json::from_value(report).unwrap()
    }

    /// The lines without their colours.
    fn plain(lines: Vec<String>) -> Vec<String> {
        let plain = lines
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string());

        plain.collect()
    }

    fn targets(report: Value) -> Vec<String> {
        plain(Screen::default().targets(&read(report)))
    }

    #[test]
    fn each_target_has_a_line_with_what_is_lost_and_what_comes_later() {
        let expected = [
            "- web01 s-1: disconnect; destroys 37 recovery points of 120 GiB, replicated for 272 days",
            "    once AWS has removed the staging resources, within 90 minutes: delete the record",
            "! db02 s-2: refused: The approval tag is missing: drover:approved = CHG1",
            "    also: A DRS job is working on the server: drsjob-1",
            "    approver: Approve the change.",
            "      aws drs tag-resource --resource-arn s-2",
        ];

        assert_eq!(targets(plan_of_two()), expected);
    }

    #[test]
    fn a_server_that_talks_is_told_before_it_is_disconnected() {
        let signs = |evidence: Value| {
            let mut report = plan_of_two();
            let first = report["targets"][0]["evidence"].as_object_mut().unwrap();
            first.extend(evidence.as_object().unwrap().clone());
            targets(report)[1].clone()
        };

        let live = json!({ "agentSilentSeconds": 130, "lagSeconds": 0 });
        let expected = "    live: agent seen 2 minutes ago, lag 0 seconds";
        assert_eq!(signs(live), expected);
        let unseen = json!({ "agentSilentSeconds": null });
        let expected = "    DRS does not say when the agent was seen";
        assert_eq!(signs(unseen), expected);
        let silent = json!({
            "agentSilentSeconds": 260_000,
            "lagSeconds": null,
            "dataReplicationError": "AGENT_NOT_SEEN",
        });
        let expected = "    agent silent for 3 days, AGENT_NOT_SEEN";
        assert_eq!(signs(silent), expected);
    }

    #[test]
    fn a_deletion_says_what_its_disconnect_destroyed() {
        let mut report = plan_of_two();
        report["targets"] = json!([report["targets"][0].clone()]);
        let deleted = &mut report["targets"][0];
        deleted["outcome"] = json!("done");
        deleted["plan"] = json!([{ "step": "DeleteSourceServer", "when": "now" }]);
        deleted["target"]["lost"] = json!({ "recoveryPoints": 37, "replicationHours": 6528 });

        let destroyed = "37 recovery points and a replication of 272 days";
        let expected = format!(
            "- web01 s-1: done, and read back; disconnecting destroyed {destroyed}, as the request \
             says"
        );
        assert_eq!(targets(report.clone()), [expected]);
        let deletion = read(report);
        let ticket = crate::markdown::evidence(&deletion.targets[0]);
        let of_the_ticket = "recoveryPoints lost earlier, as the request says, 37";
        assert!(ticket.contains(of_the_ticket), "{ticket}");
    }

    #[test]
    fn the_last_line_counts_what_happens() {
        let last = |report: Value| plain(Screen::default().last_line(&read(report))).join("");
        let mut report = plan_of_two();
        let expected = "Plan for CHG1: 1 to disconnect (37 recovery points destroyed), 1 refused.";
        assert_eq!(last(report.clone()), expected);

        report["mode"] = json!("enforce");
        report["targets"][0]["outcome"] = json!("done");
        report["targets"][0]["evidence"]["recoveryPointsLost"] = json!(36);
        let expected = "Result for CHG1: 1 disconnected (36 recovery points destroyed), 1 refused.";
        assert_eq!(last(report), expected);
    }

    #[test]
    fn a_loss_is_counted_once_and_where_it_happens() {
        let mut report = plan_of_two();
        report["targets"][1] = json!({
            "name": "old01", "outcome": "pending", "reason": "record_awaits_deletion",
            "plan": [], "evidence": { "recoveryPoints": null },
        });

        let last = plain(Screen::default().last_line(&read(report))).join("");
        let expected = "Plan for CHG1: 1 to disconnect (37 recovery points destroyed), \
                        1 disconnected, record to be deleted.";
        assert_eq!(last, expected);
    }

    #[test]
    fn a_hundred_targets_are_a_screen() {
        let mut report = plan_of_two();
        let targets_of = |report: &Value| report["targets"].as_array().unwrap().clone();
        let both = targets_of(&report);
        report["targets"] = json!(vec![both; 50].concat());

        let lines = targets(report.clone());
        assert!(lines.len() <= 11, "{lines:#?}");
        assert_eq!(
            lines[0],
            "- 50 servers: disconnect; destroys 1850 recovery points of 5.9 TiB, replicated for up to 272 days"
        );
        assert!(lines[1].ends_with("web01 and 40 more (--all lists them)"));

        let all = Screen {
            all: true,
            ..Screen::default()
        };
        assert_eq!(all.targets(&read(report)).len(), 50 * 6);
    }

    #[test]
    fn a_loss_that_could_not_be_counted_is_told_as_such() {
        let mut report = plan_of_two();
        report["targets"][0]["evidence"]["recoveryPoints"] = Value::Null;

        let line = targets(report).remove(0);
        assert!(line.ends_with("could not be counted"), "{line}");
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_but_what_is_to_be_copied() {
        for width in [60, 200] {
            let screen = Screen {
                layout: Layout::of(Some(width)),
                all: false,
            };
            let lines = plain(screen.targets(&read(plan_of_two())));
            let too_wide = lines
                .iter()
                .filter(|line| line.len() > width && !line.contains("aws drs"));
            assert_eq!(too_wide.count(), 0, "{lines:#?}");
        }
    }

    #[test]
    fn every_step_of_a_replication_is_shown_before_anything_is_done() {
        let step = |step: &str, when: &str, sentence: &str| json!({ "step": step, "resource": null, "when": when, "sentence": sentence });
        let report = json!({
            "outcome": "planned", "mode": "plan", "requestID": "CHG1",
            "targets": [{
                "name": "fs-1",
                "target": { "sourceFileSystemId": "fs-1", "region": "us-east-1" },
                "resource": { "sourceFileSystemArn": "arn:aws:elasticfilesystem:us-east-1:1:file-system/fs-1" },
                "outcome": "planned",
                "evidence": { "sourceSizeInBytes": 6144 },
                "plan": [
                    step("CreateReplicationConfiguration", "now", "replicate to a new file system in us-east-1"),
                    step("CreateMountTarget", "replication_enabled", "create a mount target in subnet-1"),
                    step("TagResource", "replication_enabled", "set the tags Name"),
                    step("TagResource", "first_sync_complete", "set the tags drover:bootstrapped-by"),
                ],
            }],
        });

        let expected = [
            "+ fs-1: replicate to a new file system in us-east-1",
            "    once the replication is ENABLED:",
            "      create a mount target in subnet-1",
            "      set the tags Name",
            "    once the first sync is complete: set the tags drover:bootstrapped-by",
            "    the replica is in the Region of its source, and would not survive its loss",
        ];
        assert_eq!(targets(report.clone()), expected);
        let last = plain(Screen::default().last_line(&read(report)));
        assert_eq!(last, ["Plan for CHG1: 1 to replicate."]);
    }

    #[test]
    fn doubt_and_failure_come_before_everything_else() {
        let marks = ["indeterminate", "failed", "refused", "done", "already_done"].map(|outcome| {
            Mark::of(&Target {
                outcome: outcome.to_owned(),
                ..Target::default()
            })
        });

        assert!(marks.is_sorted());
        assert_eq!(marks.map(Mark::letter), ["?", "!", "!", "~", "="]);
    }
}
