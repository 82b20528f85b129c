//! Jobs on the wire.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::{
        call::{ApiResult, Request, put},
        context::Context,
    },
    drs::{
        api::{
            launches::launch_status,
            lists::{List, Nothing, arn, time},
        },
        model::{Job, Model},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobName {
    #[serde(rename = "jobID")]
    id: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct JobFilters {
    #[serde(rename = "jobIDs")]
    ids: Vec<String>,
    from_date: Option<DateTime<Utc>>,
    to_date: Option<DateTime<Utc>>,
}

impl JobFilters {
    fn match_job(&self, job: &Job) -> bool {
        (self.ids.is_empty() || self.ids.contains(&job.id))
            && self.from_date.is_none_or(|from| job.created_at >= from)
            && self.to_date.is_none_or(|to| job.created_at <= to)
    }
}

/// `DescribeJobs`.
pub(super) fn describe(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let drs = model.region_mut(&context.region)?;
    let mut list: List<JobFilters> = request.read()?;
    let filters = list.take_filters();

    // Dates of filters are inclusive.
    let matching = drs.jobs.iter().filter(|job| filters.match_job(job));
    let items = matching.map(|job| job_json(job, context)).collect();
    list.page(items, context, request)
}

/// `DescribeJobLogItems`.
pub(super) fn describe_log(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let drs = model.region_mut(&context.region)?;
    let list: List<Nothing> = request.read()?;

    // The model has no error for a missing job, so its log is empty.
    let items = match drs.job(list.job_id()?) {
        Ok(job) => log_items(job, context.now),
        Err(_) => Vec::new(),
    };
    list.page(items, context, request)
}

/// `DeleteJob`.
pub(super) fn delete(model: &mut Model, context: &Context, request: &Request) -> ApiResult {
    let drs = model.region_mut(&context.region)?;
    let JobName { id } = request.read()?;

    drs.delete_job(&id, context.now)?;
    Ok((204, Some(json!({}))))
}

fn log_items(job: &Job, now: DateTime<Utc>) -> Vec<Value> {
    let item =
        |at_time, event| json!({ "logDateTime": time(at_time), "event": event, "eventData": {} });

    // The real log has more events in between. These two are the ones that every job has.
    let mut items = vec![item(job.created_at, "JOB_START")];
    if now >= job.ends_at {
        items.push(item(job.ends_at, "JOB_END"));
    }
    items
}

/// A job as DRS describes it.
pub(super) fn job_json(job: &Job, context: &Context) -> Value {
    let status = job.status(context.now);
    let server_ids = job.source_server_ids.iter().enumerate();
    let servers: Vec<Value> = server_ids
        .map(|(index, id)| {
            let participant = participant_json(job, index, id, context.now);
            // A launch may have failed on its own.
            context.without_made_up(participant, &["/launchStatus"])
        })
        .collect();

    let mut json = json!({
        "jobID": job.id,
        "arn": arn(context, "job", &job.id),
        "type": job.kind,
        "initiatedBy": job.initiated_by,
        "creationDateTime": time(job.created_at),
        "status": status,
        "participatingServers": servers,
        "tags": job.tags,
    });
    if !job.participating_resources.is_empty() {
        let resources = json!(job.participating_resources);
        put(&mut json, "participatingResources", resources);
    }
    // A job that has not ended has no end in its description.
    if status == "COMPLETED" {
        put(&mut json, "endDateTime", json!(time(job.ends_at)));
    }
    json
}

/// A server that takes part in a job.
fn participant_json(job: &Job, index: usize, id: &str, now: DateTime<Utc>) -> Value {
    let status = launch_status(job, now);
    let mut server = json!({ "sourceServerID": id, "launchStatus": status });

    // A termination lists its instances in the order of their servers.
    if let Some(instance) = job.recovery_instance_ids.get(index) {
        put(&mut server, "recoveryInstanceID", json!(instance));
    }
    server
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::drs::api::{
        check,
        fixtures::{INSTANCE, ONE, call, world},
    };

    #[test]
    fn launch_appears_on_its_server_job_and_instance() {
        let mut world = world();
        let now = world.now;
        let job = json!({ "jobID": "drsjob-00000000000000001", "type": "LAUNCH",
            "initiatedBy": "START_DRILL", "createdAt": now - TimeDelta::hours(1), "endsAt": now,
            "sourceServerIDs": [ONE] });
        world.here().jobs.push(serde_json::from_value(job).unwrap());

        let servers = call(&mut world, "DescribeSourceServers", json!({})).unwrap();
        let [launched, other] = [0, 1].map(|index| &servers["items"][index]);
        assert_eq!(launched["lastLaunchResult"], "SUCCEEDED");
        assert_eq!(other["lastLaunchResult"], "NOT_STARTED");
        let launch = &launched["lifeCycle"]["lastLaunch"];
        assert_eq!(launch["status"], "LAUNCHED");
        assert_eq!(launch["initiated"]["type"], "DRILL");

        let instances = call(&mut world, "DescribeRecoveryInstances", json!({})).unwrap();
        let instance = &instances["items"][0];
        assert_eq!(instance["jobID"], launch["initiated"]["jobID"]);
        assert_eq!(instance["originAvailabilityZone"], "us-west-2a");
        assert_eq!(
            instance["recoveryInstanceProperties"]["disks"][0]["bytes"],
            100_u64 << 30
        );

        let terminate = json!({ "recoveryInstanceIDs": [INSTANCE] });
        let terminated = call(&mut world, "TerminateRecoveryInstances", terminate).unwrap();
        assert_eq!(
            terminated["job"]["participatingServers"][0]["recoveryInstanceID"],
            INSTANCE
        );
        check(&world.drs, |region| world.context(region)).unwrap();
    }
}
