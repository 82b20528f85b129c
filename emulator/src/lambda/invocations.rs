//! An invocation, from its place in the queue to its result.

use hyper::body::Bytes;
use tokio::sync::oneshot;

use crate::lambda::{
    functions::{Ended, Event, Functions, Invocation, InvocationResult, lock},
    process::exited,
};

/// How many invocations that have ended are kept.
const MAX_KEPT: usize = 30;

impl Functions {
    /// Invokes a function and waits for the result.
    pub async fn invoke(&self, name: &str, payload: Bytes) -> InvocationResult {
        let event = Event {
            payload,
            ..Event::default()
        };
        let request_id = uuid::Uuid::new_v4().to_string();
        self.invoke_with(name, request_id, event).await
    }

    /// Invokes a function with an event under a request ID, and waits for the result and for the
    /// log: a function logs before it answers.
    pub(super) async fn invoke_with(
        &self,
        name: &str,
        request_id: String,
        event: Event,
    ) -> InvocationResult {
        let (payload, lines_before) = (event.payload.clone(), self.log_length(name));
        let result = self.run(name, request_id.clone(), event).await;

        // Without a process here, the output goes elsewhere.
        let readers = self
            .functions()
            .get(name)
            .and_then(|function| Some(function.process.as_ref()?.readers.clone()));
        for reader in readers.into_iter().flatten() {
            let (read, is_read) = oneshot::channel();
            let _ = reader.send(read);
            // A reader that is gone has read everything.
            let _ = is_read.await;
        }

        self.keep(Ended {
            at: self.0.cloud.now(),
            function: name.to_owned(),
            request_id,
            payload,
            result: result.clone(),
            log: self.logs_after(name, lines_before),
        });
        result
    }

    /// Keeps an invocation that has ended, and tells those who follow the account.
    fn keep(&self, ended: Ended) {
        let mut kept = lock(&self.0.ended);
        kept.push_back(ended);
        if kept.len() > MAX_KEPT {
            kept.pop_front();
        }

        // They may ask for what is kept at once.
        drop(kept);
        self.0.cloud.tell();
    }

    /// The last invocations that have ended, oldest first.
    #[must_use]
    pub fn ended(&self) -> Vec<Ended> {
        lock(&self.0.ended).iter().cloned().collect()
    }

    async fn run(&self, name: &str, request_id: String, event: Event) -> InvocationResult {
        if !self.exists(name) {
            return InvocationResult::Unknown;
        }
        self.retire_outdated(name).await;

        let (reply, mut result) = oneshot::channel();
        let gone = || exited(&request_id, "the runtime went away");
        self.functions()
            .entry(name.to_owned())
            .or_default()
            .queue
            .push_back(Invocation {
                request_id: request_id.clone(),
                event,
                reply,
            });
        // Pollers of other functions wake up as well, and wait again.
        self.0.wake.notify_waiters();

        // A runtime that polls already may answer before anything has to be started.
        let started = tokio::select! {
            biased;
            result = &mut result => return result.unwrap_or_else(|_| gone()),
            started = self.ensure_running(name) => started,
        };

        if let Err(why) = started
            && self.cancel(name, &request_id)
        {
            // A runtime started by hand has gone, and there may be nothing to build.
            return match self.0.binaries.have(name) {
                true => InvocationResult::NotBuilt(why),
                false => InvocationResult::Unknown,
            };
        }
        result.await.unwrap_or_else(|_| gone())
    }

    /// Removes an invocation from the queue. Whether it was still there.
    fn cancel(&self, name: &str, request_id: &str) -> bool {
        let mut functions = self.functions();
        let Some(function) = functions.get_mut(name) else {
            return false;
        };

        let waiting = function.queue.len();
        function
            .queue
            .retain(|invocation| invocation.request_id != request_id);
        function.queue.len() < waiting
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::task::JoinHandle;

    use super::*;
    use crate::{cloud::Cloud, lambda::binaries::Binaries, world::World};

    fn functions(binary: &str) -> Functions {
        let binaries = Binaries::Fixed([("f".to_owned(), binary.into())].into());
        Functions::new(Cloud::new(World::empty()), binaries)
    }

    fn invoke(functions: &Functions) -> JoinHandle<InvocationResult> {
        let functions = functions.clone();
        tokio::spawn(async move { functions.invoke("f", Bytes::from_static(b"{}")).await })
    }

    fn answered() -> InvocationResult {
        InvocationResult::Answered("1".into())
    }

    /// Polls and answers, as a runtime does that was started by hand.
    async fn serve_by_hand(functions: &Functions) {
        let next = functions.next("f").await;
        let id = &next.headers()["lambda-runtime-aws-request-id"];

        let accepted = functions.end("f", id.to_str().unwrap(), answered());
        assert_eq!(accepted.status(), 202);
    }

    #[tokio::test]
    async fn answer_counts_before_anything_is_started() {
        let functions = functions("/there/is/none");
        let starting = {
            let mut all = functions.functions();
            let function = all.entry("f".to_owned()).or_default();
            Arc::clone(&function.starting)
        };

        let held = starting.lock_owned().await;
        let invoked = invoke(&functions);
        serve_by_hand(&functions).await;
        drop(held);
        assert_eq!(invoked.await.unwrap(), answered());
        assert_eq!(functions.process_id("f"), None);
    }

    #[tokio::test]
    async fn function_that_was_started_by_hand_gets_no_second_process() {
        // A process of this binary would run and take nothing.
        let functions = functions("/usr/bin/yes");
        let ((), first) = tokio::join!(
            serve_by_hand(&functions),
            functions.invoke("f", "{}".into())
        );
        assert_eq!(first, answered());

        let second = invoke(&functions);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(functions.process_id("f"), None);
        serve_by_hand(&functions).await;
        assert_eq!(second.await.unwrap(), answered());
    }

    #[tokio::test]
    async fn process_of_an_earlier_deployment_is_ended_before_the_next_invocation() {
        // A process of this binary runs until it is ended.
        let functions = functions("/usr/bin/yes");
        functions
            .functions()
            .insert("f".to_owned(), Default::default());
        functions.ensure_running("f").await.unwrap();
        functions.retire_outdated("f").await;
        assert!(functions.is_running("f"), "nothing has changed yet");

        functions.0.cloud.change(|world| {
            let deployment = world.functions.entry("f".to_owned()).or_default();
            let environment = &mut deployment.environment;
            environment.insert("MODE".to_owned(), "enforce".to_owned());
        });
        functions.retire_outdated("f").await;
        assert!(!functions.is_running("f"));
    }

    #[tokio::test]
    async fn last_invocations_are_kept_with_what_they_were_for() {
        let functions = functions("/there/is/none");
        let follower = functions.0.cloud.follow();
        for _ in 0..=MAX_KEPT {
            functions.invoke("g", "{}".into()).await;
        }

        let ended = functions.ended();
        assert_eq!(ended.len(), MAX_KEPT);
        assert_eq!(ended[0].function, "g");
        assert_eq!(ended[0].payload, "{}");
        assert_eq!(ended[0].result, InvocationResult::Unknown);
        assert!(follower.has_changed().unwrap());
    }
}
