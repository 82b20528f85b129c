//! Jobs on the wire.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{Reply, Request, input, put},
        error::ApiError,
    },
    drs::{
        api::{
            launches::{Context, launch_status},
            lists::{List, Nothing, arn, page, time},
        },
        model::types::{Drs, Job},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfJob {
    #[serde(rename = "jobID")]
    pub(crate) id: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(crate) struct JobFilters {
    #[serde(rename = "jobIDs")]
    pub(crate) ids: Vec<String>,
    pub(crate) from_date: Option<DateTime<Utc>>,
    pub(crate) to_date: Option<DateTime<Utc>>,
}

pub(crate) fn jobs(drs: &mut Drs, context: &Context, request: &Request) -> Reply {
    match request.operation.as_str() {
        "DescribeJobs" => {
            let list: List<JobFilters> = input(&request.input)?;
            let filters = list.filters.as_ref();
            let fits = |job: &&Job| {
                filters.is_none_or(|filters| {
                    (filters.ids.is_empty() || filters.ids.contains(&job.id))
                        && filters.from_date.is_none_or(|from| job.created_at >= from)
                        && filters.to_date.is_none_or(|to| job.created_at <= to)
                })
            };
            page(
                drs.jobs
                    .iter()
                    .filter(fits)
                    .map(|job| job_json(job, context))
                    .collect(),
                &list,
                request,
                context,
            )
        }
        "DescribeJobLogItems" => {
            let list: List<Nothing> = input(&request.input)?;
            let id = list
                .job_id
                .clone()
                .ok_or_else(|| ApiError::validation("jobID is required"))?;
            let items = drs
                .job(&id)
                .map(|job| log_items(job, context))
                .unwrap_or_default();
            page(items, &list, request, context)
        }
        _ => {
            let id = input::<OfJob>(&request.input)?.id;
            drs.delete_job(&id, context.now)
                .map(|()| (204, Some(json!({}))))
        }
    }
}

pub(crate) fn log_items(job: &Job, context: &Context) -> Vec<Value> {
    let item = |at: DateTime<Utc>, event: &str| json!({ "logDateTime": time(at), "event": event, "eventData": {} });
    let begun = item(job.created_at, "JOB_START");
    let ended = (context.now >= job.ends_at).then(|| item(job.ends_at, "JOB_END"));
    std::iter::once(begun).chain(ended).collect()
}

pub(crate) fn job_json(job: &Job, context: &Context) -> Value {
    let status = job.status(context.now);
    let server = |(at, id): (usize, &String)| {
        let mut server =
            json!({ "sourceServerID": id, "launchStatus": launch_status(job, context.now) });
        if let Some(instance) = job.recovery_instance_ids.get(at) {
            put(&mut server, "recoveryInstanceID", json!(instance));
        }
        server
    };
    let mut json = json!({
        "jobID": job.id,
        "arn": arn(context, "job", &job.id),
        "type": job.kind,
        "initiatedBy": job.initiated_by,
        "creationDateTime": time(job.created_at),
        "status": status,
        "participatingServers": job.source_server_ids.iter().enumerate().map(server).collect::<Vec<_>>(),
        "tags": job.tags,
    });
    if status == "COMPLETED" {
        put(&mut json, "endDateTime", json!(time(job.ends_at)));
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drs::api::fixtures::*;
    use crate::drs::api::{
        check,
        fixtures::{INSTANCE, ONE, call},
    };
    use chrono::TimeDelta;

    #[test]
    fn a_launch_is_seen_on_its_server_its_job_and_its_instance() {
        let mut world = world();
        let now = world.now;
        let job = json!({ "jobID": "drsjob-00000000000000001", "type": "LAUNCH", "initiatedBy": "START_DRILL",
            "createdAt": now - TimeDelta::hours(1), "endsAt": now, "sourceServerIDs": [ONE] });
        world.here().jobs.push(serde_json::from_value(job).unwrap());
        let servers = call(&mut world, "DescribeSourceServers", json!({})).unwrap();
        let [launched, other] = [0, 1].map(|at| &servers["items"][at]);
        assert_eq!(
            (&launched["lastLaunchResult"], &other["lastLaunchResult"]),
            (&json!("SUCCEEDED"), &json!("NOT_STARTED"))
        );
        let launch = &launched["lifeCycle"]["lastLaunch"];
        assert_eq!(
            (&launch["status"], &launch["initiated"]["type"]),
            (&json!("LAUNCHED"), &json!("DRILL"))
        );
        let instances = call(&mut world, "DescribeRecoveryInstances", json!({})).unwrap();
        let instance = &instances["items"][0];
        assert_eq!(instance["jobID"], launch["initiated"]["jobID"]);
        assert_eq!(
            instance["recoveryInstanceProperties"]["disks"][0]["bytes"],
            100_u64 << 30
        );
        assert_eq!(instance["originAvailabilityZone"], "us-west-2a");
        let terminated = call(
            &mut world,
            "TerminateRecoveryInstances",
            json!({ "recoveryInstanceIDs": [INSTANCE] }),
        );
        assert_eq!(
            terminated.unwrap()["job"]["participatingServers"][0]["recoveryInstanceID"],
            INSTANCE
        );
        check(&world).unwrap();
    }
}
