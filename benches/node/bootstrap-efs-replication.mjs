// Begins EFS replications: the job of bootstrap-efs-replication with the AWS SDK for JavaScript, for the benchmark.
// It does what a new replication needs; furnishing the replica and overwriting an existing one are not in it.

import {
  CreateReplicationConfigurationCommand,
  DescribeFileSystemsCommand,
  DescribeReplicationConfigurationsCommand,
  EFSClient,
} from "@aws-sdk/client-efs";

import { Rejected, each, parse, report, run } from "./runtime.mjs";

const { MODE = "plan", MAX_TARGETS = "10", REPLICA_REGIONS = "*" } = process.env;
const FIELDS = ["version", "requestID", "expiresAt", "targets", "dryRun"];
const CONFIG = { maxAttempts: 3, requestHandler: { connectionTimeout: 5000, requestTimeout: 5000 } };

// Made once for all events of a process, with its connections. Which other Regions there are, a request says.
const efs = new EFSClient(CONFIG);
const away = new Map();

run((event) => each(event, answer));

async function answer(event) {
  let request;
  try {
    request = parse(event, "File System Replication Requested", "targets", FIELDS);
    const ids = request.targets.map((target) => target.sourceFileSystemId);
    if (!ids.every(Boolean) || new Set(ids).size < ids.length) throw new Rejected("invalid_value");
    if (!request.targets.every((target) => target.destination?.region)) throw new Rejected("missing_field");
  } catch (error) {
    if (error instanceof Rejected) return { outcome: "rejected", reason: error.message, targets: [] };
    throw error;
  }
  const targets = [];
  for (const target of request.targets) {
    if (request.targets.length > Number(MAX_TARGETS)) targets.push(say(target, ["refused", "over_max_targets"]));
    else targets.push(await replicate(target, request.dryRun));
  }
  return report(request.requestID, targets);
}

// Looks, decides, creates the replication if it is to be, and looks again.
async function replicate(target, dryRun) {
  let view = await look(target);
  const first = plan(target, view);
  if (first[0] !== "planned" || dryRun || MODE !== "enforce") return say(target, first, view);
  let failed;
  try {
    const Destinations = [{ Region: target.destination.region }];
    const SourceFileSystemId = target.sourceFileSystemId;
    await efs.send(new CreateReplicationConfigurationCommand({ SourceFileSystemId, Destinations }));
  } catch (error) {
    failed = error.name;
  }
  view = await look(target);
  const last = plan(target, view);
  if (last[0] !== "planned") return say(target, last, view);
  return say(target, failed ? ["indeterminate", failed] : ["pending", "not_seen_yet"], view);
}

// Both sides of a target. An error ends the invocation, but for the words for what is not there.
async function look({ sourceFileSystemId: id }) {
  const source = await fileSystem(efs, id);
  const replication = source && (await replicationOf(id));
  const destination = replication?.SourceFileSystemId === id ? replication.Destinations[0] : undefined;
  const replica = destination && (await fileSystem(inRegion(destination.Region), destination.FileSystemId));
  return { source, replication, replica };
}

// What is to be done about one file system, by the first rule that applies.
function plan(target, { source, replication }) {
  const { region } = target.destination;
  if (!source) return ["refused", "not_found"];
  if (REPLICA_REGIONS !== "*" && !REPLICA_REGIONS.split(",").includes(region)) return ["refused", "region_not_allowed"];
  if (replication) return planExisting(target, replication);
  const protection = source.FileSystemProtection?.ReplicationOverwriteProtection;
  if (protection === "REPLICATING") return ["refused", "source_is_a_destination"];
  if (["creating", "updating"].includes(source.LifeCycleState)) return ["pending", "source_not_available"];
  if (source.LifeCycleState !== "available") return ["refused", "source_unusable"];
  if (!source.Encrypted && !target.acceptNoFailback) return ["refused", "failback_impossible"];
  return ["planned", "plan_mode"];
}

function planExisting(target, replication) {
  const [destination] = replication.Destinations;
  if (replication.SourceFileSystemId !== target.sourceFileSystemId) return ["refused", "source_is_a_destination"];
  if (destination.Region !== target.destination.region) return ["refused", "replicates_elsewhere"];
  if (destination.Status === "ENABLING") return ["pending", "replication_enabling"];
  if (destination.Status === "DELETING") return ["refused", "replication_deleting"];
  if (destination.Status !== "ENABLED") return ["failed", "replication_in_error"];
  if (!destination.LastReplicatedTimestamp) return ["pending", "first_sync_running"];
  return ["already_done", "replica_usable"];
}

function say(target, [outcome, reason], view) {
  const destination = view?.replication?.Destinations[0];
  const evidence = {
    destinationFileSystemId: destination?.FileSystemId,
    status: destination?.Status,
    replicaState: view?.replica?.LifeCycleState,
  };
  return { target, outcome, reason, evidence };
}

async function fileSystem(client, FileSystemId) {
  try {
    return (await client.send(new DescribeFileSystemsCommand({ FileSystemId }))).FileSystems[0];
  } catch (error) {
    if (error.name === "FileSystemNotFound") return undefined;
    throw error;
  }
}

async function replicationOf(FileSystemId) {
  try {
    return (await efs.send(new DescribeReplicationConfigurationsCommand({ FileSystemId }))).Replications[0];
  } catch (error) {
    if (["ReplicationNotFound", "FileSystemNotFound"].includes(error.name)) return undefined;
    throw error;
  }
}

// The client of another Region, made when it is first wanted and kept.
function inRegion(region) {
  if (!away.has(region)) away.set(region, new EFSClient({ ...CONFIG, region }));
  return away.get(region);
}
