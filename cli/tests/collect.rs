//! `scripts/collect.sh` with a stand-in for the AWS CLI.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets the unexpected is to fail loudly"
)]
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// What stands in for the AWS CLI: it keeps what it is called with, and answers a little.
const AWS: &str = r#"#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
    *items*) printf 's-0123456789abcdef0\ts-0123456789abcdef1\n' ;;
    *FileSystems*) echo fs-0123456789abcdef0 ;;
    *MountTargets*) echo fsmt-0123456789abcdef0 ;;
    *describe-jobs*)
        echo 'An error occurred (AccessDeniedException) when calling DescribeJobs: no' >&2
        exit 254
        ;;
    *describe-backup-policy*)
        echo 'An error occurred (PolicyNotFound) when calling DescribeBackupPolicy: none' >&2
        exit 254
        ;;
    *) echo '{"items": []}' ;;
esac
"#;

/// Runs the script in a folder of its own: its output, and the calls that it made.
fn collect(name: &str, arguments: &[&str]) -> (Output, Vec<String>) {
    let folder = std::env::temp_dir().join(format!("drover-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let aws: PathBuf = folder.join("aws");
    fs::write(&aws, AWS).unwrap();
    fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
    let calls = folder.join("calls");

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/collect.sh");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .arg(script)
        .args(arguments)
        .env("PATH", path)
        .env("CALLS", &calls)
        .output()
        .unwrap();
    let called = fs::read_to_string(&calls).unwrap_or_default();
    fs::remove_dir_all(&folder).unwrap();

    (output, called.lines().map(str::to_owned).collect())
}

#[test]
fn only_what_describes_is_called_in_the_regions_that_were_given() {
    let (output, calls) = collect("calls", &["-p", "us-east-1", "eu-west-1"]);
    assert!(output.status.success());
    assert!(calls.len() > 20, "{calls:?}");

    for call in &calls {
        let words: Vec<&str> = call.split(' ').collect();
        assert!(["drs", "efs"].contains(&words[0]), "{call}");
        assert!(words[1].starts_with("describe-"), "{call}");
        assert_eq!(words[2], "--region", "{call}");
        assert!(["us-east-1", "eu-west-1"].contains(&words[3]), "{call}");
    }
    let points = calls
        .iter()
        .filter(|call| call.contains("describe-recovery-snapshots"));
    assert_eq!(points.count(), 4);
    let (_, calls) = collect("few-calls", &["us-east-1"]);
    assert!(
        calls
            .iter()
            .all(|call| !call.contains("describe-recovery-snapshots"))
    );
}

#[test]
fn what_may_not_be_read_is_said_and_the_rest_is_collected() {
    let (output, _) = collect("denied", &["us-east-1"]);
    let answers = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();

    assert!(output.status.success(), "{said}");
    assert!(
        answers.contains("{\"error\":\"AccessDeniedException\"}"),
        "{answers}"
    );
    assert!(
        answers.contains("{\"error\":\"PolicyNotFound\"}"),
        "{answers}"
    );
    assert!(answers.contains("\"answerOf\":\"efs describe-mount-target-security-groups\""));
    let complaints: Vec<&str> = said.lines().collect();
    assert_eq!(
        complaints.len(),
        1,
        "that there is no policy is an answer: {said}"
    );
    assert!(
        complaints[0].contains("us-east-1: drs describe-jobs: An error"),
        "{said}"
    );
}

#[test]
fn a_region_is_needed() {
    let (output, calls) = collect("nowhere", &[]);
    assert_eq!((output.status.code(), calls.len()), (Some(2), 0));
}
