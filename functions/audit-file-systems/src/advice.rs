//! What people can do about the reasons and findings: who, what, and the command to paste.

use shared::Advice;

// A source is looked at in its own Region, a replica in the other.
const SHOW_REPLICATION: &str = "aws efs describe-replication-configurations --region {region} \
     --file-system-id {sourceFileSystemId}";
const SHOW_REPLICA: &str = "aws efs describe-file-systems --region {destinationRegion} \
     --file-system-id {destinationFileSystemId}";
const LIST: &str = "aws efs describe-file-systems --region {region} --output table \
     --query 'FileSystems[].[FileSystemId, Name, LifeCycleState]'";

// About the audit itself.
pub(crate) const SEND_AGAIN: Advice =
    Advice::requester("Send the same request again, or name fewer file systems.");
pub(crate) const FIND: Advice =
    Advice::requester("Check the ID, the account and the Region.").by(LIST);
pub(crate) const MAKE_READABLE: Advice = Advice::operator(
    "Fix what the message names, such as a permission or a Region that is off, then audit again.",
)
.by("aws efs describe-file-systems --region {unreadRegion} --max-items 1");
pub(crate) const AUDIT_THERE: Advice =
    Advice::operator("Look at the replica in its own account.").by(SHOW_REPLICA);

// What keeps data from being replicated.
pub(crate) const RECREATE: Advice = Advice::operator(
    "Delete the replication, which leaves the replica behind, then create a new one.",
)
.by(
    "aws efs delete-replication-configuration --region {region} \
     --source-file-system-id {sourceFileSystemId}",
);
pub(crate) const FIND_REPLICA: Advice = Advice::operator(
    "Find out what became of the replica. If it is gone, delete the replication, then create a new \
     one.",
)
.by(SHOW_REPLICATION);
pub(crate) const PROMOTE: Advice = Advice::operator(
    "If the data is needed, delete what is left of the replication, which makes the replica \
     writable. If it is not, delete the replica afterwards.",
)
.by(
    "aws efs delete-replication-configuration --region {destinationRegion} \
     --source-file-system-id {sourceFileSystemId}",
);
pub(crate) const FIND_CAUSE: Advice = Advice::operator(
    "Find out why EFS paused it: a full destination, a key that cannot be used, or a Region that \
     is disabled. EFS resumes by itself.",
)
.by(SHOW_REPLICATION);
pub(crate) const SEND_OR_UNTAG: Advice = Advice::requester(
    "If no replica is needed, remove the tag. Otherwise send a request for it, once nothing else is \
     said against it.",
)
.by(
    "aws efs untag-resource --region {region} --resource-id {sourceFileSystemId} \
     --tag-keys drover:replicate-to",
);
pub(crate) const SET_TAG: Advice = Advice::requester("Set the tag to the Region of the replica.")
    .by(
        "aws efs tag-resource --region {region} --resource-id {sourceFileSystemId} \
         --tags Key=drover:replicate-to,Value=REPLICA_REGION",
    );
pub(crate) const UPDATE: Advice =
    Advice::operator("Look at the file system. If AWS has added a state, update drover.")
        .by(SHOW_REPLICATION);
pub(crate) const CATCH_UP: Advice = Advice::operator(
    "Find out what holds it up. Many changes, more than 100 million files, or files over 100 GB \
     take longer than 15 minutes.",
)
.by(
    "aws cloudwatch get-metric-statistics --region {region} --namespace AWS/EFS \
     --metric-name TimeSinceLastSync --statistics Maximum --period 3600 --start-time START \
     --end-time END --dimensions Name=FileSystemId,Value={sourceFileSystemId} \
     Name=DestinationFileSystemId,Value={destinationFileSystemId}",
);
pub(crate) const WAIT: Advice = Advice::operator(
    "Wait for the first sync. If it should be complete by now, look at the replication.",
)
.by(SHOW_REPLICATION);

// What keeps a replica from being used.
pub(crate) const LOOK_AT_REPLICA: Advice =
    Advice::operator("Look at the replica, and repair what is in error.").by(SHOW_REPLICA);
pub(crate) const MOUNT: Advice = Advice::operator(
    "Create a mount target in each Availability Zone in which the replica is to be mounted.",
)
.by(
    "aws efs create-mount-target --region {destinationRegion} \
     --file-system-id {destinationFileSystemId} --subnet-id SUBNET_ID --security-groups SECURITY_GROUP_ID",
);
pub(crate) const PROTECT: Advice =
    Advice::operator("Enable it again, unless an overwrite is about to be requested.")
        .by("aws efs update-file-system-protection --region {region} \
     --file-system-id {sourceFileSystemId} --replication-overwrite-protection ENABLED");
pub(crate) const REPLICATE_ELSEWHERE: Advice = Advice::operator(
    "If the replica is in the wrong Region, delete the replication, and request a replica in the \
     right one. If it is in the right one, correct or remove the tag.",
)
.by(
    "aws efs delete-replication-configuration --region {region} \
     --source-file-system-id {sourceFileSystemId}",
);
pub(crate) const KEEP_OR_REPLACE: Advice = Advice::operator(
    "Decide whether the key matters. It cannot be changed: another one needs a new replica, and \
     another first sync.",
)
.by(SHOW_REPLICA);
pub(crate) const SHARE_REGION: Advice = Advice::operator(
    "Decide whether one Region is enough. A replica in another one needs a new replication, and \
     another first sync.",
)
.by(SHOW_REPLICATION);
pub(crate) const PROVISION: Advice =
    Advice::requester("Compare the replica with its source, and request what is lacking.")
        .by(SHOW_REPLICA);
pub(crate) const EDIT_POLICY: Advice = Advice::operator(
    "Remove what the message names from the source's policy, or write the replica's policy by hand.",
)
.by(
    "aws efs describe-file-system-policy --region {region} --file-system-id {sourceFileSystemId}",
);
pub(crate) const MARK: Advice =
    Advice::requester("Look at the replica. A request for it verifies it, and marks it as usable.")
        .by(SHOW_REPLICA);
