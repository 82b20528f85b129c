//! States that call services, with their retries.

use serde_json::{Value, json};

use super::{BEYOND_LIMIT, Call, Failure, Left, Run, Scope, Stop, within_limit};

impl Run<'_> {
    pub(super) fn task(&mut self, state: &Value, scope: &Scope) -> Result<Left, Stop> {
        self.with_retries(state, scope, |run| {
            let arguments = within_limit(run.evaluated(&state["Arguments"], scope)?)?;
            let most = state["TimeoutSeconds"].as_u64();
            let result = run.call(state["Resource"].as_str().unwrap(), &arguments, most)?;

            Ok(within_limit(result)?)
        })
    }

    /// Calls a service, for so many seconds at most.
    pub(super) fn call(
        &mut self,
        resource: &str,
        arguments: &Value,
        most: Option<u64>,
    ) -> Result<Value, Stop> {
        // A call is scheduled, started, and has succeeded or failed.
        self.events += 3;
        let reply = self.services.call(&Call {
            resource,
            arguments,
            time: self.clock,
        });

        // A call that takes too long has its effect all the same.
        if let Some(most) = most.filter(|most| reply.took > *most) {
            self.pass(most)?;
            return Err(Failure::new("States.Timeout").into());
        }
        self.pass(reply.took)?;
        Ok(reply.result?)
    }

    /// Does what a state does, again where `Retry` says so, and goes where `Catch` says.
    pub(super) fn with_retries(
        &mut self,
        state: &Value,
        scope: &Scope,
        mut attempt: impl FnMut(&mut Self) -> Result<Value, Stop>,
    ) -> Result<Left, Stop> {
        let retriers = handlers(state, "Retry");
        let mut tries = vec![0; retriers.len()];
        loop {
            let left = attempt(self).and_then(|result| {
                let mut scope = scope.clone();
                scope.insert("result".to_owned(), result.clone());
                Ok(self.leave(state, &scope, result)?)
            });
            let failure = match left {
                Err(Stop::Failed(failure)) => failure,
                other => return other,
            };

            // Each retrier counts for itself.
            let index = retriers.iter().position(|it| handles(it, &failure));
            if let Some(index) = index
                && tries[index] < retriers[index]["MaxAttempts"].as_u64().unwrap_or(3)
            {
                self.pass(interval(&retriers[index], tries[index]))?;
                tries[index] += 1;
                continue;
            }
            return self.catch(state, scope, failure);
        }
    }

    fn catch(&mut self, state: &Value, scope: &Scope, failure: Failure) -> Result<Left, Stop> {
        let catchers = handlers(state, "Catch");
        let Some(catcher) = catchers.iter().find(|it| handles(it, &failure)) else {
            return Err(failure.into());
        };

        // A cause that is not known is left out.
        let mut output = json!({ "Error": failure.error });
        if let Some(cause) = failure.cause {
            output["Cause"] = json!(cause);
        }
        let mut scope = scope.clone();
        scope.insert("errorOutput".to_owned(), output.clone());
        Ok(self.leave(catcher, &scope, output)?)
    }
}

fn handlers<'a>(state: &'a Value, field: &str) -> &'a [Value] {
    state[field].as_array().map_or(&[], Vec::as_slice)
}

fn handles(handler: &Value, failure: &Failure) -> bool {
    // Some errors are of the machine itself, and `States.ALL` does not mean those.
    let all = failure.error != BEYOND_LIMIT;
    let mut names = handler["ErrorEquals"].as_array().unwrap().iter();

    names.any(|name| *name == failure.error || (all && name == "States.ALL"))
}

/// The longest interval before another attempt, in seconds.
fn interval(retrier: &Value, tries: u64) -> u64 {
    // The defaults of Step Functions.
    let first = retrier["IntervalSeconds"].as_u64().unwrap_or(1);
    let rate = retrier["BackoffRate"].as_f64().unwrap_or(2.0);
    let most = retrier["MaxDelaySeconds"].as_u64().unwrap_or(u64::MAX);

    let seconds = first as f64 * rate.powi(tries.try_into().unwrap());
    most.min(seconds as u64)
}
