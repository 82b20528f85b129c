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
//! - [`lambda`] runs the functions, `control` is what an operator does to the account, and `http`
//!   serves everything on 127.0.0.1.
//!
//! It is strict: an unknown route or member, a missing signature and an unused fault are errors,
//! which [`cloud::Cloud::finish`] reports.

pub mod aws;
pub mod cloud;
mod control;
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
mod sts;
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
    http::{Front, FrontAnswer, serve_connection},
    iam::IamRequest,
    journal::Entry,
    known::{Collected, Known, knows},
    lambda::{
        binaries::Binaries,
        functions::{Ended, Functions, InvocationResult},
        responses::Body,
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
        Self::start_with(cloud, port, binaries, |_| http::no_front()).await
    }

    /// The same, with something else on the port, which may use the running account.
    ///
    /// # Errors
    ///
    /// When the port cannot be bound.
    pub async fn start_with(
        cloud: Cloud,
        port: u16,
        binaries: Binaries,
        front: impl FnOnce(&Self) -> Front,
    ) -> io::Result<Self> {
        let functions = Functions::new(cloud.clone(), binaries);
        let (listener, address) = http::bind(port).await?;
        functions.serve_at(address.to_string());
        let emulator = Self {
            cloud,
            functions,
            address,
        };

        let service = http::Service {
            cloud: emulator.cloud.clone(),
            functions: emulator.functions.clone(),
            front: front(&emulator),
        };
        http::serve(listener, service);
        Ok(emulator)
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

    /// The port on which everything is served.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
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
