//! A distributed map: a child execution for each item of a list, several at a time.

use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::{Value, json};

use super::{Failure, Left, Run, Scope, no_value};

impl Run<'_> {
    pub(super) async fn map(&mut self, state: &Value, scope: &Scope) -> Result<Left, Failure> {
        let each = async |run: &mut Self| run.each_item(state, scope).await;

        self.with_retries(state, scope, each).await
    }

    async fn each_item(&mut self, state: &Value, scope: &Scope) -> Result<Value, Failure> {
        let reader = &state["ItemReader"];
        let arguments = self.evaluated(&reader["Arguments"], scope)?;
        let resource = reader["Resource"].as_str().unwrap();
        let list = self.call(resource, &arguments, None).await?;
        let Value::Array(items) = list else {
            return Err(Failure::new("States.ItemReaderFailed"));
        };

        self.run_items(state, scope, &items).await?;

        // The results of all items are written at the end.
        let writer = &state["ResultWriter"];
        let arguments = self.evaluated(&writer["Arguments"], scope)?;
        let resource = writer["Resource"].as_str().unwrap();
        let result = self.call(resource, &arguments, None).await?;
        Ok(json!({ "ResultWriterDetails": result }))
    }

    /// Begins items while one is left, a place is free, and the failures are tolerated.
    async fn run_items(
        &mut self,
        state: &Value,
        scope: &Scope,
        items: &[Value],
    ) -> Result<(), Failure> {
        let tolerated = self.whole_number(state, "ToleratedFailurePercentage", scope)?;
        let is_too_many = |failures: usize| failures as u64 * 100 > tolerated * items.len() as u64;
        // Without a limit, Step Functions begins ten thousand.
        let places = match self.whole_number(state, "MaxConcurrency", scope)? {
            0 => 10_000,
            places => places,
        };
        let places = usize::try_from(places).unwrap();

        self.items = vec![None; items.len()];
        let mut left = items.iter().enumerate();
        let mut running = FuturesUnordered::new();
        let mut failures = 0;
        loop {
            while running.len() < places
                && let Some((index, item)) = left.next()
            {
                let input = self.input_of(state, scope, (index, item))?;
                let mut child = Run::new(self.services, self.arn);
                self.services.starts_item();
                running.push(async move {
                    let result = child.states(&state["ItemProcessor"], input).await;
                    (index, result)
                });
            }

            let Some((index, result)) = running.next().await else {
                return Ok(());
            };
            failures += usize::from(result.is_err());
            self.items[index] = Some(result);
            // The map ends with the failure that is one too many, and stops what still runs.
            if is_too_many(failures) {
                return Err(Failure::new("States.ExceedToleratedFailureThreshold"));
            }
        }
    }

    /// The input of the child execution of an item. A child sees no variables of its parent.
    fn input_of(
        &self,
        state: &Value,
        scope: &Scope,
        (index, item): (usize, &Value),
    ) -> Result<Value, Failure> {
        let mut own = scope.clone();
        own["context"]["Map"] = json!({ "Item": { "Index": index, "Value": item } });

        self.evaluated(&state["ItemSelector"], &own)
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
