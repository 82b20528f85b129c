//! What people can do about the reasons: who, what, and the command to paste.

use shared::Advice;

// The source is looked at in its own Region, the replica in the other.
const SHOW_SOURCE: &str = "aws efs describe-file-systems --region {region} \
     --file-system-id {sourceFileSystemId}";
const SHOW_REPLICATION: &str = "aws efs describe-replication-configurations --region {region} \
     --file-system-id {sourceFileSystemId}";
const SHOW_REPLICA: &str = "aws efs describe-file-systems --region {destinationRegion} \
     --file-system-id {destinationFileSystemId}";
const TAG_SOURCE: &str = "aws efs tag-resource --region {region} \
     --resource-id {sourceFileSystemId} --tags Key=drover:replicate-to,Value=REPLICA_REGION";
const APPROVE_OVERWRITE: &str = "aws efs tag-resource --region {destinationRegion} \
     --resource-id {destinationFileSystemId} --tags Key={tag},Value={requestID}";

pub(crate) const WAIT: Advice = Advice::requester(
    "Nothing after an event: the follow-up machine goes on. After an invocation by hand, send the \
     same request again.",
);
pub(crate) const CORRECT: Advice = Advice::requester("Correct the request and send it again.");
pub(crate) const LOOK_AT_REPLICA: Advice =
    Advice::operator("Look at the replica, and repair what is in error.").by(SHOW_REPLICA);

// What is done, or would be.
pub(crate) const MARK_ANEW: Advice = Advice::requester(
    "Nothing, or send the request with a new expiresAt, so that the replica is marked.",
);
pub(crate) const SEND_ANEW: Advice =
    Advice::requester("Send the request with a new expiresAt. It goes on from what is there.");
pub(crate) const FREE_A_TAG: Advice = Advice::operator(
    "Nothing, or remove a tag of the replica and send the same request again, so that it is marked.",
);
pub(crate) const ADD_MOUNT_TARGETS: Advice = Advice::requester(
    "Send a request that names its mountTargets, so that the replica can be mounted in a disaster.",
);
pub(crate) const SET_DEFAULTS: Advice = Advice::operator(
    "Or name subnets of the Region in the parameter ReplicaDefaults of the deployment, and set the \
     tag again.",
)
.by(
    "aws efs tag-resource --region {region} --resource-id {sourceFileSystemId} \
     --tags Key=drover:replicate-to,Value={destinationRegion}",
);
pub(crate) const COMPARE_KEYS: Advice =
    Advice::operator("Compare the ARN that KMS gives for the alias with the key of the replica.")
        .by("aws kms describe-key --region {destinationRegion} --key-id {requestedKmsKeyId}");
pub(crate) const CARRY_OUT: Advice = Advice::requester(
    "To carry out the plan, send the request with dryRun false to a deployment with Mode=enforce.",
);
// Which file system it is.
pub(crate) const FIND: Advice = Advice::requester(
    "Check the ID, the account and the Region: replication starts in the Region of the source.",
)
.by(SHOW_SOURCE);
pub(crate) const NAME_ONCE: Advice =
    Advice::requester("Name each source, and each existing destination, once.");
pub(crate) const COMPARE: Advice =
    Advice::requester("Send the request in the account and Region of the ARN, or correct the ARN.");
pub(crate) const DEPLOY_THERE: Advice = Advice::operator(
    "Deploy drover with Functions=efs in the account and Region of the file system, then tag it there or send the request there.",
);
pub(crate) const LOOK_AT_SOURCE: Advice = Advice::operator("Look at the source.").by(SHOW_SOURCE);
pub(crate) const SET_TAG: Advice =
    Advice::requester("Set the tag to the Region of the replica.").by(TAG_SOURCE);
pub(crate) const NAME_THE_ORIGIN: Advice =
    Advice::requester("Name a file system that is not a replica; EFS replicates no replica.")
        .by(SHOW_REPLICATION);
pub(crate) const DELETE_OR_ADOPT: Advice = Advice::requester(
    "Name the destination that it has, or delete that replication first, if it is not needed.",
)
.by(SHOW_REPLICATION);
pub(crate) const WAIT_FOR_DELETION: Advice =
    Advice::requester("Wait until the replication is deleted, then send the same request again.")
        .by(SHOW_REPLICATION);
