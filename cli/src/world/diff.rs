//! What differs between two worlds, a line a resource.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use emulator::{World, knows};
use serde_json::{Map, Value};

use crate::{
    console::{BAD, GOOD, WARN},
    sanitize::sanitize,
};

/// The resources of a world, by place and ID.
type Resources = BTreeMap<(String, String), Resource>;

/// A resource, as far as it can differ.
#[derive(Debug, Default, PartialEq, Eq)]
struct Resource {
    /// What people call it, if it has a name.
    name: Option<String>,
    /// The values of its members, by path.
    members: BTreeMap<String, String>,
    /// The answer that lists it; `None` for the account itself.
    listed_by: Option<Listing>,
}

/// The answer that lists a resource: its Region, its operation, and the file system that it is about,
/// if it is about one alone.
#[derive(Debug, PartialEq, Eq)]
struct Listing {
    region: String,
    operation: &'static str,
    file_system: Option<String>,
}

/// A list of resources: the member that is the ID, those that are names, and the answer of AWS that
/// lists them.
struct List {
    member: &'static str,
    id: &'static str,
    names: &'static [&'static str],
    operation: &'static str,
}

/// The lists of a Region.
const LISTS: [List; 4] = [
    List {
        member: "sourceServers",
        id: "sourceServerID",
        names: &["hostname", "fqdn"],
        operation: "DescribeSourceServers",
    },
    List {
        member: "recoveryInstances",
        id: "recoveryInstanceID",
        names: &[],
        operation: "DescribeRecoveryInstances",
    },
    List {
        member: "jobs",
        id: "jobID",
        names: &[],
        operation: "DescribeJobs",
    },
    List {
        member: "fileSystems",
        id: "fileSystemId",
        names: &[],
        operation: "DescribeFileSystems",
    },
];
/// The lists inside a file system.
const PARTS: [List; 2] = [
    List {
        member: "mountTargets",
        id: "mountTargetId",
        names: &[],
        operation: "DescribeMountTargets",
    },
    List {
        member: "accessPoints",
        id: "accessPointId",
        names: &[],
        operation: "DescribeAccessPoints",
    },
];
/// What only the emulator keeps: which IDs it may not assign again, and the time.
const BOOKKEEPING: [&str; 4] = ["gone", "untagged", "now", "began"];

/// What differs, a line each: `-` for what is gone, `+` for what is new, `~` for what has changed,
/// `?` for what was not collected for one of them. The clock is not compared.
///
/// # Errors
///
/// When a world cannot be written as JSON.
pub(crate) fn changes(before: &World, after: &World) -> Result<Vec<String>> {
    let worlds = [before, after];
    let [before, after] = [resources(before)?, resources(after)?];
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();

    // In the order of places, then of IDs.
    let mut lines = Vec::new();
    for key in keys {
        let (place, id) = key;
        let line = match (before.get(key), after.get(key)) {
            // What nobody collected is neither gone nor new.
            (Some(one), None) | (None, Some(one)) if !is_known(worlds, one) => {
                format!("{WARN}?{WARN:#} {}: not collected", title(id, one, place))
            }
            (Some(before), None) => format!("{BAD}-{BAD:#} {}", title(id, before, place)),
            (None, Some(after)) => format!("{GOOD}+{GOOD:#} {}", title(id, after, place)),
            (Some(before), Some(after)) if before != after => {
                let title = title(id, after, "");
                format!("{WARN}~{WARN:#} {title}: {}", differences(before, after))
            }
            _ => continue,
        };
        lines.push(line);
    }
    Ok(lines)
}

/// Whether both worlds know of a resource whether they have it.
fn is_known(worlds: [&World; 2], resource: &Resource) -> bool {
    let Some(listing) = &resource.listed_by else {
        return true;
    };

    let (region, operation) = (&listing.region, listing.operation);
    let file_system = listing.file_system.as_deref();
    let mut worlds = worlds.iter();
    worlds.all(|world| knows(world.known.as_ref(), region, operation, file_system))
}

/// A resource by its ID, its name, and the place in which it is.
fn title(id: &str, resource: &Resource, place: &str) -> String {
    let name = resource.name.as_ref();
    let name = name.map_or_else(String::new, |name| format!(" ({})", sanitize(name)));
    let place = if place.is_empty() {
        String::new()
    } else {
        format!(" in {place}")
    };

    format!("{}{name}{}", sanitize(id), sanitize(&place))
}

fn differences(before: &Resource, after: &Resource) -> String {
    let names: BTreeSet<&String> = before.members.keys().chain(after.members.keys()).collect();

    let differences = names.into_iter().filter_map(|name| {
        let values = (before.members.get(name), after.members.get(name));
        // An absent member has a default, which nobody wrote.
        let difference = match values {
            (Some(before), Some(after)) if before != after => {
                format!("{name} {before} -> {after}")
            }
            (Some(_), None) => format!("{name} removed"),
            (None, Some(after)) => format!("{name} {after} added"),
            _ => return None,
        };
        Some(sanitize(&difference))
    });
    differences.collect::<Vec<_>>().join("; ")
}

