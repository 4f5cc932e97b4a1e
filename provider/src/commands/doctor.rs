//! `holdfast-provider doctor`

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::Context;
use holdfast_chain_client::{ChainClient, Sender};
use holdfast_provider::{
	chain::NodeChain,
	config::Config,
	daemon,
	doctor::{examine_chain, examine_database, examine_machine, Check, Report, Verdict},
};

use super::{print_json, table};

/// How long the node may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The exit code for warnings without a failure; a failure is 1, and 2 a mistake in the arguments.
const WARNINGS: u8 = 3;

/// How to report.
#[derive(clap::Args)]
pub struct Doctor {
	/// For programs.
	#[arg(long)]
	json: bool,
}

impl Doctor {
	/// Looks at everything. `keys` looks at the proving keys.
	pub fn run(
		&self,
		base: &Path,
		config: &Config,
		keys: anyhow::Result<String>,
	) -> anyhow::Result<ExitCode> {
		let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
		let report = runtime.block_on(examine(base, config, keys))?;
		if self.json {
			print_json(&report)?;
		} else {
			let mut table = table(&["", "what", "found"]);
			for check in &report.checks {
				let sign = match check.verdict {
					Verdict::Good => "good",
					Verdict::Warning => "warning",
					Verdict::Failure => "FAILURE",
				};
				table.add_row([sign, check.name, &check.text]);
			}
			println!("{table}");
		}
		Ok(match report.verdict() {
			Verdict::Good => ExitCode::SUCCESS,
			Verdict::Warning => ExitCode::from(WARNINGS),
			Verdict::Failure => ExitCode::FAILURE,
		})
	}
}

async fn examine(
	base: &Path,
	config: &Config,
	keys: anyhow::Result<String>,
) -> anyhow::Result<Report> {
	let mut report = examine_machine(base, config);
	report.add(Check::of(
		"proving keys",
		keys.map_err(|error| format!("{error:#}")),
		|text| text,
	));
	let database = examine_database(base, &mut report).await;
	let chain = async {
		let signer = daemon::signer(&config.chain)?;
		let client = ChainClient::connect_within(&config.chain.node, PATIENCE).await?;
		client.verify_runtime().await?;
		let account = signer.account();
		let sender = Sender::new(client.clone(), signer);
		anyhow::Ok(NodeChain::new(client, sender, account))
	};
	match (chain.await, database) {
		(Ok(chain), Some(database)) => {
			examine_chain(config, &database, &chain, &mut report).await?;
		},
		(Ok(_), None) => report.add(Check::of("chain", Ok::<_, String>(()), |()| {
			format!("{} answers", config.chain.node)
		})),
		(Err(error), _) => report.add(Check::of("chain", Err::<(), _>(error), |()| String::new())),
	}
	Ok(report)
}
