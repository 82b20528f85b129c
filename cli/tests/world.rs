//! `drover world` as a process of its own.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets the unexpected is to fail loudly"
)]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::json;

const ANSWERS: &str = r#"
{"answerOf": "drs describe-source-servers", "region": "us-east-1"}
{"items": [{"sourceServerID": "s-0123456789abcdef0",
    "arn": "arn:aws:drs:us-east-1:111122223333:source-server/s-0123456789abcdef0",
    "dataReplicationInfo": {"dataReplicationState": "CONTINUOUS"},
    "sourceProperties": {"identificationHints": {"hostname": "payroll01"}},
    "tags": {"drover:approved": "CHG1"}}]}
{"answerOf": "drs describe-recovery-instances", "region": "us-east-1"}
{"items": []}
{"answerOf": "drs describe-jobs", "region": "us-east-1"}
{"error": "AccessDeniedException"}
"#;

/// A folder of a test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("drover-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Writes a file, and returns its path.
    fn write(&self, name: &str, text: &str) -> String {
        let file = self.0.join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs the command with a text as its standard input.
fn drover(arguments: &[&str], input: &str) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut child = Command::new(env!("CARGO_BIN_EXE_drover"))
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());

    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn answers_become_a_world_and_what_is_missing_is_said() {
    let imported = drover(&["world", "import", "-"], ANSWERS);
    let (world, said) = (text(&imported.stdout), text(&imported.stderr));

    assert!(imported.status.success(), "{said}");
    assert!(world.contains("\"hostname\": \"payroll01\""), "{world}");
    for line in [
        "read     1 source server in us-east-1, account 111122223333",
        "the answer of drs describe-jobs is not whole: AccessDeniedException: running jobs",
        "nothing of EFS was collected",
        "next     drover plan --world WORLD.json EVENT.json",
    ] {
        assert!(said.contains(line), "`{line}` is not in {said}");
    }
}

#[test]
fn an_agent_that_talked_when_it_was_collected_keeps_its_server() {
    let folder = Folder::new("alive");
    let now = chrono::Utc::now();
    let time = |minutes| (now - chrono::TimeDelta::minutes(minutes)).to_rfc3339();
    let server = json!({
        "sourceServerID": "s-0123456789abcdef0",
        "arn": "arn:aws:drs:us-east-1:111122223333:source-server/s-0123456789abcdef0",
        "dataReplicationInfo": { "dataReplicationState": "CONTINUOUS" },
        "sourceCloudProperties": { "originAccountID": "111122223333", "originRegion": "us-east-1" },
        "lifeCycle": { "lastSeenByServiceDateTime": time(2) },
        "sourceProperties": { "identificationHints": { "awsInstanceID": "i-0123456789abcdef0" } },
        "tags": { "drover:approved": "i-0123456789abcdef0" },
    });
    let answers = [
        json!({ "answerOf": "drs describe-source-servers", "region": "us-east-1" }),
        json!({ "items": [server] }),
        json!({ "answerOf": "drs describe-recovery-instances", "region": "us-east-1" }),
        json!({ "items": [] }),
        json!({ "answerOf": "drs describe-jobs", "region": "us-east-1" }),
        json!({ "items": [] }),
    ];
    let answers = answers.map(|answer| answer.to_string()).join("\n");
    let world = text(&drover(&["world", "import", "-"], &answers).stdout);
    let world = folder.write("world.json", &world);
    let plan = |minutes| {
        let event = json!({
            "source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification",
            "account": "111122223333", "region": "us-east-1", "time": time(minutes),
            "detail": { "instance-id": "i-0123456789abcdef0", "state": "terminated" },
        });
        let event = folder.write("event.json", &event.to_string());
        text(&drover(&["plan", "--json", &event, "--world", &world], "").stdout)
    };

    // A machine that was terminated an hour ago does not talk.
    let planned = plan(60);
    assert!(planned.contains("\"agent_alive\""), "{planned}");
    let planned = plan(5);
    assert!(
        planned.contains("1 of 1 would be disconnected"),
        "{planned}"
    );
}

