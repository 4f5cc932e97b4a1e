//! `holdfast wallet`.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::Path};

use anyhow::Context;
use clap::Subcommand;
use holdfast_chain_client::{drip, Call, Sender, Signer};
use holdfast_client::amount::{format_amount, parse_amount};
use holdfast_primitives::Balance;
use serde_json::json;

use crate::{output::Output, Global};

/// Your account, your money and your escrow. Amounts are in HOLD, with up to 12 decimals.
#[derive(Debug, Subcommand)]
pub enum Wallet {
	/// Make a key file, readable by you alone.
	New,
	/// Show the account of your key.
	Show,
	/// Show what the account has and what is held of it.
	Balance,
	/// Lock money for deals.
	Deposit {
		/// How much.
		#[arg(value_parser = parse_amount)]
		amount: Balance,
	},
	/// Take back what no deal holds.
	Withdraw {
		/// How much.
		#[arg(value_parser = parse_amount)]
		amount: Balance,
	},
	/// Ask a test network's faucet for money.
	Fund,
}

impl Wallet {
	/// Does it.
	pub async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
		match self {
			Wallet::New => {
				let file = global.key_file()?;
				make_folder(&file)?;
				let signer = Signer::create_file(&file)?;
				let result = json!({ "account": signer.account(), "file": file });
				output.result(&result, || {
					format!(
						"{}\nThe key is in {}: keep a copy.",
						signer.account(),
						file.display()
					)
				});
			},
			Wallet::Show => {
				let account = global.signer()?.account();
				output.result(&json!({ "account": account }), || account.to_string());
			},
			Wallet::Balance => {
				let account = global.signer()?.account();
				let balance = global.chain().await?.balance(&account).await?;
				output.result(&balance, || {
					format!(
						"free       {}\nescrow     {}\nin deals   {}\ncollateral {}\npledge     {}\ndeposits   {}",
						format_amount(balance.free),
						format_amount(balance.escrow),
						format_amount(balance.payment),
						format_amount(balance.collateral),
						format_amount(balance.pledge),
						format_amount(balance.pre_commit_deposit),
					)
				});
			},
			Wallet::Deposit { amount } => submit(global, output, Call::Deposit(amount)).await?,
			Wallet::Withdraw { amount } => submit(global, output, Call::Withdraw(amount)).await?,
			Wallet::Fund => {
				let account = global.signer()?.account();
				drip(&global.chain().await?, &account).await?;
				output.result(&json!({ "account": account }), || {
					format!("funded {account}")
				});
			},
		}
		Ok(())
	}
}

async fn submit(global: &Global, output: Output, call: Call) -> anyhow::Result<()> {
	let signer = global.signer()?;
	let included = Sender::new(global.chain().await?, signer)
		.submit(call)
		.await?;
	output.result(&included, || format!("done in block {}", included.block));
	Ok(())
}

/// Makes the key file's folder, for its owner only, if it is not there.
fn make_folder(file: &Path) -> anyhow::Result<()> {
	match file.parent() {
		Some(folder) if !folder.as_os_str().is_empty() => DirBuilder::new()
			.recursive(true)
			.mode(0o700)
			.create(folder)
			.with_context(|| format!("cannot make the folder {}", folder.display())),
		_ => Ok(()),
	}
}
