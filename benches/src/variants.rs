//! Who is measured: drover, the limit and the two peers, each as a command.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jobs::Scene;
use tokio::process::Command;

use crate::service::Service;

/// Who does a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The functions of this workspace.
    Drover,
    /// The same calls without an SDK.
    Limit,
    /// boto3 and awslambdaric.
    Python,
    /// The AWS SDK for JavaScript, version 3.
    Node,
}

impl Variant {
    /// All, in the order of the table.
    pub(crate) const ALL: [Self; 4] = [Self::Drover, Self::Limit, Self::Python, Self::Node];

    /// What the table calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Drover => "drover",
            Self::Limit => "no SDK",
            Self::Python => "Python",
            Self::Node => "Node",
        }
    }

    /// The command that starts it, with an environment like Lambda's.
    pub(crate) fn command(self, stage: &Stage, scene: &Scene, service: &Service) -> Command {
        let function = scene.function();
        let module = function.replace('-', "_");
        let mut command = match self {
            Self::Drover => Command::new(stage.path(function)),
            Self::Limit => Command::new(stage.path("limit")),
            Self::Python => Command::new(stage.path("python-venv/bin/python")),
            Self::Node => Command::new(stage.path("node")),
        };

        command.env_clear();
        match self {
            Self::Drover | Self::Limit => {}
            Self::Python => {
                command
                    .args(["-m", "awslambdaric", &format!("{module}.handler")])
                    .env("PYTHONPATH", stage.path("python-package"));
            }
            Self::Node => _ = command.arg(stage.path(&format!("node-package/{function}.cjs"))),
        }

        let endpoint = service.endpoint();
        command.env("_HANDLER", function).envs([
            ("AWS_LAMBDA_FUNCTION_NAME", function),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL_DRS", endpoint.as_str()),
            ("AWS_ENDPOINT_URL_EFS", endpoint.as_str()),
            ("LANG", "en_US.UTF-8"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("MODE", "enforce"),
            ("MAX_TARGETS", "100"),
        ]);

        for name in ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
            command.env(name, service.authority());
        }

        command.envs(scene.variables().iter().copied());
        command
    }

    /// The archive that is deployed.
    pub(crate) fn archive(self, stage: &Stage, function: &str) -> PathBuf {
        let name = match self {
            Self::Drover => function,
            Self::Limit => "limit",
            Self::Python => "python",
            Self::Node => return stage.path(&format!("zip/node-{function}.zip")),
        };
        stage.path(&format!("zip/{name}.zip"))
    }
}

/// The folder in which `benches/run` has put everything.
#[derive(Clone)]
pub(crate) struct Stage(PathBuf);

impl Stage {
    /// The stage in a folder.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let folder = folder
            .canonicalize()
            .with_context(|| format!("{}: run benches/run", folder.display()))?;
        Ok(Self(folder))
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}
