// Retires DRS source servers: the job of disconnect-source-server with the AWS SDK for JavaScript, for the benchmark.

import {
  DisconnectSourceServerCommand,
  DrsClient,
  UntagResourceCommand,
  paginateDescribeJobs,
  paginateDescribeRecoveryInstances,
  paginateDescribeRecoverySnapshots,
  paginateDescribeSourceServers,
} from "@aws-sdk/client-drs";

import { Rejected, each, parse, report, run } from "./runtime.mjs";

const {
  MODE = "plan",
  APPROVAL_TAG = "drover:approved",
  PROTECTION_TAG = "drover:protected",
  MAX_TARGETS = "10",
  MAX_SHARE_PERCENT = "10",
} = process.env;
const FIELDS = ["version", "requestID", "expiresAt", "action", "targets", "dryRun"];
const PAGE_SIZE = 250;
const IDS_IN_A_FILTER = 200;
const CALLS_AT_ONCE = 8;

// Made once for all events of a process, with its connections.
const drs = new DrsClient({ maxAttempts: 3, requestHandler: { connectionTimeout: 5000, requestTimeout: 5000 } });

run((event) => each(event, answer));

async function answer(event) {
  let request;
  try {
    request = parse(event, "Source Server Decommission Requested", "targets", FIELDS);
    if ((request.action ?? "disconnect") !== "disconnect") throw new Rejected("invalid_value");
    if (!request.targets.every((server) => server.sourceServerID)) throw new Rejected("missing_field");
  } catch (error) {
    if (error instanceof Rejected) return { outcome: "rejected", reason: error.message, targets: [] };
    throw error;
  }
  const snapshot = await observe(request);
  const targets = plan(request, snapshot);
  if (MODE === "enforce" && !request.dryRun) {
    await execute(targets.filter((target) => target.outcome === "planned"));
  }
  return report(
    request.requestID,
    targets.map(({ target, outcome, reason, server, points }) => ({
      target,
      outcome,
      reason,
      evidence: { stateAfter: server ? state(server) : "no record", recoveryPoints: points },
    })),
  );
}

// Everything that the plan depends on. An error ends the invocation: a list that was not read is not empty.
async function observe({ targets }) {
  const ids = targets.map((server) => server.sourceServerID);
  // A share can only be taken of all servers; one target is always allowed.
  const all = () => items(paginateDescribeSourceServers, { filters: {} }, PAGE_SIZE);
  const seen = await (ids.length > 1 ? all() : describe(ids));
  const points = await atOnce(ids, async (sourceServerID) => {
    return (await items(paginateDescribeRecoverySnapshots, { sourceServerID })).length;
  });
  const jobs = await items(paginateDescribeJobs, {});
  const unfinished = jobs.filter((job) => job.status !== "COMPLETED");
  const working = unfinished.flatMap((job) => job.participatingServers ?? []);
  const inJobs = new Set(working.map((server) => server.sourceServerID));
  const launched = new Map();
  for (const some of chunks(ids)) {
    for (const instance of await items(paginateDescribeRecoveryInstances, { filters: { sourceServerIDs: some } })) {
      launched.set(instance.sourceServerID, instance.isDrill ?? false);
    }
  }
  return {
    servers: new Map(seen.map((server) => [server.sourceServerID, server])),
    connected: seen.filter((server) => state(server) !== "DISCONNECTED").length,
    inJobs,
    launched,
    points: new Map(ids.map((id, at) => [id, points[at]])),
  };
}

function plan(request, snapshot) {
  const named = new Set();
  const targets = request.targets.map((target) => {
    const id = target.sourceServerID;
    const server = snapshot.servers.get(id);
    const [outcome, reason] = named.has(id) ? ["refused", "named_twice"] : decide(request, target, server, snapshot);
    named.add(id);
    return { id, target, server, outcome, reason, points: snapshot.points.get(id) };
  });
  const refuse = (some, reason) => some.forEach((target) => Object.assign(target, { outcome: "refused", reason }));
  const acting = targets.filter((target) => target.outcome === "planned");
  if (targets.length > Number(MAX_TARGETS)) refuse(targets, "over_max_targets");
  const share = Math.max(Math.floor((snapshot.connected * Number(MAX_SHARE_PERCENT)) / 100), 1);
  if (targets.length > 1 && acting.length > share) refuse(acting, "over_max_share");
  return targets;
}

