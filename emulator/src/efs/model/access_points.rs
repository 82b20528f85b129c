//! Access points.

use chrono::TimeDelta;

use crate::{
    aws::{error::ApiError, ids::fresh},
    efs::model::{
        names::Named,
        types::{AccessPoint, FileSystem},
    },
    world::World,
};

/// How long an access point is `creating`. Not documented; a plausible pace.
pub(crate) const ACCESS_POINT_TAKES: TimeDelta = TimeDelta::seconds(5);

pub(crate) const MAX_ACCESS_POINTS: usize = 10_000;

impl World {
    /// `CreateAccessPoint`: adds an access point, whose ID and dates are given here.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound, IncorrectFileSystemLifeCycleState, AccessPointAlreadyExists with the ID
    /// of the one that has the token, or AccessPointLimitExceeded.
    pub fn create_access_point(
        &mut self,
        region: &str,
        name: &str,
        wanted: AccessPoint,
    ) -> Result<AccessPoint, ApiError> {
        let (behaviour, now) = (self.behaviour, self.now);
        let points = self
            .efs
            .values()
            .flat_map(|efs| &efs.file_systems)
            .flat_map(|of| &of.access_points);
        let access_point_id = fresh(
            "fsap-",
            points
                .map(|point| &point.access_point_id)
                .chain(self.gone()),
        );
        let owner = self.named_file_system(region, name)?.owner_id.clone();
        // A token is of an account and a Region, whichever file system it comes with.
        let own = self
            .file_systems(region)
            .filter(|of| of.owner_id == owner)
            .flat_map(|of| &of.access_points);
        let first = own
            .into_iter()
            .find(|point| point.client_token == wanted.client_token);
        let first = first.map(|point| point.access_point_id.clone());
        let file_system = self.named_file_system(region, name)?;
        file_system.require_open(behaviour.writes_while_replicating)?;
        if let Some(id) = first {
            let message = format!("{id} was created with this token");
            let more = Some(("AccessPointId", id));
            return Err(ApiError {
                more,
                ..ApiError::new(409, "AccessPointAlreadyExists", message)
            });
        }
        if file_system.access_points.len() >= MAX_ACCESS_POINTS {
            return Err(ApiError::new(
                403,
                "AccessPointLimitExceeded",
                "the file system has 10,000 access points",
            ));
        }
        let (created_at, state) = (Some(now), "creating".to_owned());
        let point = AccessPoint {
            access_point_id,
            created_at,
            state,
            ..wanted
        };
        file_system.access_points.push(point.clone());
        Ok(point)
    }

    /// The access point that the caller names, by ID or ARN, and the file system that it is of.
    ///
    /// # Errors
    ///
    /// AccessPointNotFound.
    pub fn named_access_point(
        &mut self,
        region: &str,
        name: &str,
    ) -> Result<(&mut FileSystem, AccessPoint), ApiError> {
        let Named { id, place } = Named::access_point(name)?;
        let account = self.account.clone();
        let elsewhere = place.is_some_and(|(of, _)| of != region);
        let efs = self.efs.get_mut(region).filter(|_| !elsewhere);
        let visible = |file_system: &&mut FileSystem| match (file_system.owner(&account), place) {
            (owner, Some((_, named))) if owner != named => false,
            (owner, named) => {
                owner == account || (named.is_some() && file_system.lets_in(&account))
            }
        };
        let mut file_systems = efs
            .into_iter()
            .flat_map(|efs| &mut efs.file_systems)
            .filter(visible);
        let found = file_systems.find_map(|file_system| {
            let point = file_system
                .access_points
                .iter()
                .find(|point| point.access_point_id == id)?
                .clone();
            Some((file_system, point))
        });
        found.ok_or_else(|| {
            ApiError::new(
                404,
                "AccessPointNotFound",
                format!("Access point {id} does not exist."),
            )
        })
    }

    /// `DeleteAccessPoint`.
    ///
    /// # Errors
    ///
    /// AccessPointNotFound.
    pub fn delete_access_point(&mut self, region: &str, name: &str) -> Result<(), ApiError> {
        let (file_system, point) = self.named_access_point(region, name)?;
        file_system
            .access_points
            .retain(|other| other.access_point_id != point.access_point_id);
        self.efs
            .entry(region.to_owned())
            .or_default()
            .gone
            .insert(point.access_point_id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efs::model::fixtures::*;
    use crate::efs::model::fixtures::{HERE, OTHER_ACCOUNT, REPLICA, SOURCE, THERE, point};

    #[test]
    fn a_client_token_is_of_an_account_and_a_region() {
        let mut world = world().with_file_system(HERE, FileSystem::new("fs-00000001"));
        let foreign = FileSystem {
            owner_id: Some(OTHER_ACCOUNT.to_owned()),
            ..FileSystem::new("fs-00000002")
        };
        world = world.with_file_system(
            HERE,
            FileSystem {
                access_points: vec![point()],
                ..foreign
            },
        );
        let id = world
            .create_access_point(HERE, SOURCE, point())
            .unwrap()
            .access_point_id;
        let again = world
            .create_access_point(HERE, "fs-00000001", point())
            .unwrap_err();
        assert_eq!(
            (again.code, again.more),
            ("AccessPointAlreadyExists", Some(("AccessPointId", id)))
        );
        world.create_access_point(THERE, REPLICA, point()).unwrap();
    }
}
