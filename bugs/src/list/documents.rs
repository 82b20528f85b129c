//! File system policies, translated and merged: a replica must not be more open than its source.

use crate::bug::Bug;

const EFS_DOCUMENT: &str = "shared/src/efs/document.rs";
const BOOTSTRAP_PLAN: &str = "functions/bootstrap-efs-replication/src/plan.rs";

pub(super) const BUGS: &[Bug] = &[
    // Every statement of the source, and every one of the replica's own, stands.
    Bug {
        name: "a Deny of the source is dropped",
        file: EFS_DOCUMENT,
        from: "for statement in self::statements(source) {",
        to: r#"for statement in self::statements(source) {
        if statement.get("Effect") == Some(&json!("Deny")) {
            continue;
        }"#,
    },
    Bug {
        name: "statements that differ in their Condition are the same",
        file: EFS_DOCUMENT,
        from: r#".map(|members| members.remove("Sid"));"#,
        to: r#".map(|members| (members.remove("Sid"), members.remove("Condition")));"#,
    },
    Bug {
        name: "the replica's own statements are replaced",
        file: EFS_DOCUMENT,
        from: "let mut statements = replica.map(statements).unwrap_or_default();",
        to: "let mut statements: Vec<Value> = Vec::new();",
    },
    Bug {
        name: "the replica's own policy is not looked at",
        file: BOOTSTRAP_PLAN,
        from: "document::merged(of_source, policy.replica.as_ref(), &names)",
        to: "document::merged(of_source, None, &names)",
    },
    Bug {
        name: "two statements get one Sid",
        file: EFS_DOCUMENT,
        from: "with_fresh_sid(translated, &statements)",
        to: "translated",
    },
    Bug {
        name: "a list in another order is another statement",
        file: EFS_DOCUMENT,
        from: "            values.sort_by_key(Value::to_string);
",
        to: "",
    },
    Bug {
        name: "a list of one and its only member differ",
        file: EFS_DOCUMENT,
        from: "                1 => values.remove(0),
",
        to: "",
    },
    Bug {
        name: "a policy without a version gets the old one",
        file: EFS_DOCUMENT,
        from: r#".or_insert_with(|| json!("2012-10-17"));"#,
        to: r#".or_insert_with(|| json!("2008-10-17"));"#,
    },
    // A name means the same on the replica's side, or nothing.
    Bug {
        name: "ARNs are translated by their beginning",
        file: EFS_DOCUMENT,
        from: "if let Some(name) = names.get(text) {
        return Ok(name.clone());
    }",
        to: "if let Some((from, to)) = names.iter().find(|(from, _)| text.starts_with(from.as_str())) {
        return Ok(text.replacen(from.as_str(), to, 1));
    }",
    },
    Bug {
        name: "an access point without a counterpart stays in the policy",
        file: EFS_DOCUMENT,
        from: "if is_efs || is_network || leaves_region {",
        to: "if is_network || leaves_region {",
    },
    Bug {
        name: "a VPC of the source's Region stays in the policy",
        file: EFS_DOCUMENT,
        from: "if is_efs || is_network || leaves_region {",
        to: "if is_efs || leaves_region {",
    },
    Bug {
        name: "another resource of the source's Region stays in the policy",
        file: EFS_DOCUMENT,
        from: "if is_efs || is_network || leaves_region {",
        to: "if is_efs || is_network {",
    },
    Bug {
        name: "the source's own ARN is not translated",
        file: BOOTSTRAP_PLAN,
        from: "            names.insert(from.to_string(), to.to_string());
",
        to: "",
    },
];
