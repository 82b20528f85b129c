//! Recovery points on the wire, which the API calls recovery snapshots.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{ApiResult, Request},
        context::Context,
        ids::digest,
    },
    drs::{
        api::lists::{List, time},
        model::{Model, SourceServer},
    },
};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct SnapshotFilters {
    from_date_time: Option<DateTime<Utc>>,
    to_date_time: Option<DateTime<Utc>>,
}

/// `DescribeRecoverySnapshots`.
pub(super) fn describe(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let drs = model.region_mut(&context.region)?;
    let mut list: List<SnapshotFilters> = request.read()?;
    let filters = list.take_filters();

    // The model has no error for a missing server, so it has no points.
    let Ok(server) = drs.source_server(list.source_server_id()?) else {
        return list.page(Vec::new(), context, request);
    };

    // Newest first is the default order.
    let mut times = server.points(context.now);
    times.retain(|time| {
        filters.from_date_time.is_none_or(|from| *time >= from)
            && filters.to_date_time.is_none_or(|to| *time <= to)
    });
    if list.order.as_deref() == Some("ASC") {
        times.reverse();
    }

    let points = times.into_iter().map(|time| point_json(server, time));
    list.page(points.collect(), context, request)
}

/// A recovery point. Its IDs are derived from its server and its time, so that they are the same
/// in every answer.
fn point_json(server: &SourceServer, taken: DateTime<Utc>) -> Value {
    let id = |kind: &str| digest(&format!("{kind} {} {}", server.id, taken.timestamp()));

    json!({
        "snapshotID": format!("pit-{:017x}", id("point")),
        "sourceServerID": server.id,
        "expectedTimestamp": time(taken),
        "timestamp": time(taken),
        "ebsSnapshots": [format!("snap-{:017x}", id("snapshot"))],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::TimeDelta;

    use super::*;
    use crate::{
        drs::api::fixtures::{ONE, TWO, call, world},
        world::World,
    };

    /// The times of the points of a server, by ID.
    fn points(world: &mut World, id: &str) -> BTreeMap<String, String> {
        let input = json!({ "sourceServerID": id, "maxResults": 100 });
        let list = call(world, "DescribeRecoverySnapshots", input).unwrap();
        let text = |item: &Value, name: &str| item[name].to_string();

        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| (text(item, "snapshotID"), text(item, "timestamp")))
            .collect()
    }

    #[test]
    fn recovery_point_belongs_to_one_server_and_one_time() {
        let mut world = world();
        let (one, two) = (points(&mut world, ONE), points(&mut world, TWO));
        assert_eq!((one.len(), two.len()), (37, 37));
        assert!(one.keys().all(|id| !two.contains_key(id)));

        let now = world.now;
        world.advance_to(now + TimeDelta::minutes(15));
        let later = points(&mut world, ONE);
        assert!(later.keys().filter(|id| one.contains_key(*id)).count() > 30);
        assert!(
            later
                .iter()
                .all(|(id, time)| one.get(id).is_none_or(|before| before == time))
        );
        assert!(
            one.keys().any(|id| !later.contains_key(id)),
            "the oldest points are gone"
        );
    }
}
