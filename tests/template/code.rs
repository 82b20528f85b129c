//! `examples/stacksets/code.yaml`: the bucket from which an organization deploys.

use serde_json::{Value, json};
use template::{Deployment, Role, ask};

use super::policies::assert_private;

fn code() -> Deployment {
    Deployment::code(&[
        ("BucketPrefix", "example-drover"),
        ("Organization", "o-a1b2c3d4e5"),
    ])
}

#[test]
fn the_bucket_of_the_code_is_private_versioned_and_encrypted_and_its_name_ends_with_the_region() {
    let deployment = code();
    let [(name, bucket)] = deployment.of_type("AWS::S3::Bucket")[..] else {
        panic!("one bucket")
    };

    assert_private(name, bucket);
    assert_eq!(bucket["BucketName"], "example-drover-us-east-1");
    assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled");
    let rules = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"];
    let algorithm = &rules[0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"];
    assert_eq!(
        *algorithm, "AES256",
        "a key of KMS is not readable elsewhere"
    );
}

#[test]
fn accounts_of_the_organization_may_read_the_code_by_https_and_do_nothing_else() {
    let deployment = code();
    let policy = &deployment.properties("CodePolicy")["PolicyDocument"];
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Principal"], "*", "{statement}");
    }

    // Whoever deploys asks with the key of its organization; a service has none.
    let policy = Role::read(policy);
    let bucket = deployment.arn("Code");
    let asked = |action: &str, path: &str, organization: &str, tls: &str| {
        ask(action, &format!("{bucket}{path}"))
            .with("aws:PrincipalOrgID", organization)
            .with("aws:SecureTransport", tls)
    };
    let zip = "/drover/1.2.3/audit-file-systems-arm64.zip";
    let own = "o-a1b2c3d4e5";

    for (action, path, organization, tls, expected) in [
        ("s3:GetObject", zip, own, "true", true),
        ("s3:GetObject", zip, own, "false", false),
        ("s3:GetObject", zip, "o-zzzzzzzzzz", "true", false),
        ("s3:GetObject", "/other/1.zip", own, "true", false),
        ("s3:ListBucket", "", own, "true", false),
        ("s3:PutObject", zip, own, "true", false),
        ("s3:DeleteObject", zip, own, "true", false),
    ] {
        let may = policy.allows(&asked(action, path, organization, tls));
        assert_eq!(may, expected, "{action} {path} {organization} {tls}");
    }
    let without =
        ask("s3:GetObject", &format!("{bucket}{zip}")).with("aws:SecureTransport", "true");
    assert!(!policy.allows(&without), "without an organization");
}

/// By these conditions S3 does not take the policy for a public one, which the bucket blocks.
#[test]
fn the_policy_of_the_code_names_one_organization() {
    let deployment = code();
    let allowing: Vec<&Value> = deployment.properties("CodePolicy")["PolicyDocument"]["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|statement| statement["Effect"] == "Allow")
        .collect();

    let [statement] = allowing[..] else {
        panic!("one statement")
    };
    let organization = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-a1b2c3d4e5" } });
    assert_eq!(statement["Condition"], organization);
}
