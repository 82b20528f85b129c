//! What the pages and the actions of the console share.

use std::sync::{Arc, Mutex, PoisonError};

use emulator::Emulator;

/// The event that the form shows at first. Times are filled in when it is sent.
pub(super) const EXAMPLE_EVENT: &str = r#"{
  "detail-type": "Source Server Decommission Requested",
  "source": "com.example.cmdb",
  "detail": {
    "version": 1,
    "requestID": "CHG0031234",
    "expiresAt": "{{now+12h}}",
    "action": "disconnect",
    "targets": [{ "hostname": "app01.example.com" }]
  }
}"#;

/// The console of a running account.
#[derive(Clone)]
pub(super) struct Console {
    pub(super) emulator: Emulator,
    shared: Arc<Shared>,
}

struct Shared {
    notice: Mutex<Option<Notice>>,
    event: Mutex<String>,
    /// One event at a time: a send may change the mode of a function first.
    sending: tokio::sync::Mutex<()>,
}

/// What became of the last action.
#[derive(Debug, Clone)]
pub(super) struct Notice {
    /// How many there were before: the same words again are still news.
    pub(super) number: usize,
    pub(super) is_error: bool,
    pub(super) text: String,
}

impl Console {
    pub(super) fn new(emulator: Emulator) -> Self {
        // Each request has a copy of the console, so what changes is shared.
        let shared = Shared {
            notice: Mutex::default(),
            event: Mutex::new(EXAMPLE_EVENT.to_owned()),
            sending: tokio::sync::Mutex::default(),
        };

        Self {
            emulator,
            shared: Arc::new(shared),
        }
    }

    /// What became of the last action, if there was one.
    pub(super) fn notice(&self) -> Option<Notice> {
        lock(&self.shared.notice).clone()
    }

    /// Shows everyone what became of an action.
    pub(super) fn show(&self, result: Result<String, String>) {
        // The page is fetched after a redirect, so that it cannot tell by a status.
        let (is_error, text) = match result {
            Ok(text) => (false, text),
            Err(text) => (true, text),
        };

        let mut notice = lock(&self.shared.notice);
        let number = notice.as_ref().map_or(0, |notice| notice.number + 1);
        *notice = Some(Notice {
            number,
            is_error,
            text,
        });
    }

    /// The event that was sent last, as it was written.
    pub(super) fn event(&self) -> String {
        lock(&self.shared.event).clone()
    }

    /// Keeps an event for the form, so that it can be changed and sent again.
    pub(super) fn keep_event(&self, event: &str) {
        event.clone_into(&mut lock(&self.shared.event));
    }

    /// Waits until no other event of this console is being sent.
    pub(super) async fn one_at_a_time(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.shared.sending.lock().await
    }
}

/// Locks a mutex. A panic elsewhere does not make the data wrong.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
