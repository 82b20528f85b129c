//! A laptop-sized AWS: Elastic Disaster Recovery, Elastic File System, the Lambda Runtime API and
//! the Invoke API in one process.
//!
//! It follows the API references, shares no type with the functions that it runs, and is checked
//! by AWS's own clients. From the ground up:
//!
//! - [`aws`] is what all services have in common, and the limits of their models;
//! - [`drs`] and [`efs`] are the services, each with a model of plain data and its API on the wire;
//! - [`world`] is the account as plain data, and `world_file` its JSON; [`known`] is which of its
//!   lists were collected, if it was imported;
//! - `tagging` is the Resource Groups Tagging API over the resources of both;
//! - `services` lists the services, [`iam`] is what IAM is asked about a call, and [`fault`] what
//!   can go wrong;
//! - [`cloud`] is the running account with its clock and journal, and [`wire`] carries calls to it;
//! - [`lambda`] runs the functions, and `http` serves everything on 127.0.0.1.
//!
//! It is strict: an unknown route or member, a missing signature and an unused fault are errors,
//! which [`cloud::Cloud::finish`] reports.

pub mod aws;
pub mod cloud;
mod definition;
pub mod drs;
pub mod efs;
pub mod event;
pub mod fault;
mod http;
pub mod iam;
pub mod journal;
pub mod known;
pub mod lambda;
mod saved;
mod services;
mod tagging;
pub mod wire;
pub mod world;
mod world_file;

use std::{collections::BTreeMap, fmt, io, net::SocketAddr, ops::Deref};

pub use crate::{
    aws::{
        behaviour::{Behaviour, Refusal, Reply},
        call::Service,
    },
    cloud::Cloud,
    drs::{Drs, Job, RecoveryInstance, SourceServer},
    efs::{AccessPoint, Efs, FileSystem, MountTarget, OrderedStatus, Replication, Side},
    fault::{Fault, FaultKind},
    http::serve_connection,
    iam::IamRequest,
    journal::Entry,
    known::{Collected, Known},
    lambda::{
        binaries::Binaries,
        functions::{Functions, InvocationResult},
    },
    world::{Deployment, World},
};

/// A running account and its functions.
#[derive(Clone)]
pub struct Emulator {
    cloud: Cloud,
    functions: Functions,
    address: SocketAddr,
}

impl Emulator {
    /// Serves an account on a port, or on a free one if `port` is 0, with the functions of these
    /// binaries.
    ///
    /// # Errors
    ///
    /// When the port cannot be bound.
    pub async fn start(cloud: Cloud, port: u16, binaries: Binaries) -> io::Result<Self> {
        let functions = Functions::new(cloud.clone(), binaries);
        let address = http::serve(port, cloud.clone(), functions.clone()).await?;
        functions.serve_at(address.to_string());

        Ok(Self {
            cloud,
            functions,
            address,
        })
    }

    /// Serves an account without functions, for tests that call AWS only.
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

    /// The URL at which everything is served.
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
