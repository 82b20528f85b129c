//! Performance, throughput and overwrite protection of a file system.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    aws::error::ApiError,
    efs::model::{errors::bad_request, types::FileSystem},
};

/// Throughput can be lowered, or its mode changed, once in this time.
const THROUGHPUT_STANDS: TimeDelta = TimeDelta::hours(24);

impl FileSystem {
    /// Checks that the modes exist and are compatible.
    pub(super) fn check_modes(&self) -> Result<(), ApiError> {
        let is_one_zone = self.availability_zone_name.is_some();
        let (performance, throughput) = (&self.performance_mode, &self.throughput_mode);

        // The order matters: a mode that does not exist is another error than two that do not fit.
        match (performance.as_str(), throughput.as_str()) {
            ("maxIO", _) if is_one_zone => {
                return Err(bad_request("maxIO is not for One Zone file systems"));
            }
            ("maxIO", "elastic") => {
                return Err(bad_request("maxIO does not go with elastic throughput"));
            }
            ("generalPurpose" | "maxIO", "bursting" | "elastic" | "provisioned") => {}
            _ => {
                return Err(ApiError::validation(format!(
                    "`{performance}` or `{throughput}` is not a mode"
                )));
            }
        }

        // The service model requires at least one MiB/s; a world file may say less.
        let mibps = self.provisioned_throughput_in_mibps;
        match (throughput.as_str(), mibps) {
            ("provisioned", Some(mibps)) if mibps >= 1.0 => {}
            ("provisioned", _) => {
                let message = "provisioned throughput must be at least 1 MiB/s";
                return Err(bad_request(message));
            }
            (_, Some(_)) => {
                let message = "only the mode provisioned has a provisioned throughput";
                return Err(bad_request(message));
            }
            (_, None) => {}
        }

        if self.kms_key_id.is_some() && !self.encrypted {
            return Err(bad_request("a KMS key is for an encrypted file system"));
        }
        Ok(())
    }

    /// `UpdateFileSystem`: changes the throughput.
    ///
    /// # Errors
    ///
    /// IncorrectFileSystemLifeCycleState, BadRequest for incompatible modes, or TooManyRequests if
    /// the mode was changed or the throughput lowered within a day.
    pub fn set_throughput(
        &mut self,
        mode: Option<String>,
        mibps: Option<f64>,
        now: DateTime<Utc>,
    ) -> Result<(), ApiError> {
        self.require_available()?;

        let mut wanted = self.clone();
        wanted.throughput_mode = mode.unwrap_or(wanted.throughput_mode);
        // Leaving the mode provisioned gives its throughput up.
        let kept = wanted
            .provisioned_throughput_in_mibps
            .filter(|_| wanted.throughput_mode == "provisioned");
        wanted.provisioned_throughput_in_mibps = mibps.or(kept);
        wanted.check_modes()?;

        // Raising it is allowed at any time.
        let is_recent = self
            .throughput_changed_at
            .is_some_and(|changed| now < changed + THROUGHPUT_STANDS);
        if is_recent && self.is_lowered_to(&wanted) {
            let message = "wait at least 24 hours after the last change";
            return Err(ApiError::new(429, "TooManyRequests", message));
        }

        // An update without a difference does not start another day.
        if wanted != *self {
            wanted.throughput_changed_at = Some(now);
        }
        *self = wanted;
        Ok(())
    }

    /// Whether an update lowers the throughput or changes its mode.
    fn is_lowered_to(&self, wanted: &Self) -> bool {
        // Two provisioned throughputs can be compared. Between modes every change counts.
        let before = self.provisioned_throughput_in_mibps;
        let after = wanted.provisioned_throughput_in_mibps;

        match before.zip(after) {
            Some((before, after)) => after < before,
            None => self.throughput_mode != wanted.throughput_mode,
        }
    }

    /// `UpdateFileSystemProtection`.
    ///
    /// # Errors
    ///
    /// ReplicationAlreadyExists for a destination, IncorrectFileSystemLifeCycleState, or BadRequest
    /// for anything but ENABLED and DISABLED.
    pub fn protect(&mut self, protection: &str) -> Result<(), ApiError> {
        self.require_available()?;

        // Only the end of the replication changes the protection of a destination.
        if self.protection == "REPLICATING" {
            let message = "ReplicationOverwriteProtection cannot be changed while the file system \
                           is a replication destination.";
            return Err(ApiError::new(409, "ReplicationAlreadyExists", message));
        }
        // REPLICATING is a value of the model, which AWS alone sets.
        if !matches!(protection, "ENABLED" | "DISABLED") {
            let message = format!("`{protection}` is neither ENABLED nor DISABLED");
            return Err(bad_request(message));
        }

        self.protection = protection.to_owned();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efs::model::fixtures::{Account, SOURCE};

    #[test]
    fn throughput_is_lowered_once_a_day() {
        let now = Account::empty().now;
        let mut file_system = FileSystem::new(SOURCE);
        let mut set = |mode: Option<&str>, mibps, now| {
            file_system
                .set_throughput(mode.map(str::to_owned), mibps, now)
                .map(|()| file_system.provisioned_throughput_in_mibps)
                .map_err(|error| error.code)
        };

        set(Some("provisioned"), Some(64.0), now).unwrap();
        set(None, Some(128.0), now).unwrap();
        assert_eq!(set(None, Some(32.0), now), Err("TooManyRequests"));

        // Setting the present throughput is no change.
        set(None, Some(128.0), now + TimeDelta::hours(23)).unwrap();
        let bursting = set(Some("bursting"), None, now + THROUGHPUT_STANDS);
        assert_eq!(bursting, Ok(None));
    }
}