fn resources(world: &World) -> Result<Resources> {
    let known = world.known.as_ref();
    let Value::Object(mut world) = serde_json::to_value(world)? else {
        return Ok(Resources::new());
    };
    let mut resources = Resources::new();

    for (service, operation) in [
        ("drs", "DescribeSourceServers"),
        ("efs", "DescribeFileSystems"),
    ] {
        let Some(Value::Object(regions)) = world.remove(service) else {
            continue;
        };
        for (region, value) in regions {
            let Value::Object(mut members) = value else {
                continue;
            };
            add_region(&region, &mut members, &mut resources);
            // A Region may be initialised without having anything.
            let own = Resource::of(&mut members, &[]).listed_by(&region, operation, None);
            resources.insert((String::new(), format!("{service} in {region}")), own);
        }
    }
    if let Some(Value::Array(replications)) = world.remove("replications") {
        for replication in replications {
            add_replication(replication, &mut resources);
        }
    }

    // A number that nobody counted is not nought.
    for ((region, id), resource) in &mut resources {
        let counts = |operation| knows(known, region, operation, Some(id));
        if let Some(points) = resource.members.get_mut("recoveryPoints")
            && !counts("DescribeRecoverySnapshots")
        {
            "unknown".clone_into(points);
        }
    }

    // What is left is the account's own: settings, faults, and what is known of it.
    let account = Resource::of(&mut world, &[]);
    resources.insert((String::new(), "account".to_owned()), account);
    Ok(resources)
}

fn add_region(region: &str, members: &mut Map<String, Value>, resources: &mut Resources) {
    for list in &LISTS {
        for mut item in items(members, list.member) {
            // The parts of a file system change on their own, and are resources of their own.
            let owner = item.get(list.id).and_then(Value::as_str).map(str::to_owned);
            for part in &PARTS {
                for item in items(&mut item, part.member) {
                    add(region, part, item, owner.clone(), resources);
                }
            }
            add(region, list, item, None, resources);
        }
    }
}

/// Takes a list of objects out of an object.
fn items(members: &mut Map<String, Value>, list: &str) -> Vec<Map<String, Value>> {
    let Some(Value::Array(items)) = members.remove(list) else {
        return Vec::new();
    };
    let objects = items.into_iter().filter_map(|item| match item {
        Value::Object(members) => Some(members),
        _ => None,
    });

    objects.collect()
}

fn add(
    place: &str,
    list: &List,
    mut members: Map<String, Value>,
    owner: Option<String>,
    resources: &mut Resources,
) {
    let Some(Value::String(id)) = members.remove(list.id) else {
        return;
    };
    let resource = Resource::of(&mut members, list.names);
    let resource = resource.listed_by(place, list.operation, owner);

    resources.insert((place.to_owned(), id), resource);
}

/// A replication is known by its two ends.
fn add_replication(replication: Value, resources: &mut Resources) {
    let Value::Object(mut members) = replication else {
        return;
    };
    let mut text = |name: &str| match members.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };

    let (from, to) = (text("sourceFileSystemId"), text("destinationFileSystemId"));
    let (region, other) = (text("sourceRegion"), text("destinationRegion"));
    let id = format!("{from} in {region} -> {to} in {other}");
    let operation = "DescribeReplicationConfigurations";
    let resource = Resource::of(&mut members, &[]).listed_by(&region, operation, Some(from));
    resources.insert((String::new(), id), resource);
}

impl Resource {
    fn of(members: &mut Map<String, Value>, names: &[&str]) -> Self {
        members.retain(|name, _| !BOOKKEEPING.contains(&name.as_str()));
        let text = |name: &str| members.get(name)?.as_str().map(str::to_owned);
        let tag = members
            .get("tags")
            .and_then(|tags| tags.get("Name")?.as_str());
        // A file system has no name but its tag.
        let name = names.iter().find_map(|name| text(name));

        let mut resource = Self {
            name: name.or_else(|| tag.map(str::to_owned)),
            members: BTreeMap::new(),
            listed_by: None,
        };
        for (name, value) in members.iter() {
            resource.flatten(name, value);
        }
        resource
    }

    /// The same with the answer that lists it.
    fn listed_by(self, region: &str, operation: &'static str, file_system: Option<String>) -> Self {
        Self {
            listed_by: Some(Listing {
                region: region.to_owned(),
                operation,
                file_system,
            }),
            ..self
        }
    }

