//! What people can do about the reasons and findings: who, what, and the command to paste.

use shared::Advice;

// Host names stay out of reports; this shows them to whoever may read the record.
const SHOW_RECORD: &str = "aws drs describe-source-servers --region {region} \
     --filters sourceServerIDs={sourceServerID}";
const SHOW_REPLICATION: &str = "aws drs describe-source-servers --region {region} \
     --filters sourceServerIDs={sourceServerID} --query 'items[].dataReplicationInfo'";
const LIST_SERVERS: &str = "aws drs describe-source-servers --region {region} --output table \
     --query 'items[].[sourceServerID, sourceProperties.identificationHints.hostname]'";

// About the audit itself.
pub(crate) const SEND_AGAIN: Advice = Advice::requester("Send the same request again.");
pub(crate) const FIND_REGION: Advice = Advice::requester(
    "Check the account and the Region: DRS lives in the recovery Region, not in that of the \
     machines.",
)
.by("aws drs describe-source-servers --region RECOVERY_REGION --max-items 1");
pub(crate) const FIND_SERVER: Advice =
    Advice::requester("Check the ID, the account and the Region.").by(LIST_SERVERS);

// What keeps a server from being recovered.
pub(crate) const MEND_REPLICATION: Advice = Advice::operator(
    "Mend what keeps the machine from replicating, or retire the server if the machine is gone.",
)
.by(SHOW_REPLICATION);
pub(crate) const CATCH_UP: Advice = Advice::operator(
    "Find out what holds it up: the network, the replication server, or the disks of the machine.",
)
.by(SHOW_REPLICATION);
pub(crate) const START_REPLICATION: Advice =
    Advice::operator("Start the replication again, or retire the server.")
        .by("aws drs start-replication --region {region} --source-server-id {sourceServerID}");
pub(crate) const REPAIR_EXTENSION: Advice =
    Advice::operator("Repair or remove the extension.").by(SHOW_RECORD);
pub(crate) const LOOK: Advice =
    Advice::operator("Look at the record. If AWS has added a state, update drover.")
        .by(SHOW_RECORD);
// What may be retired. drover itself never sets an approval.
pub(crate) const CHECK_MACHINE: Advice =
    Advice::operator("Find out whether the machine still exists. If it does, repair its agent.")
        .by(SHOW_RECORD);
/// Beside an offered request that is not approved yet.
pub(crate) const APPROVE: Advice =
    Advice::approver("If the server may go, approve the request that is offered.")
        .by("aws drs tag-resource --region {region} --resource-arn {arn} --tags {tag}={requestID}");
pub(crate) const SEND: Advice =
    Advice::requester("Send the request that was approved, or remove the approval.")
        .by("aws drs untag-resource --region {region} --resource-arn {arn} --tag-keys {tag}");
pub(crate) const RETIRE_DUPLICATE: Advice = Advice::operator(
    "Keep the server that replicates the machine as it is now, and retire the other.",
)
.by(LIST_SERVERS);
// What somebody left behind.
pub(crate) const FINISH_FAILBACK: Advice =
    Advice::operator("Finish or stop the failback.").by(SHOW_RECORD);
pub(crate) const END_RECOVERY: Advice = Advice::operator(
    "Make sure that nobody needs the recovery instance, then terminate it or disconnect it from \
     DRS.",
)
.by("aws drs describe-recovery-instances --region {region} \
     --filters sourceServerIDs={sourceServerID}");
pub(crate) const END_DRILL: Advice = Advice::operator("End the drill.")
    .by("aws drs terminate-recovery-instances --region {region} \
         --recovery-instance-ids {recoveryInstanceIDs}");
pub(crate) const WAIT_FOR_STAGING: Advice = Advice::operator(
    "If it was disconnected more than 90 minutes ago, look for staging resources that AWS left \
     behind.",
)
.by("aws drs describe-recovery-snapshots --region {region} --source-server-id {sourceServerID}");
pub(crate) const DELETE_RECORD: Advice =
    Advice::requester("If nobody needs the record, approve and send a request with action delete.")
        .by(SHOW_RECORD);
pub(crate) const RAISE_QUOTA: Advice =
    Advice::operator("Retire what is not needed, or ask AWS for more.")
        .by("aws service-quotas list-service-quotas --region {region} --service-code drs");
