//! Whatever stands in the environment, the function starts with a policy or stops with a sentence;
//! and it changes something only where it is told to.

#![no_main]

use disconnect_source_server::Policy;
use libfuzzer_sys::fuzz_target;
use shared::{Mode, guardrails::Approval};

fuzz_target!(|text: &str| {
    let lookup = fuzz::environment(&Policy::VARIABLES, text);
    if let Ok(policy) = Policy::from_lookup(&lookup) {
        assert_eq!(
            policy.guardrails.mode == Mode::Enforce,
            lookup("MODE").as_deref() == Some("enforce")
        );
        assert_eq!(
            policy.allow_delete,
            lookup("ALLOW_DELETE").as_deref() == Some("true")
        );
        assert_eq!(
            policy.guardrails.approval == Approval::NotRequired,
            lookup("APPROVAL_TAG").as_deref() == Some("none")
        );
        assert!(
            (1..=100).contains(&policy.guardrails.max_targets)
                && (1..=100).contains(&policy.max_share_percent)
        );

        let protection = policy.guardrails.protection_tag;
        assert!(protection != "none");
        assert!(policy.guardrails.approval != Approval::Tag(protection));
    }
});
