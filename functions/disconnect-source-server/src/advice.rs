//! What people can do about the reasons: who, what, and the command to paste.

use shared::Advice;

// Host names stay out of reports; this shows them to whoever may read the record.
const SHOW_NAMES: &str = "aws drs describe-source-servers --region {region} \
     --filters sourceServerIDs={sourceServerID} \
     --query 'items[].sourceProperties.identificationHints'";
const SHOW_RECORD: &str = "aws drs describe-source-servers --region {region} \
     --filters sourceServerIDs={sourceServerID}";
const LIST_NAMES: &str = "aws drs describe-source-servers --region {region} --output table \
     --query 'items[].[sourceServerID, sourceProperties.identificationHints.hostname]'";
const SHOW_INSTANCES: &str = "aws drs describe-recovery-instances --region {region} \
     --filters sourceServerIDs={sourceServerID}";
const SHOW_POINTS: &str = "aws drs describe-recovery-snapshots --region {region} \
     --source-server-id {sourceServerID}";
const TAG: &str = "aws drs tag-resource --region {region} --resource-arn {arn} \
     --tags {tag}={requestID}";

// What is the same for several reasons. Sending again is always safe: a plan starts from what is
// there.
pub(crate) const SEND_AGAIN: Advice = Advice::requester("Send the same request again.");
pub(crate) const COMPARE: Advice = Advice::requester(
    "Compare the request with the record. If the record is right, correct the request.",
)
.by(SHOW_NAMES);
pub(crate) const LOOK: Advice =
    Advice::operator("Look at the record. If AWS has added a state, update drover.")
        .by(SHOW_RECORD);

// What is done, or would be.
pub(crate) const AWAITS_DELETION: Advice = Advice::requester(
    "Nothing after an event: the follow-up machine deletes the record. After an invocation by \
     hand, send the report's nextRequest once AWS has removed the staging resources.",
);
pub(crate) const AWAITS_VERIFICATION: Advice = Advice::requester(
    "Nothing after an event: the follow-up machine verifies. After an invocation by hand, send the \
     report's nextRequest once AWS has removed the staging resources.",
);
pub(crate) const AWAIT_CLEANUP: Advice = Advice::requester(
    "Nothing after an event: the follow-up machine looks again. After an invocation by hand, send \
     the same request again. A delete with skipCleanupCheck true does not wait.",
)
.by(SHOW_POINTS);
pub(crate) const REPORT_LEFTOVERS: Advice = Advice::operator(
    "Open a case with AWS Support: DRS removes the staging resources itself. Keep the record until \
     then; a delete with skipCleanupCheck true gives it up.",
)
.by(SHOW_POINTS);
pub(crate) const UNINSTALL_AGENT: Advice = Advice::operator(
    "If the machine still exists, uninstall the AWS Replication Agent on it: stopAgent.sh and \
     uninstall_agent_linux.sh on Linux, install_agent_windows.exe --remove on Windows.",
);
pub(crate) const CARRY_OUT: Advice = Advice::requester(
    "To carry out the plan, send the request with dryRun false to a deployment with Mode=enforce.",
);
// Which server it is.
pub(crate) const FIND_REGION: Advice = Advice::requester(
    "Check the account and the Region: DRS lives in the recovery Region, not in that of the \
     machines.",
)
.by("aws drs describe-source-servers --region RECOVERY_REGION --max-items 1");
pub(crate) const FIND_SERVER: Advice =
    Advice::requester("Check the name, the account and the Region.").by(LIST_NAMES);
pub(crate) const NAME_ONE: Advice =
    Advice::requester("Find out which of them is meant, and name it by sourceServerID.")
        .by(LIST_NAMES);
pub(crate) const NAME_ONCE: Advice = Advice::requester("Name each source server once.");
pub(crate) const CHECK_ORIGIN: Advice = Advice::operator(
    "Compare the account and the Region of the event with those of the server. If they differ, \
     the event is about another machine.",
)
.by("aws drs describe-source-servers --region {region} \
     --filters sourceServerIDs={sourceServerID} --query 'items[].sourceCloudProperties'");
pub(crate) const ALLOW_ORIGIN: Advice = Advice::operator(
    "If machines of this account are to count, add it to SourceAccounts and deploy; then a request \
     for the server does what the event asked for.",
);
// Whether it may go. drover itself never sets an approval and never lifts a protection.
pub(crate) const UNPROTECT: Advice =
    Advice::approver("Remove the tag, if the server may go after all.")
        .by("aws drs untag-resource --region {region} --resource-arn {arn} --tag-keys {tag}");
pub(crate) const CHECK_MACHINE: Advice = Advice::requester(
    "Check that this is the machine which is to go. Once it is silent, send the request again; \
     after an event, send a request of your own.",
)
.by("aws drs describe-source-servers --region {region} \
     --filters sourceServerIDs={sourceServerID} \
     --query 'items[].lifeCycle.lastSeenByServiceDateTime'");
pub(crate) const APPROVE: Advice = Advice::approver("Approve the change on the server.").by(TAG);
pub(crate) const APPROVE_INSTEAD: Advice = Advice::approver(
    "Make sure that the other request is finished or withdrawn, then approve this one instead.",
)
.by(TAG);
// Whether somebody uses it. Ending that use is never automatic.
pub(crate) const END_RECOVERY: Advice = Advice::operator(
    "Make sure that nobody needs the recovery instance, then terminate it or disconnect it from \
     DRS.",
)
.by(SHOW_INSTANCES);
pub(crate) const END_DRILL: Advice =
    Advice::operator("End the drill, then send the same request again.")
        .by("aws drs terminate-recovery-instances --region {region} \
         --recovery-instance-ids {recoveryInstanceIDs}");
pub(crate) const WAIT_FOR_JOB: Advice =
    Advice::requester("Wait until the job has ended, then send the same request again.")
        .by("aws drs describe-jobs --region {region} --filters jobIDs={jobID}");
pub(crate) const FINISH_FAILBACK: Advice =
    Advice::operator("Finish or stop the failback, then send the same request again.")
        .by(SHOW_RECORD);
pub(crate) const END_PAIR: Advice = Advice::operator(
    "Stop the replication of the other source server first, if neither is needed.",
)
.by(SHOW_RECORD);
pub(crate) const SEND_ELSEWHERE: Advice =
    Advice::requester("Send the request in the account from which the server is extended.");
pub(crate) const REPAIR_EXTENSION: Advice =
    Advice::operator("Repair or remove the extension first.").by(SHOW_RECORD);
// What the deployment allows.
pub(crate) const DISCONNECT_FIRST: Advice =
    Advice::requester("Send the request with action disconnect or retire first.");
pub(crate) const ALLOW_DELETE: Advice = Advice::operator(
    "Set the parameter AllowDelete of the deployment to true, if drover may delete records.",
);
pub(crate) const SPLIT: Advice = Advice::requester("Split the request, or send it as a fleet.");
pub(crate) const RAISE_MAX_TARGETS: Advice =
    Advice::operator("Or raise the parameter MaxTargets of the deployment.");
pub(crate) const SEND_FEWER: Advice =
    Advice::requester("Send fewer servers at a time: the share is counted anew for each request.");
pub(crate) const RAISE_MAX_SHARE: Advice =
    Advice::operator("Or raise the parameter MaxSharePercent of the deployment.");
