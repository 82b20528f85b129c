//! STS, of which tools ask one thing before anything else: whose credentials these are.
//!
//! It speaks the Query protocol, forms in and XML out, so it is no service like the others.

use crate::aws::constraints;

/// The name of STS in signatures.
pub(crate) const SIGNING_NAME: &str = "sts";
/// The content type of its answers.
pub(crate) const CONTENT_TYPE: &str = "text/xml";

/// The only operation.
pub(crate) const GET_CALLER_IDENTITY: &str = "GetCallerIdentity";

/// The namespace of all its answers.
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The operation that a call names, in its form or in its query.
pub(crate) fn action(query: &str, body: &[u8]) -> String {
    let form = String::from_utf8_lossy(body);
    let pairs = form.split('&').chain(query.split('&'));

    let mut actions = pairs.filter_map(|pair| pair.strip_prefix("Action="));
    actions.next().unwrap_or_default().to_owned()
}

/// The answer to `GetCallerIdentity`: every caller is the same user of the account.
pub(crate) fn caller_identity(account: &str, region: &str) -> String {
    let partition = constraints::partition(region).unwrap_or("aws");

    // Neither an account nor a partition has a character that XML would need escaped.
    format!(
        "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\"><GetCallerIdentityResult>\
         <Arn>arn:{partition}:iam::{account}:user/drover</Arn>\
         <UserId>AIDAIOSFODNN7EXAMPLE</UserId><Account>{account}</Account>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>",
        uuid::Uuid::new_v4()
    )
}

/// The answer to any other operation.
pub(crate) fn invalid_action() -> String {
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>InvalidAction</Code>\
         <Message>Of STS, {GET_CALLER_IDENTITY} alone is emulated.</Message></Error>\
         <RequestId>{}</RequestId></ErrorResponse>",
        uuid::Uuid::new_v4()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_is_read_from_the_form_and_from_the_query() {
        let named = "Action=GetCallerIdentity&Version=2011-06-15";

        assert_eq!(action("", named.as_bytes()), GET_CALLER_IDENTITY);
        assert_eq!(action(named, b""), GET_CALLER_IDENTITY);
        assert_eq!(action("", b"Version=2011-06-15"), "");
    }

    #[test]
    fn caller_is_in_the_partition_of_its_region() {
        let identity = caller_identity("111122223333", "us-gov-west-1");
        assert!(identity.contains("<Arn>arn:aws-us-gov:iam::111122223333:user/drover</Arn>"));
        assert!(identity.contains("<Account>111122223333</Account>"));
    }
}