// Where the replica may be.
pub(crate) const OTHER_REGION: Advice = Advice::requester("Choose a Region that is allowed.");
pub(crate) const ALLOW_REGION: Advice =
    Advice::operator("Or add the Region to the parameter ReplicaRegions of the deployment.");
pub(crate) const KEEP_KEY: Advice = Advice::requester(
    "Leave out kmsKeyId, in the request or in ReplicaDefaults, to take the replica as it is. A key can \
     be chosen only for a new one.",
);
pub(crate) const PROVISION_THERE: Advice = Advice::requester(
    "Leave out `replica`, and provision the file system by a deployment in its own account.",
);
pub(crate) const FIND_DESTINATION: Advice =
    Advice::requester("Check the ID, the Region and the account of the destination.")
        .by(SHOW_REPLICA);
// The three keys of an overwrite, each turned by somebody else.
pub(crate) const CONFIRM: Advice = Advice::requester(
    "If the contents of the destination may be lost, repeat its ID in `overwrite`.",
);
pub(crate) const APPROVE: Advice = Advice::approver(
    "If the contents of the destination may be lost, approve the overwrite on it.",
)
.by(APPROVE_OVERWRITE);
pub(crate) const APPROVE_INSTEAD: Advice = Advice::approver(
    "Make sure that the other request is finished or withdrawn, then approve this one instead.",
)
.by(APPROVE_OVERWRITE);
pub(crate) const UNPROTECT: Advice =
    Advice::approver("Remove the tag, if the contents of the destination may be lost after all.")
        .by("aws efs untag-resource --region {destinationRegion} \
     --resource-id {destinationFileSystemId} --tag-keys {tag}");
pub(crate) const DISABLE_PROTECTION: Advice = Advice::operator(
    "If the contents of the destination may be lost, disable its overwrite protection. drover \
     never does.",
)
.by(
    "aws efs update-file-system-protection --region {destinationRegion} \
     --file-system-id {destinationFileSystemId} --replication-overwrite-protection DISABLED",
);
pub(crate) const OTHER_DESTINATION: Advice = Advice::requester(
    "Choose another destination, or delete that replication first, if it is not needed.",
)
.by(
    "aws efs describe-replication-configurations --region {destinationRegion} \
     --file-system-id {destinationFileSystemId}",
);
pub(crate) const ENCRYPTED_DESTINATION: Advice =
    Advice::requester("Choose an encrypted destination, or leave it to EFS to create one.");
pub(crate) const ACCEPT_NO_FAILBACK: Advice = Advice::requester(
    "Set acceptNoFailback to true if it never has to be replicated back, or copy the data to an \
     encrypted file system first.",
);
pub(crate) const SPLIT: Advice = Advice::requester("Split the request, or send it as a fleet.");
pub(crate) const RAISE_MAX_TARGETS: Advice =
    Advice::operator("Or raise the parameter MaxTargets of the deployment.");
// What EFS reports of a replication or a replica.
pub(crate) const FIND_CAUSE: Advice = Advice::operator(
    "Find out why EFS paused it: a full destination, a key that cannot be used, or a Region that \
     is disabled. EFS resumes by itself.",
)
.by(SHOW_REPLICATION);
pub(crate) const RECREATE: Advice = Advice::operator(
    "Delete the replication, which leaves the replica behind, then send the same request again.",
)
.by(
    "aws efs delete-replication-configuration --region {region} \
     --source-file-system-id {sourceFileSystemId}",
);
pub(crate) const CHANGE_GROUPS: Advice = Advice::operator(
    "Change the security groups of the mount target, or those of the request or ReplicaDefaults.",
)
.by(
    "aws efs describe-mount-targets --region {destinationRegion} \
     --file-system-id {destinationFileSystemId}",
);
pub(crate) const FREE_TAGS: Advice =
    Advice::operator("Remove tags that are not needed from the replica.").by(SHOW_REPLICA);
pub(crate) const EDIT_POLICY: Advice = Advice::operator(
    "Remove the ARN from the source's policy, or write the replica's policy by hand and leave out \
     `policy`.",
)
.by("aws efs describe-file-system-policy --region {region} --file-system-id {sourceFileSystemId}");
pub(crate) const UPDATE: Advice =
    Advice::operator("Look at the file system. If AWS has added a state, update drover.")
        .by(SHOW_REPLICATION);
