//! States that call services, with their retries.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{BEYOND_LIMIT, Call, Failure, Left, Run, Scope, within_limit};

impl Run<'_> {
    pub(super) async fn task(&mut self, state: &Value, scope: &Scope) -> Result<Left, Failure> {
        let resource = state["Resource"].as_str().unwrap();
        let most = state["TimeoutSeconds"].as_u64();

        self.with_retries(state, scope, async |run| {
            let arguments = within_limit(run.evaluated(&state["Arguments"], scope)?)?;
            within_limit(run.call(resource, &arguments, most).await?)
        })
        .await
    }

    /// Calls a service, for so many seconds at most.
    pub(super) async fn call(
        &mut self,
        resource: &str,
        arguments: &Value,
        most: Option<u64>,
    ) -> Result<Value, Failure> {
        // A call is scheduled, started, and has succeeded or failed.
        self.events += 3;
        let call = Call {
            resource,
            arguments,
        };
        let reply = self.services.call(call);

        let Some(most) = most else {
            return reply.await;
        };
        let in_time = timeout(Duration::from_secs(most), reply).await;
        in_time.unwrap_or_else(|_| Err(Failure::new("States.Timeout")))
    }

    /// Does what a state does, again where `Retry` says so, and goes where `Catch` says.
    pub(super) async fn with_retries(
        &mut self,
        state: &Value,
        scope: &Scope,
        mut attempt: impl AsyncFnMut(&mut Self) -> Result<Value, Failure>,
    ) -> Result<Left, Failure> {
        let retriers = handlers(state, "Retry");
        let mut tries = vec![0; retriers.len()];
        loop {
            let left = attempt(self).await.and_then(|result| {
                let mut scope = scope.clone();
                scope.insert("result".to_owned(), result.clone());
                self.leave(state, &scope, result)
            });
            let Err(failure) = left else { return left };

            // Each retrier counts for itself.
            let index = retriers.iter().position(|it| handles(it, &failure));
            if let Some(index) = index
                && tries[index] < retriers[index]["MaxAttempts"].as_u64().unwrap_or(3)
            {
                let longest = interval(&retriers[index], tries[index]);
                let seconds = match retriers[index]["JitterStrategy"] == "FULL" {
                    true => self.services.jittered(longest),
                    false => longest,
                };
                sleep(Duration::from_secs(seconds)).await;
                tries[index] += 1;
                self.services.retries();
                continue;
            }
            return self.catch(state, scope, failure);
        }
    }

    fn catch(&mut self, state: &Value, scope: &Scope, failure: Failure) -> Result<Left, Failure> {
        let catchers = handlers(state, "Catch");
        let Some(catcher) = catchers.iter().find(|it| handles(it, &failure)) else {
            return Err(failure);
        };

        // A cause that is not known is left out.
        let mut output = json!({ "Error": failure.error });
        if let Some(cause) = failure.cause {
            output["Cause"] = json!(cause);
        }
        let mut scope = scope.clone();
        scope.insert("errorOutput".to_owned(), output.clone());
        self.leave(catcher, &scope, output)
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

#[cfg(test)]
mod tests {
    use futures_util::future::LocalBoxFuture;
    use serde_json::{Value, json};

    use super::super::{Call, Failure, Machine, Services};

    /// Services that fail, and let nobody wait.
    struct Failing;

    impl Services for Failing {
        fn call<'a>(&'a self, _: Call<'a>) -> LocalBoxFuture<'a, Result<Value, Failure>> {
            Box::pin(async { Err(Failure::new("Lambda.Unknown")) })
        }

        fn jittered(&self, longest: u64) -> u64 {
            longest / 2
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_services_draw_an_interval_with_jitter() {
        for (jitter, seconds) in [(Some("FULL"), 15 + 30), (None, 30 + 60)] {
            let mut retrier = json!({
                "ErrorEquals": ["Lambda.Unknown"],
                "IntervalSeconds": 30,
                "BackoffRate": 2,
                "MaxAttempts": 2,
            });
            if let Some(jitter) = jitter {
                retrier["JitterStrategy"] = json!(jitter);
            }
            let machine = Machine::read(json!({
                "QueryLanguage": "JSONata",
                "StartAt": "Call",
                "States": {
                    "Call": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::lambda:invoke",
                        "Arguments": {},
                        "Retry": [retrier],
                        "Next": "Last",
                    },
                    "Last": { "Type": "Succeed" },
                },
            }));

            let ended = machine.run("arn:run", json!({}), &Failing).await;
            assert_eq!(ended.seconds, seconds, "{jitter:?}");
        }
    }
}
