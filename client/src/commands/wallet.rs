//! `holdfast wallet`.

use clap::Subcommand;
use holdfast_chain_client::{drip, Call, Sender, Signer};
use holdfast_primitives::{policy::HOLD, Balance};
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

/// Reads an amount of HOLD with up to 12 decimals.
fn parse_amount(text: &str) -> Result<Balance, String> {
	const DECIMALS: usize = 12;
	let wrong = || format!("`{text}` is no amount of HOLD: write for example 5 or 0.25");
	let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
	let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
	if whole.is_empty() || fraction.len() > DECIMALS || !digits(whole) || !digits(fraction) {
		return Err(wrong());
	}
	let units: Balance = whole.parse().map_err(|_| wrong())?;
	let parts: Balance = format!("{fraction:0<DECIMALS$}")
		.parse()
		.map_err(|_| wrong())?;
	units
		.checked_mul(HOLD)
		.and_then(|units| units.checked_add(parts))
		.ok_or_else(wrong)
}

/// Writes an amount in HOLD, without needless zeros.
pub fn format_amount(amount: Balance) -> String {
	let text = format!("{}.{:012}", amount / HOLD, amount % HOLD);
	format!("{} HOLD", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn amounts_are_read_and_written_exactly() {
		for (text, amount) in [
			("5", 5 * HOLD),
			("0.25", HOLD / 4),
			("0.000000000001", 1),
			("340282366920938463463374607.431768211455", u128::MAX),
		] {
			assert_eq!(parse_amount(text), Ok(amount));
			assert_eq!(format_amount(amount), format!("{text} HOLD"));
		}
	}

	#[test]
	fn what_is_no_amount_is_refused() {
		for text in [
			"",
			".",
			"-1",
			"1e3",
			"0.0000000000001",
			"1.2.3",
			"340282366920938463463374608",
		] {
			assert!(parse_amount(text).is_err(), "{text}");
		}
	}
}
