//! A distributed map: a child execution for each item of a list, several at a time.

use serde_json::{Value, json};

use super::{Failure, Left, Run, Scope, Stop, no_value};

impl Run<'_> {
    pub(super) fn map(&mut self, state: &Value, scope: &Scope) -> Result<Left, Stop> {
        self.with_retries(state, scope, |run| run.each_item(state, scope))
    }

    fn each_item(&mut self, state: &Value, scope: &Scope) -> Result<Value, Stop> {
        let reader = &state["ItemReader"];
        let arguments = self.evaluated(&reader["Arguments"], scope)?;
        let list = self.call(reader["Resource"].as_str().unwrap(), &arguments, None)?;
        let Value::Array(items) = list else {
            return Err(Failure::new("States.ItemReaderFailed").into());
        };

        self.run_items(state, scope, &items)?;

        // The results of all items are written at the end.
        let writer = &state["ResultWriter"];
        let arguments = self.evaluated(&writer["Arguments"], scope)?;
        let result = self.call(writer["Resource"].as_str().unwrap(), &arguments, None)?;
        Ok(json!({ "ResultWriterDetails": result }))
    }

    /// Begins items while one is left, a place is free, and the failures are tolerated.
    fn run_items(&mut self, state: &Value, scope: &Scope, items: &[Value]) -> Result<(), Stop> {
        let tolerated = self.whole_number(state, "ToleratedFailurePercentage", scope)?;
        let is_too_many = |failures: usize| failures as u64 * 100 > tolerated * items.len() as u64;
        // Without a limit, Step Functions begins ten thousand.
        let places = match self.whole_number(state, "MaxConcurrency", scope)? {
            0 => 10_000,
            places => places,
        };

        // When each place is free again.
        let begun = self.clock;
        let mut free = vec![begun; places.try_into().unwrap()];
        let mut ends = Vec::new();
        let mut failed: Vec<u64> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let place = (0..free.len()).min_by_key(|place| free[*place]).unwrap();
            let start = free[place];
            // Only what has ended by now is known to have failed.
            let known = failed.iter().filter(|end| **end <= start).count();
            if is_too_many(known) {
                break;
            }

            let (end, result) = self.run_item(state, scope, start, (index, item))?;
            free[place] = end;
            ends.push(end);
            failed.extend(result.is_err().then_some(end));
            self.items.push(result);
        }

        // The map ends with its last item, or with the failure that is one too many.
        failed.sort_unstable();
        let last = (1..=failed.len()).find(|failures| is_too_many(*failures));
        let end = match last {
            Some(failures) => failed[failures - 1],
            None => ends.into_iter().max().unwrap_or(begun),
        };
        self.pass(end - begun)?;
        match last {
            Some(_) => Err(Failure::new("States.ExceedToleratedFailureThreshold").into()),
            None => Ok(()),
        }
    }

    /// When a child execution ends, and how. A child sees no variables of its parent.
    fn run_item(
        &mut self,
        state: &Value,
        scope: &Scope,
        start: u64,
        (index, item): (usize, &Value),
    ) -> Result<(u64, Result<Value, Failure>), Stop> {
        let mut own = scope.clone();
        own["context"]["Map"] = json!({ "Item": { "Index": index, "Value": item } });
        let input = self.evaluated(&state["ItemSelector"], &own)?;

        let mut child = Run::new(self.services, start, self.deadline);
        let result = child.states(&state["ItemProcessor"], input);
        let end = child.clock;
        match result {
            Ok(output) => Ok((end, Ok(output))),
            Err(Stop::Failed(failure)) => Ok((end, Err(failure))),
            // The time of a child is its parent's.
            Err(Stop::TimedOut) => {
                self.clock = self.deadline;
                Err(Stop::TimedOut)
            }
        }
    }

    /// A number of a state; zero, if the state has none.
    fn whole_number(&self, state: &Value, field: &str, scope: &Scope) -> Result<u64, Failure> {
        let Some(written) = state.get(field) else {
            return Ok(0);
        };

        let number = self.evaluated(written, scope)?;
        let whole = number.as_u64();
        whole.ok_or_else(|| no_value(&format!("{number} is no {field}")))
    }
}