// What is to be done about one server, by the first rule that applies.
function decide(request, target, server, { launched, inJobs }) {
  if (!server) return ["refused", "not_found"];
  const hints = server.sourceProperties?.identificationHints ?? {};
  for (const name of ["hostname", "fqdn", "awsInstanceID"]) {
    if (target[name] !== undefined && target[name] !== hints[name]) return ["refused", `${name}_mismatch`];
  }
  const approval = server.tags?.[APPROVAL_TAG];
  if (server.tags?.[PROTECTION_TAG] !== undefined) return ["refused", "protected"];
  if (state(server) === "DISCONNECTED" && approval === undefined) return ["already_done", "disconnected"];
  if (approval === undefined) return ["refused", "not_approved"];
  if (approval !== request.requestID) return ["refused", "approved_for_another_request"];
  if (state(server) === "DISCONNECTED") return ["planned", "plan_mode"];
  if ((server.stagingArea?.status ?? "NOT_EXTENDED") !== "NOT_EXTENDED") return ["refused", "extended"];
  if (server.replicationDirection === "FAILBACK") return ["refused", "failback_direction"];
  if (server.reversedDirectionSourceServerArn) return ["refused", "reversed_pair"];
  if (launched.has(server.sourceServerID)) {
    return ["refused", launched.get(server.sourceServerID) ? "drill_instance_present" : "recovery_instance_present"];
  }
  if (server.recoveryInstanceId) return ["refused", "recovery_instance_present"];
  if (inJobs.has(server.sourceServerID) || inJobs.has(undefined)) return ["refused", "job_running"];
  return ["planned", "plan_mode"];
}

// Disconnects, removes the approvals of what AWS answers as disconnected, and reads back.
async function execute(targets) {
  const connected = targets.filter((target) => state(target.server) !== "DISCONNECTED");
  await atOnce(connected, disconnect);
  const ended = targets.filter((target) => state(target.server) === "DISCONNECTED");
  await atOnce(ended, consumeApproval);
  await lookAgain(targets);
  for (const target of targets) {
    const done = state(target.server) === "DISCONNECTED" && target.server.tags?.[APPROVAL_TAG] === undefined;
    if (done) Object.assign(target, { outcome: "done", reason: "disconnected" });
    else if (target.error) Object.assign(target, { outcome: "indeterminate", reason: target.error });
    else Object.assign(target, { outcome: "pending", reason: "not_seen_yet" });
  }
}

async function disconnect(target) {
  const command = new DisconnectSourceServerCommand({ sourceServerID: target.id });
  target.server = (await change(target, command)) ?? target.server;
}

async function consumeApproval(target) {
  await change(target, new UntagResourceCommand({ resourceArn: target.server.arn, tagKeys: [APPROVAL_TAG] }));
}

// The answer to one call that changes something; none if it failed.
async function change(target, command) {
  try {
    return await drs.send(command);
  } catch (error) {
    target.error = error.name;
  }
}

async function lookAgain(targets) {
  if (targets.length === 0) return;
  const servers = await describe(targets.map((target) => target.id));
  const seen = new Map(servers.map((server) => [server.sourceServerID, server]));
  for (const target of targets) target.server = seen.get(target.id) ?? target.server;
}

function state(server) {
  return server.dataReplicationInfo?.dataReplicationState;
}

async function describe(ids) {
  const seen = [];
  for (const some of chunks(ids)) {
    seen.push(...(await items(paginateDescribeSourceServers, { filters: { sourceServerIDs: some } }, PAGE_SIZE)));
  }
  return seen;
}

// The items of all pages.
async function items(paginate, input, pageSize) {
  const found = [];
  for await (const page of paginate({ client: drs, pageSize }, input)) found.push(...(page.items ?? []));
  return found;
}

function chunks(ids) {
  return Array.from({ length: Math.ceil(ids.length / IDS_IN_A_FILTER) }, (_, at) =>
    ids.slice(at * IDS_IN_A_FILTER, (at + 1) * IDS_IN_A_FILTER),
  );
}

async function atOnce(list, call) {
  const results = new Array(list.length);
  let next = 0;
  const worker = async () => {
    while (next < list.length) {
      const at = next++;
      results[at] = await call(list[at]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(CALLS_AT_ONCE, list.length) }, worker));
  return results;
}
