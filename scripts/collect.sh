#!/bin/sh
# Collects what `drover world import` makes a world of, with the AWS CLI: read-only calls to DRS and EFS in the Regions
# given. Before each answer stands a label that says which call it answers. What may not be read is said on standard
# error and in the answers, and the rest is collected all the same.
#
#     scripts/collect.sh us-east-1 eu-west-1 > answers.json
#     scripts/collect.sh -p us-east-1 > answers.json      # recovery points too: one call for each source server
#
# What it calls, and what a role needs to be allowed:
#     drs:DescribeSourceServers, drs:DescribeRecoveryInstances, drs:DescribeJobs, drs:DescribeRecoverySnapshots (-p),
#     elasticfilesystem:DescribeFileSystems, :DescribeReplicationConfigurations, :DescribeMountTargets,
#     :DescribeMountTargetSecurityGroups, :DescribeAccessPoints, :DescribeLifecycleConfiguration, :DescribeBackupPolicy,
#     :DescribeFileSystemPolicy
set -u

usage() {
    echo "usage: scripts/collect.sh [-p] REGION... > answers.json" >&2
    exit 2
}

points=
while getopts p option; do
    case $option in
        p) points=yes ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage

command -v aws > /dev/null || {
    echo "collect.sh: there is no aws on the path: install the AWS CLI" >&2
    exit 2
}
# Version 2 of the AWS CLI opens a pager where there is a terminal; version 1 knows no option against it.
export AWS_PAGER=
errors=$(mktemp) || exit 1
trap 'rm -f "$errors"' EXIT

# Prints a label and the answer of a command: SERVICE COMMAND REGION [RESOURCE ARGUMENT...]
collect() {
    service=$1 command=$2 region=$3 resource=${4:-}
    shift 3
    [ $# -eq 0 ] || shift

    at=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    label="\"answerOf\":\"$service $command\",\"region\":\"$region\",\"at\":\"$at\""
    [ -z "$resource" ] || label="$label,\"resource\":\"$resource\""
    printf '{%s}\n' "$label"

    # No answer may be half of one, so it is printed once it is whole.
    if answer=$(aws "$service" "$command" --region "$region" --output json "$@" 2> "$errors"); then
        printf '%s\n' "$answer"
        return
    fi
    code=$(sed -n 's/^.*An error occurred (\([A-Za-z]*\)).*$/\1/p' "$errors" | head -n 1)
    printf '{"error":"%s"}\n' "${code:-NoAnswer}"
    case $code in
        # A file system without a policy, and a Region without DRS, are known to be so.
        PolicyNotFound | UninitializedAccountException) ;;
        *) echo "collect.sh: $region: $service $command${resource:+ $resource}: $(grep . "$errors" | tail -n 1)" >&2 ;;
    esac
}

# Prints one member of each item of a list, a line each; nothing where the list may not be read.
names() {
    service=$1 command=$2 region=$3 query=$4
    shift 4

    aws "$service" "$command" --region "$region" --output text --query "$query" "$@" 2> /dev/null |
        tr '\t' '\n' | sed '/^None$/d; /^$/d'
}

for region in "$@"; do
    collect drs describe-source-servers "$region"
    collect drs describe-recovery-instances "$region"
    collect drs describe-jobs "$region"
    if [ -n "$points" ]; then
        for server in $(names drs describe-source-servers "$region" 'items[].sourceServerID'); do
            collect drs describe-recovery-snapshots "$region" "$server" --source-server-id "$server"
        done
    fi

    collect efs describe-file-systems "$region"
    collect efs describe-replication-configurations "$region"
    collect efs describe-access-points "$region"
    for id in $(names efs describe-file-systems "$region" 'FileSystems[].FileSystemId'); do
        collect efs describe-mount-targets "$region" "$id" --file-system-id "$id"
        collect efs describe-lifecycle-configuration "$region" "$id" --file-system-id "$id"
        collect efs describe-backup-policy "$region" "$id" --file-system-id "$id"
        collect efs describe-file-system-policy "$region" "$id" --file-system-id "$id"

        targets=$(names efs describe-mount-targets "$region" 'MountTargets[].MountTargetId' --file-system-id "$id")
        for target in $targets; do
            collect efs describe-mount-target-security-groups "$region" "$target" --mount-target-id "$target"
        done
    done
done
