//! Access points.

use chrono::TimeDelta;

use crate::{
    aws::{context::Context, error::ApiError, ids::fresh},
    efs::model::{
        names::Named,
        types::{AccessPoint, FileSystem, Model},
    },
};

/// How long an access point is `creating`. AWS documents no pace; this one is plausible.
pub(super) const ACCESS_POINT_TAKES: TimeDelta = TimeDelta::seconds(5);
/// The quota of access points of a file system.
const MAX_ACCESS_POINTS: usize = 10_000;

impl Model {
    /// `CreateAccessPoint`. The ID and the dates of `wanted` are set here.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound, IncorrectFileSystemLifeCycleState, AccessPointAlreadyExists with the ID
    /// of the access point that has the token, or AccessPointLimitExceeded.
    pub fn create_access_point(
        &mut self,
        context: &Context,
        name: &str,
        wanted: AccessPoint,
    ) -> Result<AccessPoint, ApiError> {
        // IDs are unique across Regions, so that a call to the wrong Region fails.
        let present = self
            .all_file_systems()
            .flat_map(|file_system| &file_system.access_points)
            .map(|point| &point.access_point_id);
        let access_point_id = fresh("fsap-", present.chain(self.gone()));

        // A token is valid for an account and a Region, whichever file system it comes with.
        let owner = self.named_file_system(context, name)?.owner_id.clone();
        let same = self
            .file_systems(&context.region)
            .filter(|file_system| file_system.owner_id == owner)
            .flat_map(|file_system| &file_system.access_points)
            .find(|point| point.client_token == wanted.client_token)
            .map(|point| point.access_point_id.clone());

        let file_system = self.named_file_system(context, name)?;
        file_system.require_open(context.behaviour.writes_while_replicating)?;
        // A repeated token matters only on a file system that accepts access points.
        if let Some(id) = same {
            let message = format!("{id} was created with this token");
            return Err(ApiError {
                more: Some(("AccessPointId", id)),
                ..ApiError::new(409, "AccessPointAlreadyExists", message)
            });
        }
        if file_system.access_points.len() >= MAX_ACCESS_POINTS {
            let message = "the file system has 10,000 access points";
            return Err(ApiError::new(403, "AccessPointLimitExceeded", message));
        }

        let point = AccessPoint {
            access_point_id,
            created_at: Some(context.now),
            state: "creating".to_owned(),
            ..wanted
        };
        file_system.access_points.push(point.clone());
        Ok(point)
    }

    /// The access point that the caller names by ID or ARN, and its file system.
    ///
    /// # Errors
    ///
    /// AccessPointNotFound.
    pub fn named_access_point(
        &mut self,
        context: &Context,
        name: &str,
    ) -> Result<(&mut FileSystem, AccessPoint), ApiError> {
        let Named { id, place } = Named::access_point(name)?;
        let is_elsewhere = place.is_some_and(|(region, _)| region != context.region);
        let efs = self.regions.get_mut(&context.region);
        // An ARN of another Region leads nowhere.
        let file_systems = efs
            .filter(|_| !is_elsewhere)
            .into_iter()
            .flat_map(|efs| &mut efs.file_systems);

        for file_system in file_systems {
            if !is_reachable(file_system, context, place) {
                continue;
            }
            let mut points = file_system.access_points.iter();
            if let Some(point) = points.find(|point| point.access_point_id == id) {
                let point = point.clone();
                return Ok((file_system, point));
            }
        }

        let message = format!("Access point {id} does not exist.");
        Err(ApiError::new(404, "AccessPointNotFound", message))
    }

    /// `DeleteAccessPoint`.
    ///
    /// # Errors
    ///
    /// AccessPointNotFound.
    pub fn delete_access_point(&mut self, context: &Context, name: &str) -> Result<(), ApiError> {
        let (file_system, point) = self.named_access_point(context, name)?;
        let id = point.access_point_id;

        file_system
            .access_points
            .retain(|other| other.access_point_id != id);
        self.region_mut(context).gone.insert(id);
        Ok(())
    }
}

/// Whether a caller can reach the access points of a file system: those of other owners only by an
/// ARN, and only if the policy names the caller's account.
fn is_reachable(file_system: &FileSystem, context: &Context, place: Option<(&str, &str)>) -> bool {
    let owner = file_system.owner(&context.account);

    match place {
        None => owner == context.account,
        Some((_, named_owner)) if named_owner != owner => false,
        Some(_) => owner == context.account || file_system.policy_names(&context.account),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efs::model::fixtures::{
        Account, HERE, OTHER_ACCOUNT, REPLICA, SOURCE, THERE, point,
    };

    #[test]
    fn client_token_belongs_to_an_account_and_a_region() {
        let mut account = Account::new();
        account.add(HERE, FileSystem::new("fs-00000001"));
        account.add(
            HERE,
            FileSystem {
                owner_id: Some(OTHER_ACCOUNT.to_owned()),
                access_points: vec![point()],
                ..FileSystem::new("fs-00000002")
            },
        );
        let (here, elsewhere) = (account.call(HERE), account.call(THERE));
        let mut create = |context, name| account.efs.create_access_point(context, name, point());

        let id = create(&here, SOURCE).unwrap().access_point_id;
        let again = create(&here, "fs-00000001").unwrap_err();
        assert_eq!(again.code, "AccessPointAlreadyExists");
        assert_eq!(again.more, Some(("AccessPointId", id)));
        create(&elsewhere, REPLICA).unwrap();
    }
}
