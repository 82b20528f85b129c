//! Whatever stands in the environment, a function starts with a policy or stops with a sentence, and changes something
//! only where it is told to.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::Mode;

fuzz_target!(|text: &str| {
    let mut lines = text.lines().map(str::to_owned);
    let values: Vec<Option<String>> = (0..7).map(|_| lines.next()).collect();
    let of = |names: &[&str], name: &str| values[names.iter().position(|known| *known == name)?].clone();
    let enforces = values[0].as_deref() == Some("enforce");
    let names = disconnect_source_server::Policy::VARIABLES;
    if let Ok(policy) = disconnect_source_server::Policy::from_lookup(|name| of(&names, name)) {
        assert_eq!(policy.mode == Mode::Enforce, enforces);
        assert!((1..=100).contains(&policy.max_targets) && (1..=100).contains(&policy.max_share_percent));
    }
    let names = bootstrap_efs_replication::Policy::VARIABLES;
    if let Ok(policy) = bootstrap_efs_replication::Policy::from_lookup(|name| of(&names, name)) {
        assert_eq!(policy.mode == Mode::Enforce, enforces);
        assert!((1..=100).contains(&policy.max_targets) && policy.approval_tag != policy.protection_tag);
    }
});
