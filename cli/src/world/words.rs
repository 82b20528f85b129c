//! The words that stand for names, addresses, accounts and IDs: the same one for the same text.

use std::{collections::BTreeMap, net::Ipv4Addr};

/// The prefixes of the IDs of AWS.
const IDS: [&str; 20] = [
    "s", "i", "fs", "fsap", "fsmt", "subnet", "sg", "vpc", "vpce", "drsjob", "sn", "pit", "snap",
    "eni", "vol", "ami", "o", "r", "ou", "mrk",
];

/// What each text was replaced with.
#[derive(Default)]
pub(super) struct Words {
    replaced: BTreeMap<String, String>,
    /// How many texts of each kind there are.
    counts: BTreeMap<String, usize>,
}

impl Words {
    /// What stands for a text that may be an ID, an ARN, an address, an account or a name.
    pub(super) fn name(&mut self, kind: &str, text: &str) -> String {
        // Nothing has no name.
        if text.is_empty() {
            return String::new();
        }
        if let Some(known) = self.replaced.get(text) {
            return known.clone();
        }

        if text.starts_with("arn:") {
            return self.arn(text);
        }
        if is_account(text) {
            return self.account(text);
        }
        if let Some(address) = address(text) {
            return self.address(address, text);
        }
        match id_prefix(text) {
            Some(prefix) => self.id(prefix, text),
            None => self.word(kind, text),
        }
    }

    /// A word of a kind, the same for the same text.
    pub(super) fn word(&mut self, kind: &str, text: &str) -> String {
        if let Some(known) = self.replaced.get(text) {
            return known.clone();
        }

        let word = format!("{kind}-{}", self.next(kind));
        self.replaced.insert(text.to_owned(), word.clone());
        word
    }

    fn next(&mut self, kind: &str) -> usize {
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// A host name, whose first part and whose domain are words of their own: `db01` stays the
    /// beginning of `db01.example.com`.
    pub(super) fn host(&mut self, text: &str) -> String {
        // A name that is an address has no parts.
        if address(text).is_some() || id_prefix(text).is_some() {
            return self.name("host", text);
        }

        let host = match text.split_once('.') {
            None => self.word("host", &text.to_lowercase()),
            Some((host, domain)) => {
                let host = self.word("host", &host.to_lowercase());
                let domain = self.word("domain", &domain.to_lowercase());
                format!("{host}.{domain}")
            }
        };
        // A tag may repeat it.
        self.replaced.insert(text.to_owned(), host.clone());
        host
    }

    pub(super) fn path(&mut self, text: &str) -> String {
        // Every part may be the name of a team or an application.
        let parts = text.split('/').map(|part| match part {
            "" => String::new(),
            part => self.word("dir", part),
        });

        parts.collect::<Vec<_>>().join("/")
    }

    fn account(&mut self, text: &str) -> String {
        // Twelve digits, as those of every account.
        let number = self.next("account");
        let account = format!("{:012}", 100_000_000_000 + number as u64);

        self.replaced.insert(text.to_owned(), account.clone());
        account
    }

    fn address(&mut self, network: &str, text: &str) -> String {
        let number = u32::try_from(self.next("address")).unwrap_or_default();
        // The addresses of tests (RFC 2544).
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + number);

        let address = format!("{address}{network}");
        self.replaced.insert(text.to_owned(), address.clone());
        address
    }

    /// An ID of the same kind and length.
    fn id(&mut self, prefix: &str, text: &str) -> String {
        let width = text.len() - prefix.len() - 1;
        let number = self.next(prefix);

        let id = format!("{prefix}-{number:0width$x}");
        self.replaced.insert(text.to_owned(), id.clone());
        id
    }

    /// An ARN keeps its service and its Region.
    fn arn(&mut self, text: &str) -> String {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts.as_slice() else {
            return self.word("text", text);
        };
        let account = match *account {
            "" | "aws" | "*" => (*account).to_owned(),
            account => self.name("account", account),
        };

        // `file-system/fs-1`, `role/path/name`, `key/UUID`, `alias/name`, `root`.
        let mut resource_parts = resource.split('/');
        let kind = resource_parts.next().unwrap_or_default();
        let mut resource = match kind.starts_with('*') || resource.contains('/') || kind == "root" {
            true => kind.to_owned(),
            false => self.name("resource", kind),
        };
        let is_managed = resource_parts.clone().next() == Some("aws");
        for part in resource_parts {
            resource.push('/');
            resource.push_str(&match part {
                "*" | "" => part.to_owned(),
                part if is_managed => part.to_owned(),
                part if is_uuid(part) => self.uuid(part),
                part => self.name("name", part),
            });
        }
        [
            arn,
            partition,
            service,
            region,
            account.as_str(),
            resource.as_str(),
        ]
        .join(":")
    }

    fn uuid(&mut self, text: &str) -> String {
        if let Some(known) = self.replaced.get(text) {
            return known.clone();
        }

        let number = self.next("key");
        let uuid = format!("00000000-0000-4000-8000-{number:012x}");
        self.replaced.insert(text.to_owned(), uuid.clone());
        uuid
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What follows an IPv4 address: nothing, or the length of a network.
fn address(text: &str) -> Option<&str> {
    let (address, network) = match text.find('/') {
        Some(slash) => text.split_at(slash),
        None => (text, ""),
    };

    address.parse::<Ipv4Addr>().ok().map(|_| network)
}

/// The prefix of an ID of AWS.
fn id_prefix(text: &str) -> Option<&str> {
    // A host name may look like one; a word of the same form does no harm.
    let (prefix, digits) = text.split_once('-')?;
    let is_id = digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());

    (IDS.contains(&prefix) && is_id).then_some(prefix)
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();

    lengths == [8, 4, 4, 4, 12]
}