#[test]
fn a_world_is_not_written_over_another_without_force() {
    let folder = Folder::new("import");
    let answers = folder.write("answers.json", ANSWERS);
    let world = folder.path("world.json");
    let import = |more: &[&str]| {
        let arguments = ["world", "import", &answers, "--output", &world];
        drover(&[&arguments, more].concat(), "")
    };

    assert!(import(&[]).status.success());
    let refused = import(&[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("Add --force"));
    assert!(import(&["--force"]).status.success());
}

#[test]
fn wrong_answers_are_refused_by_file_and_member() {
    let folder = Folder::new("refused");
    let answers = folder.write("answers.json", &ANSWERS.replace("CONTINUOUS", "RESTING"));
    let wrong = folder.write("wrong.json", r#"{"items": [{"sourceServerID": 1}]}"#);

    for (file, parts) in [
        (answers, ["these answers make no world", "RESTING"]),
        (wrong, ["wrong.json, document 1", "items[0]"]),
    ] {
        let refused = drover(&["world", "import", &file, "--account", "111122223333"], "");
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        assert!(refused.stdout.is_empty());
    }
}

#[test]
fn a_redacted_world_can_be_read_and_names_nobody() {
    let folder = Folder::new("redact");
    let world = folder.path("world.json");
    let imported = drover(
        &["world", "import", "-", "--redact", "--output", &world],
        ANSWERS,
    );
    assert!(imported.status.success(), "{}", text(&imported.stderr));

    let redacted = fs::read_to_string(&world).unwrap();
    for secret in ["payroll", "111122223333", "CHG1", "0123456789abcdef"] {
        assert!(!redacted.contains(secret), "{secret} is in {redacted}");
    }
    assert!(redacted.contains("drover:approved"), "{redacted}");
    let same = drover(&["world", "diff", &world, &world], "");
    assert!(same.status.success(), "{}", text(&same.stderr));
}

#[test]
fn worlds_that_differ_are_told_apart_by_the_exit_code() {
    let folder = Folder::new("diff");
    let worlds = ["before.json", "after.json"].map(|name| folder.path(name));
    let approved = ANSWERS.replace("\"drover:approved\": \"CHG1\"", "");
    for (world, answers) in worlds.iter().zip([ANSWERS, &approved]) {
        let imported = drover(&["world", "import", "-", "--output", world], answers);
        assert!(imported.status.success(), "{}", text(&imported.stderr));
    }

    let same = drover(&["world", "diff", &worlds[0], &worlds[0]], "");
    assert_eq!(
        (same.status.code(), text(&same.stdout).as_str()),
        (Some(0), "")
    );
    let differ = drover(&["world", "diff", &worlds[0], &worlds[1]], "");
    assert_eq!(differ.status.code(), Some(1));
    let line = "~ s-0123456789abcdef0 (payroll01): tag drover:approved removed\n";
    assert_eq!(text(&differ.stdout), line);
    let missing = drover(&["world", "diff", &worlds[0], "/no/such/file"], "");
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn an_invocation_says_what_changed_in_the_saved_world() {
    let folder = Folder::new("saved");
    let world = folder.path("saved.json");
    let event = "events/disconnect-source-server/request.json";
    let invoked = drover(
        &["invoke", event, "--mode", "plan", "--save-world", &world],
        "",
    );

    let said = text(&invoked.stderr);
    assert!(
        said.contains(&format!("nothing changed in {world}")),
        "{said}"
    );
    let invoked = drover(&["invoke", event, "--save-world", &world, "--force"], "");
    let said = text(&invoked.stderr);
    assert!(
        said.contains(&format!("what changed in {world}:\n~ s-")),
        "{said}"
    );
    assert!(
        said.contains("dataReplicationState CONTINUOUS -> DISCONNECTED"),
        "{said}"
    );
    assert!(said.contains("tag drover:approved removed"), "{said}");
}
