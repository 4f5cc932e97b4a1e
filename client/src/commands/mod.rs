//! The commands, one file each.

pub mod car;
pub mod demo;
pub mod devnet;
pub mod get;
pub mod piece;
pub mod providers;
pub mod put;
pub mod status;
pub mod wallet;

use std::path::PathBuf;

use anyhow::Context;
use holdfast_chain_client::{ChainClient, Signer};

use crate::Global;

/// The variable with a secret key itself.
const SECRET_VARIABLE: &str = "HOLDFAST_SECRET";

/// `holdfast supervise`.
#[derive(Debug, clap::Args)]
pub struct Supervise {
	/// The program.
	program: PathBuf,
	/// Its arguments.
	#[arg(trailing_var_arg = true, allow_hyphen_values = true)]
	arguments: Vec<String>,
}

impl Supervise {
	/// Becomes the program.
	pub fn run(self) -> anyhow::Result<()> {
		Err(holdfast_client::devnet::supervise(&self.program, &self.arguments).into())
	}
}

impl Global {
	/// The chain, if it is the one that this program was built for.
	pub async fn chain(&self) -> anyhow::Result<ChainClient> {
		let chain = ChainClient::connect(&self.node).await?;
		chain.verify_runtime().await?;
		Ok(chain)
	}

	/// The user's key.
	pub fn signer(&self) -> anyhow::Result<Signer> {
		if std::env::var_os(SECRET_VARIABLE).is_some() {
			return Ok(Signer::from_environment(SECRET_VARIABLE)?);
		}
		let file = self.key_file()?;
		anyhow::ensure!(
			file.exists(),
			"there is no key file {}: make one with `holdfast wallet new`, or name another with --key",
			file.display()
		);
		Ok(Signer::from_file(file)?)
	}

	/// Where the user's key is, or will be.
	pub fn key_file(&self) -> anyhow::Result<PathBuf> {
		if let Some(file) = &self.key {
			return Ok(file.clone());
		}
		let home =
			std::env::var_os("HOME").context("HOME is not set: name the key file with --key")?;
		Ok(PathBuf::from(home).join(".config/holdfast/key"))
	}
}