    /// Adds a member, and those inside it by their paths.
    fn flatten(&mut self, path: &str, value: &Value) {
        match value {
            // A tag is a thing of its own for people, whatever dots are in its key.
            Value::Object(members) if path == "tags" => {
                for (key, value) in members {
                    self.flatten(&format!("tag {key}"), value);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    self.flatten(&format!("{path}.{name}"), value);
                }
            }
            Value::String(text) => {
                self.members.insert(path.to_owned(), text.clone());
            }
            // A list is compared as a whole.
            other => {
                self.members.insert(path.to_owned(), other.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use emulator::{FileSystem, SourceServer};

    use super::*;

    const ID: &str = "s-00000000000000001";

    fn world() -> World {
        let mut server = SourceServer::new(ID).tagged("drover:approved", "CHG1");
        server.hostname = Some("web01".to_owned());

        World::with([server]).with_file_system("eu-west-1", FileSystem::new("fs-00000001"))
    }

    /// The changes, without colours.
    fn plain(before: &World, after: &World) -> Vec<String> {
        let lines = changes(before, after).unwrap().into_iter();
        lines
            .map(|line| {
                let mut plain = line;
                for style in [BAD, GOOD, WARN] {
                    plain = plain.replace(&style.to_string(), "");
                    plain = plain.replace(&format!("{style:#}"), "");
                }
                plain
            })
            .collect()
    }

    #[test]
    fn a_world_does_not_differ_from_itself_later() {
        let before = world();
        let mut after = before.clone();
        after.now += chrono::TimeDelta::days(1);
        after.here().gone.insert("s-00000000000000009".to_owned());

        assert_eq!(plain(&before, &after), [""; 0]);
    }

    #[test]
    fn a_change_names_the_resource_and_its_members() {
        let before = world();
        let mut after = before.clone();
        let server = after.server(ID).unwrap();
        server.data_replication_state = "DISCONNECTED".to_owned();
        server.tags.clear();

        let line = "~ s-00000000000000001 (web01): dataReplicationState CONTINUOUS -> \
                    DISCONNECTED; tag drover:approved removed";
        assert_eq!(plain(&before, &after), [line]);
        let back = "~ s-00000000000000001 (web01): dataReplicationState DISCONNECTED -> \
                    CONTINUOUS; tag drover:approved CHG1 added";
        assert_eq!(plain(&after, &before), [back]);
    }

    #[test]
    fn names_of_others_do_not_control_the_terminal() {
        let before = world();
        let mut after = before.clone();
        let server = after.server(ID).unwrap();
        server.hostname = Some("web\u{1b}[2J\u{202e}01".to_owned());
        server.tags.insert("a\nb".to_owned(), "c\r".to_owned());

        let line = plain(&before, &after).remove(0);
        assert!(line.contains("tag a\u{fffd}b c\u{fffd} added"), "{line}");
        assert!(!line.contains(['\u{1b}', '\u{202e}', '\n', '\r']), "{line}");
    }

    #[test]
    fn what_is_gone_and_what_is_new_have_marks_of_their_own() {
        let before = world();
        let mut after = before.clone();
        after.here().source_servers.clear();
        let after = after.with_file_system("eu-west-1", FileSystem::new("fs-00000002"));

        let lines = [
            "+ fs-00000002 in eu-west-1",
            "- s-00000000000000001 (web01) in us-east-1",
        ];
        assert_eq!(plain(&before, &after), lines);
    }

    #[test]
    fn what_was_not_collected_is_neither_gone_nor_new_nor_nought() {
        let before = world();
        let mut after = before.clone();
        after.server(ID).unwrap().recovery_points = 0;
        after.efs.regions.clear();
        let collected = [("DescribeSourceServers".to_owned(), Default::default())];
        after.known = Some([("us-east-1".to_owned(), collected.into())].into());

        let lines = plain(&before, &after);
        let of_file_system = "? fs-00000001 in eu-west-1: not collected";
        assert!(lines.iter().any(|line| line == of_file_system), "{lines:?}");
        let is_gone = lines.iter().any(|line| line.starts_with('-'));
        assert!(!is_gone, "{lines:?}");
        let of_points = format!("~ {ID} (web01): recoveryPoints 37 -> unknown");
        assert!(lines.contains(&of_points), "{lines:?}");
    }

    #[test]
    fn settings_of_the_account_and_its_replications_are_compared() {
        let before = world();
        let mut after = before.clone();
        after.behaviour.page_size = 10;
        let efs = &mut after.efs;
        let ends = [("eu-west-1", "fs-00000001"); 2];
        efs.bind(ends[0], ends[1], before.now).unwrap();

        let lines = plain(&before, &after);
        assert_eq!(lines[0], "~ account: behaviour.pageSize 50 -> 10");
        let is_new = |line: &&String| line.starts_with("+ fs-00000001 in eu-west-1 -> fs-00000001");
        assert!(lines.iter().any(|line| is_new(&line)), "{lines:?}");
    }
}
