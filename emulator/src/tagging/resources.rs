//! The resources of all services that have tags, or once had some.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    aws::{constraints, context::Context},
    drs::model::Drs,
    efs::model::FileSystem,
    world::World,
};

/// A resource with its tags.
pub(super) struct Resource<'a> {
    pub(super) arn: String,
    /// The type, as filters spell it: the service and the kind in the ARN.
    service: &'static str,
    kind: &'static str,
    pub(super) tags: Vec<(&'a str, &'a str)>,
}

impl Resource<'_> {
    /// Whether a filter `service` or `service:kind` includes the resource.
    pub(super) fn is_of_type(&self, filter: &str) -> bool {
        match filter.split_once(':') {
            None => filter == self.service,
            Some((service, kind)) => service == self.service && kind == self.kind,
        }
    }

    pub(super) fn tag(&self, key: &str) -> Option<&str> {
        let mut tags = self.tags.iter();
        let (_, value) = tags.find(|(name, _)| *name == key)?;
        Some(value)
    }

    /// The resource as the API describes it.
    pub(super) fn json(&self) -> Value {
        let tags = self.tags.iter();
        let tags: Vec<Value> = tags
            .map(|(key, value)| json!({ "Key": key, "Value": value }))
            .collect();

        json!({ "ResourceARN": self.arn, "Tags": tags })
    }
}

/// The resources of the caller in the Region of a call that have tags or once had some, by ARN.
pub(super) fn tagged<'a>(world: &'a World, context: &Context) -> Vec<Resource<'a>> {
    let drs = world.drs.regions.get(&context.region);
    let of_drs = drs.into_iter().flat_map(|drs| of_drs(drs, context));

    let efs = &world.efs;
    // A file system and its access points are in one Region.
    let untagged = efs.regions.get(&context.region).map(|efs| &efs.untagged);
    let of_efs = efs
        .own_file_systems(context)
        .flat_map(|file_system| of_file_system(file_system, context))
        .filter(|(id, resource)| {
            let once_tagged = untagged.is_some_and(|untagged| untagged.contains(*id));
            once_tagged || !resource.tags.is_empty()
        })
        .map(|(_, resource)| resource);

    let mut resources: Vec<Resource<'a>> = of_drs.chain(of_efs).collect();
    // AWS documents no order. This one is stable, as pages need it.
    resources.sort_by(|one, other| one.arn.cmp(&other.arn));
    resources
}

fn of_drs<'a>(drs: &'a Drs, context: &Context) -> Vec<Resource<'a>> {
    // Jobs have tags as well. They are left out, for nothing of drover depends on them.
    let servers = drs.source_servers.iter();
    let servers = servers.map(|server| ("source-server", &server.id, &server.tags));
    let instances = drs.recovery_instances.iter();
    let instances = instances.map(|instance| ("recovery-instance", &instance.id, &instance.tags));

    servers
        .chain(instances)
        .filter(|(_, id, tags)| !tags.is_empty() || drs.untagged.contains(*id))
        .map(|(kind, id, tags)| resource("drs", kind, id, texts(tags), context))
        .collect()
}

/// A file system and its access points, by ID.
fn of_file_system<'a>(
    file_system: &'a FileSystem,
    context: &Context,
) -> Vec<(&'a str, Resource<'a>)> {
    let service = "elasticfilesystem";
    let id = file_system.file_system_id.as_str();
    let tags = file_system.listed_tags();
    let mut resources = vec![(id, resource(service, "file-system", id, tags, context))];

    for point in &file_system.access_points {
        let (id, tags) = (point.access_point_id.as_str(), texts(&point.tags));
        resources.push((id, resource(service, "access-point", id, tags, context)));
    }
    resources
}

fn resource<'a>(
    service: &'static str,
    kind: &'static str,
    id: &str,
    tags: Vec<(&'a str, &'a str)>,
    context: &Context,
) -> Resource<'a> {
    let resource = format!("{kind}/{id}");

    Resource {
        arn: constraints::arn(service, &context.region, &context.account, &resource),
        service,
        kind,
        tags,
    }
}

fn texts(tags: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    let tags = tags.iter();
    tags.map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}
