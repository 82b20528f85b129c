//! Whatever stands in the environment, the function starts with a policy or stops with a sentence;
//! and it changes something only where it is told to.

#![no_main]

use bootstrap_efs_replication::Policy;
use libfuzzer_sys::fuzz_target;
use shared::{Mode, guardrails::Approval};

fuzz_target!(|text: &str| {
    let lookup = fuzz::environment(&Policy::VARIABLES, text);
    if let Ok(policy) = Policy::from_lookup(&lookup) {
        let guardrails = policy.guardrails;
        assert_eq!(
            guardrails.mode == Mode::Enforce,
            lookup("MODE").as_deref() == Some("enforce")
        );
        assert!((1..=100).contains(&guardrails.max_targets));

        let Approval::Tag(approval) = guardrails.approval else {
            panic!("an overwrite needs an approval")
        };
        let protection = guardrails.protection_tag;
        assert!(approval != protection && approval != "none" && protection != "none");

        let everywhere = lookup("REPLICA_REGIONS").is_none_or(|regions| regions == "*");
        assert_eq!(policy.replica_regions.is_none(), everywhere);
        assert!(
            policy
                .replica_regions
                .is_none_or(|regions| !regions.is_empty())
        );
    }
});
