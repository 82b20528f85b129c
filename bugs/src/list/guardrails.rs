//! Mode, approval, protection and limits, and the variables that set them.

use crate::bug::Bug;

const GUARDRAILS: &str = "shared/src/guardrails.rs";
const VARIABLES: &str = "shared/src/variables.rs";

pub(super) const BUGS: &[Bug] = &[
    // An approval is of one request, letter by letter, and does not lift protection.
    Bug {
        name: "an approval is compared without regard to case",
        file: GUARDRAILS,
        from: "Some(approved) if approved == request.as_ref() => Ok(()),",
        to: "Some(approved) if approved.eq_ignore_ascii_case(request.as_ref()) => Ok(()),",
    },
    Bug {
        name: "an approval of another request counts",
        file: GUARDRAILS,
        from: "Some(approved) if approved == request.as_ref() => Ok(()),",
        to: "Some(approved) if approved == request.as_ref() || !approved.is_empty() => Ok(()),",
    },
    Bug {
        name: "the approval of another request is removed",
        file: GUARDRAILS,
        from: "(approved == request.as_ref()).then_some(key.as_str())",
        to: "Some(key.as_str())",
    },
    Bug {
        name: "a protection tag of false protects nothing",
        file: GUARDRAILS,
        from: "if self.protection_of(tags).is_some() {",
        to: r#"if tags.get(&self.protection_tag).is_some_and(|value| value != "false") {"#,
    },
    Bug {
        name: "an approval lifts protection",
        file: GUARDRAILS,
        from: "        self.against_protected(tags)
            .into_iter()
            .chain(",
        to: "        self.against_protected(tags)
            .filter(|_| approval.is_some())
            .into_iter()
            .chain(",
    },
    Bug {
        name: "one target more than MAX_TARGETS is taken",
        file: GUARDRAILS,
        from: "if count > self.max_targets {",
        to: "if count > self.max_targets + 1 {",
    },
    Bug {
        name: "the weaker of two modes does not win",
        file: GUARDRAILS,
        from: "requested.min(self.mode)",
        to: "requested.max(self.mode)",
    },
    Bug {
        name: "the protection tag is copied to the replica",
        file: GUARDRAILS,
        from: "approval || key.eq_ignore_ascii_case(&self.protection_tag)",
        to: "approval",
    },
    // The deployment's defaults are strict, and some of its rules cannot be switched off.
    Bug {
        name: "a fresh deployment enforces",
        file: GUARDRAILS,
        from: r#"value("MODE", "plan")"#,
        to: r#"value("MODE", "enforce")"#,
    },
    Bug {
        name: "approvals of overwrites can be switched off",
        file: GUARDRAILS,
        from: "if approval == OFF && rule == ApprovalRule::Mandatory {",
        to: "if approval.is_empty() && rule == ApprovalRule::Mandatory {",
    },
    Bug {
        name: "protection can be switched off",
        file: GUARDRAILS,
        from: "if protection == OFF {",
        to: "if protection.is_empty() {",
    },
    Bug {
        name: "one tag may approve and protect",
        file: GUARDRAILS,
        from: "if protection == approval {",
        to: "if protection.is_empty() {",
    },
    Bug {
        name: "a mode is read without regard to case",
        file: VARIABLES,
        from: r#"match found.as_str() {
        "plan""#,
        to: r#"match found.to_lowercase().as_str() {
        "plan""#,
    },
    Bug {
        name: "a limit may be zero",
        file: VARIABLES,
        from: "number(name, found, 1..=100, ",
        to: "number(name, found, 0..=100, ",
    },
    Bug {
        name: "a tag key may end with a space",
        file: VARIABLES,
        from: "        && found.trim() == found
",
        to: "",
    },
    Bug {
        name: "1 counts as true",
        file: VARIABLES,
        from: r#""true" => Ok(true),"#,
        to: r#""true" | "1" => Ok(true),"#,
    },
    Bug {
        name: "a protection in another case does not count",
        file: GUARDRAILS,
        from: "let is_protection = |key: &&String| key.eq_ignore_ascii_case(&self.protection_tag);",
        to: "let is_protection = |key: &&String| key.as_str() == self.protection_tag;",
    },
    Bug {
        name: "a replica inherits a protection in another case",
        file: GUARDRAILS,
        from: "approval || key.eq_ignore_ascii_case(&self.protection_tag)",
        to: "approval || key == self.protection_tag",
    },
    Bug {
        name: "a refusal names the protection that is not there",
        file: GUARDRAILS,
        from: r#"                .detail(tag)
                .fact("tag", tag),"#,
        to: r#"                .detail(tag)
                .fact("tag", self.protection_tag.as_str()),"#,
    },
];
