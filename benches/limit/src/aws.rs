//! Calls to AWS: signature version 4, and JSON both ways.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use ring::{digest, hmac};
use serde_json::Value;

use crate::{connection::Connection, environment::variable};

/// One service at one endpoint. Each Region is spoken to by a connection of its own, opened by the
/// first call and kept, since each has a host of its own in AWS.
pub(crate) struct Aws {
    host: String,
    region: String,
    access_key: String,
    secret_key: String,
    authorities: String,
    connections: BTreeMap<String, Connection>,
}

/// A call, and what its signature says it is for.
pub(crate) struct Call<'a> {
    pub(crate) service: &'a str,
    pub(crate) region: Option<&'a str>,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) body: Option<Value>,
}

/// An answer: its JSON, or the code of AWS's error.
pub(crate) type Reply = Result<Value, String>;

impl Aws {
    /// Region, credentials and authorities as the environment has them.
    pub(crate) fn from_env(endpoint: &str) -> Result<Self> {
        Ok(Self {
            host: endpoint
                .strip_prefix("https://")
                .context("the endpoint is not https")?
                .to_owned(),
            region: variable("AWS_REGION")?,
            access_key: variable("AWS_ACCESS_KEY_ID")?,
            secret_key: variable("AWS_SECRET_ACCESS_KEY")?,
            authorities: variable("AWS_CA_BUNDLE")?,
            connections: BTreeMap::new(),
        })
    }

    /// Makes a call.
    pub(crate) fn call(&mut self, call: Call<'_>) -> Result<Reply> {
        let body = call.body.as_ref().map(Value::to_string).unwrap_or_default();
        let time = basic(now());
        let authorization = self.sign(&call, &body, &time);
        let path = if call.query.is_empty() {
            call.path.to_owned()
        } else {
            format!("{}?{}", call.path, call.query)
        };

        let headers = [
            ("host", self.host.as_str()),
            ("x-amz-date", &time),
            ("authorization", &authorization),
            ("content-type", "application/json"),
        ];

        let region = call.region.unwrap_or(&self.region);
        let connection = match self.connections.entry(region.to_owned()) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(place) => {
                let name = self.host.split(':').next().unwrap_or(&self.host);
                place.insert(Connection::secure(name, &self.host, &self.authorities)?)
            }
        };

        let answer = connection.send(call.method, &path, &headers, body.as_bytes())?;
        if answer.status >= 300 {
            let code = answer
                .header("x-amzn-errortype")
                .unwrap_or("unknown")
                .to_owned();
            return Ok(Err(code));
        }

        if answer.body.is_empty() {
            return Ok(Ok(Value::Null));
        }

        Ok(Ok(serde_json::from_slice(&answer.body)?))
    }

    /// A call that must succeed.
    pub(crate) fn must(&mut self, call: Call<'_>) -> Result<Value> {
        let what = format!("{} {}", call.method, call.path);
        match self.call(call)? {
            Ok(answer) => Ok(answer),
            Err(code) => bail!("{what}: {code}"),
        }
    }

    fn sign(&self, call: &Call<'_>, body: &str, time: &str) -> String {
        let (region, date) = (
            call.region.unwrap_or(&self.region),
            time.get(..8).unwrap_or_default(),
        );
        // The path is escaped once more than it is sent.
        let path: Vec<String> = call.path.split('/').map(escape).collect();
        let canonical = format!(
            "{}\n{}\n{}\nhost:{}\nx-amz-date:{time}\n\nhost;x-amz-date\n{}",
            call.method,
            path.join("/"),
            call.query,
            self.host,
            hex(digest::digest(&digest::SHA256, body.as_bytes()).as_ref())
        );

        let scope = format!("{date}/{region}/{}/aws4_request", call.service);
        let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let mut key = format!("AWS4{}", self.secret_key).into_bytes();

        for part in [date, region, call.service, "aws4_request"] {
            key = mac(&key, part);
        }

        let signature = hex(&mac(
            &key,
            &format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}"),
        ));
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}",
            self.access_key
        )
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text as it stands in a path or a query.
pub(crate) fn escape(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes()
        .map(|byte| {
            if plain(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// What time it is, in seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|past| past.as_secs().try_into().ok())
        .unwrap_or_default()
}

/// A time as signatures have it, such as 20261122T000000Z.
fn basic(seconds: i64) -> String {
    // The civil calendar from days, with years that begin in March.
    let (days, rest) = (
        seconds.div_euclid(86_400) + 719_468,
        seconds.rem_euclid(86_400),
    );

    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (date, month) = (
        of_year - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    let year = year + era * 400 + i64::from(month <= 2);

    format!(
        "{year:04}{month:02}{date:02}T{:02}{:02}{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

/// The seconds since 1970 of a time such as 2026-11-22T00:00:00Z.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let field = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, date) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };

    let of_year = (153 * month + 2) / 5 + date - 1;
    let days =
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year
            - 719_468;

    text.ends_with('Z')
        .then_some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_by_the_calendar() {
        for (text, at) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
        ] {
            assert_eq!(seconds(text), Some(at));
            assert_eq!(basic(at), text.replace(['-', ':'], ""));
        }
        assert_eq!(seconds("2024-02-29T23:59:59+02:00"), None);
    }

    /// The key of AWS's own example of a signature, version 4.
    #[test]
    fn a_key_is_derived_as_in_the_example_of_aws() {
        let mut key = b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_vec();
        for part in ["20150830", "us-east-1", "iam", "aws4_request"] {
            key = mac(&key, part);
        }
        assert_eq!(
            hex(&key),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
    }

    #[test]
    fn an_arn_is_escaped_as_one_segment() {
        assert_eq!(escape("arn:aws/x y"), "arn%3Aaws%2Fx%20y");
    }
}
