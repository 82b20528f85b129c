//! A laptop-sized AWS: Elastic Disaster Recovery, Elastic File System, the Lambda Runtime API and
//! the Invoke API in one process.
//!
//! It is written from the API references, shares no type with the functions that it runs, and is
//! checked by AWS's own clients. In reading order: [`world`] is the account as plain data, and
//! [`efs::model`] its file systems; [`drs::api`] and [`efs::api`] put them on the wire, [`aws::constraints`] is
//! what their models allow, [`aws::call`] chooses between them, and [`wire`] carries calls to them;
//! [`fault`] is trouble to order, [`cloud`] is the running account with its clock and journal, and
//! [`iam`] what IAM would be asked; [`lambda`] is Lambda. Everything listens on 127.0.0.1 alone.
//!
//! It is strict: an unknown route or member, a missing signature and a fault that nothing met are
//! errors, which [`cloud::Cloud::finish`] reports.

pub mod aws;
pub mod cloud;
pub mod drs;
pub mod efs;
pub mod event;
pub mod fault;
mod http;
pub mod iam;
pub mod lambda;
pub mod wire;
pub mod world;
pub mod world_file;

/// The former path of the model of EFS.
pub mod efs_world {
    pub use crate::efs::model::*;
}

use std::{collections::BTreeMap, fmt, io, net::SocketAddr, ops::Deref};

pub use crate::{
    aws::call::Service,
    cloud::{Cloud, Entry},
    drs::model::SourceServer,
    efs::model::{AccessPoint, Efs, FileSystem, MountTarget, OrderedStatus, Refusal, Replication},
    fault::{Fault, FaultKind},
    http::serve_connection,
    iam::Ask,
    lambda::{
        binaries::Binaries,
        functions::{Ended, Functions},
    },
    world::World,
};

/// A running account and its functions.
#[derive(Clone)]
pub struct Emulator {
    cloud: Cloud,
    functions: Functions,
    address: SocketAddr,
}

impl Emulator {
    /// Serves an account on `port`, or on a free one if it is 0. `binaries` are what it runs.
    ///
    /// # Errors
    ///
    /// When the port cannot be bound.
    pub async fn start(cloud: Cloud, port: u16, binaries: Binaries) -> io::Result<Self> {
        let functions = Functions::new(cloud.clone(), binaries);
        let address = http::serve(port, cloud.clone(), functions.clone()).await?;
        functions.served_at(address.to_string());
        Ok(Self {
            cloud,
            functions,
            address,
        })
    }

    /// Serves an account without functions, for tests that call DRS alone.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    pub async fn without_functions(world: World) -> io::Result<Self> {
        Self::start(Cloud::new(world), 0, Binaries::Fixed(BTreeMap::new())).await
    }

    /// The functions.
    #[must_use]
    pub fn functions(&self) -> &Functions {
        &self.functions
    }

    /// Where everything is served, as a URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Deref for Emulator {
    type Target = Cloud;

    fn deref(&self) -> &Cloud {
        &self.cloud
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Emulator({})", self.address)
    }
}

/// A line for people.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {}: {}",
            self.region, self.operation, self.subject, self.answer
        )
    }
}
