//! The tags of file systems and access points.

use std::collections::BTreeMap;

use crate::{
    aws::{context::Context, error::ApiError},
    efs::model::{
        errors::{bad_request, lost},
        names::Named,
        types::Model,
    },
};

/// The quota of tags of a resource.
const MAX_TAGS: usize = 50;

impl Model {
    /// The tags of the file system or access point that the caller names.
    ///
    /// # Errors
    ///
    /// FileSystemNotFound or AccessPointNotFound.
    pub fn tags_mut(
        &mut self,
        context: &Context,
        name: &str,
    ) -> Result<&mut BTreeMap<String, String>, ApiError> {
        // The ID says what the resource is.
        if Named::access_point(name).is_err() {
            let file_system = self.named_file_system(context, name)?;
            return Ok(&mut file_system.tags);
        }

        let (file_system, named) = self.named_access_point(context, name)?;
        let mut points = file_system.access_points.iter_mut();
        let point = points.find(|point| point.access_point_id == named.access_point_id);
        Ok(&mut point.ok_or_else(lost)?.tags)
    }

    /// Records that a resource of a Region, named by ID or ARN, lost all its tags.
    pub(crate) fn mark_untagged(&mut self, context: &Context, name: &str) {
        let id = name.rsplit('/').next().unwrap_or(name);
        let untagged = &mut self.region_mut(context).untagged;
        untagged.insert(id.to_owned());
    }
}

/// Checks the number of tags of a resource. Tags of AWS do not count.
pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let own = tags
        .keys()
        .filter(|key| !key.to_lowercase().starts_with("aws:"));

    match own.count() {
        0..=MAX_TAGS => Ok(()),
        _ => Err(bad_request("a resource has at most 50 tags")),
    }
}
