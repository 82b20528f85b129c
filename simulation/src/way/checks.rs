//! What must hold once everything has ended: nothing that was put is lost, and nothing is told
//! twice.

use crate::way::{
    account::Account,
    alarms::{self, Complaint},
    hop::Tag,
    promises::{is_final, promised},
    queue,
    trace::{Expected, Put, Reached, Trace},
};

/// Checks the whole record.
pub(super) fn check(account: &Account) {
    // All are collected first: a complaint is recorded in what is read here.
    let mut complaints = Vec::new();
    let trace = account.trace.borrow();
    for number in 0..trace.puts.len() {
        complaints.extend(of_put(&trace, number));
    }
    for number in 0..trace.chains.len() {
        complaints.extend(of_chain(&trace, number));
    }
    for fact in &trace.facts {
        let promised = promised(fact, &trace.puts[trace.chains[fact.chain].put]);
        complaints.extend(
            of_fact(promised, fact.reached, fact.duplicates).map(|complaint| {
                let (origin, truth) = (&fact.origin, &fact.truth);
                let text = format!("{complaint}; it came from {origin:?}: {truth:?}");
                (tag_of(fact.chain), 2, text.chars().take(600).collect())
            }),
        );
    }
    complaints.extend(alarms::check(account, &trace));
    drop(trace);

    for tag in queue::left(account) {
        complaints.push((tag, 8, "a message is still in its queue".to_owned()));
    }
    for (tag, invariant, text) in complaints {
        account.violate(tag, invariant, &text);
    }
}

fn tag_of(chain: usize) -> Tag {
    Tag { chain, fact: None }
}

/// The first chain of what was put.
fn first_chain(trace: &Trace, put: usize) -> usize {
    let mut chains = trace.chains.iter();

    chains
        .position(|chain| chain.put == put)
        .unwrap_or_default()
}

/// What was put is delivered once, and once more for each duplicate.
fn of_put(trace: &Trace, number: usize) -> Option<Complaint> {
    let put = &trace.puts[number];
    let once = matches!(put.expected, Expected::Result | Expected::Processed);
    let expected = usize::from(once) + put.duplicates;
    if put.deliveries == expected {
        return None;
    }

    let Put {
        what, deliveries, ..
    } = put;
    let complaint = format!("{what} was delivered {deliveries} times, where {expected} is right");
    Some((tag_of(first_chain(trace, number)), 2, complaint))
}

/// A chain ends once: in a final result, a message that is processed, or a dead letter.
fn of_chain(trace: &Trace, number: usize) -> Option<Complaint> {
    // The results that tell how it ended, whoever told them.
    let chain = &trace.chains[number];
    let put = &trace.puts[chain.put];
    let facts = trace.facts.iter().filter(|fact| fact.chain == number);
    let results = facts.filter(|fact| is_final(fact)).count();
    // A letter that tells a result counts where the result does.
    let letters = trace.letters.iter();
    let letters = letters
        .filter(|letter| letter.tag.chain == number && letter.tag.fact.is_none())
        .count()
        + chain.unstarted;

    let is_first = first_chain(trace, chain.put) == number;
    let found = (results, chain.processed, letters, chain.dropped);
    let is_right = match put.expected {
        Expected::Nothing => found == (0, 0, 0, 0),
        Expected::Kept => found == (0, 0, 1, 0),
        // Each subscription that has a filter drops it.
        Expected::Dropped => results + letters == 0 && (chain.dropped > 0 || !is_first),
        Expected::Processed => results == 0 && chain.processed + letters == 1,
        Expected::Result => chain.processed == 0 && results + letters == 1,
    };
    let complaint = format!(
        "{} ({:?}) ended with {results} final results, {} times processed, {letters} dead letters",
        put.what, put.expected, chain.processed
    );
    (!is_right).then(|| (tag_of(number), 2, complaint))
}

/// A result reaches everybody whom it has to reach, once, and once more for each duplicate.
fn of_fact(promised: Reached, reached: Reached, duplicates: Reached) -> Option<String> {
    // More than that is told twice, and less is lost.
    let expected = Reached {
        follow_up: promised.follow_up + duplicates.follow_up,
        notification: promised.notification + duplicates.notification,
        failed_requests: promised.failed_requests + duplicates.failed_requests,
    };

    (expected != reached)
        .then(|| format!("a result reached {reached:?} where {expected:?} is right"))
}
