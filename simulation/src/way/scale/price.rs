//! What a run costs, by AWS's public list prices of us-east-1 in US dollars, without any free tier.
//!
//! The price of Step Functions was read in a copy of AWS's page, those of Lambda and EventBridge in
//! articles about them; those of S3 and of logs were not looked up. None was compared with the live
//! price list.

use crate::way::scale::usage::Usage;

/// A state transition of a Standard workflow: 0.025 for a thousand, by
/// <https://aws.amazon.com/step-functions/pricing/>.
const TRANSITION: f64 = 0.025 / 1e3;
/// A request of Lambda: 0.20 for a million, by <https://aws.amazon.com/lambda/pricing/>.
const INVOCATION: f64 = 0.20 / 1e6;
/// A second of a gigabyte of Lambda on Arm, in its first tier, by the same page.
const GIGABYTE_SECOND: f64 = 0.000_013_333_4;
/// An event that is put on a bus: 1.00 for a million, by
/// <https://aws.amazon.com/eventbridge/pricing/>.
const EVENT: f64 = 1.0 / 1e6;
/// A request that writes to S3 Standard: 0.005 for a thousand, by
/// <https://aws.amazon.com/s3/pricing/>.
const WRITE: f64 = 0.005 / 1e3;
/// A request that reads from it: 0.0004 for a thousand.
const READ: f64 = 0.0004 / 1e3;
/// A gigabyte of logs: 0.50, by <https://aws.amazon.com/cloudwatch/pricing/>.
const LOG_GIGABYTE: f64 = 0.50;

/// Dollars for each service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) step_functions: f64,
    pub(super) lambda: f64,
    pub(super) eventbridge: f64,
    pub(super) s3: f64,
    pub(super) logs: f64,
}

impl Cost {
    /// What a run costs whose function has so much memory, in MB.
    pub(super) fn of(usage: &Usage, memory: u64) -> Self {
        // Calls of DRS cost nothing, and alarms cost the same without a fleet.
        let meter = usage.meter;
        let gigabyte_seconds = gigabyte_seconds(usage, memory);

        Self {
            step_functions: usage.transitions.sum() as f64 * TRANSITION,
            lambda: meter.invocations as f64 * INVOCATION + gigabyte_seconds * GIGABYTE_SECOND,
            eventbridge: meter.events as f64 * EVENT,
            s3: meter.writes as f64 * WRITE + meter.reads as f64 * READ,
            logs: meter.log_bytes as f64 / 1e9 * LOG_GIGABYTE,
        }
    }

    /// All of it.
    pub(super) fn sum(self) -> f64 {
        self.step_functions + self.lambda + self.eventbridge + self.s3 + self.logs
    }
}

/// What Lambda bills of the duration of all invocations.
pub(super) fn gigabyte_seconds(usage: &Usage, memory: u64) -> f64 {
    usage.meter.milliseconds as f64 / 1e3 * memory as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::way::{meter::Meter, scale::usage::Transitions};

    #[test]
    fn a_thousand_servers_by_hand() {
        let usage = Usage {
            transitions: Transitions {
                items: 4_000,
                ..Transitions::default()
            },
            meter: Meter {
                invocations: 1_000,
                milliseconds: 8_000_000,
                events: 1_000,
                log_bytes: 2_000_000_000,
                ..Meter::default()
            },
            ..Usage::default()
        };

        // A tenth of a dollar; 0.0002 and 1,000 gigabyte-seconds; a tenth of a cent; a dollar.
        let sum = Cost::of(&usage, 128).sum();
        let by_hand = 0.1 + 0.0002 + 0.013_333_4 + 0.001 + 1.0;
        assert!((sum - by_hand).abs() < 1e-9, "{sum} {by_hand}");
    }
}
