//! `holdfast`: stores files with Holdfast's providers and fetches them back.

mod commands;
mod output;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use commands::{car, demo, devnet, get, piece, providers, put, status, wallet};
use output::Output;

/// Stores files with Holdfast's providers and fetches them back.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Cli {
	#[command(flatten)]
	global: Global,
	#[command(subcommand)]
	command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Global {
	/// The chain's node.
	#[arg(
		long,
		global = true,
		env = "HOLDFAST_NODE",
		default_value = "ws://127.0.0.1:9944"
	)]
	node: String,
	/// The file with your key. The variable HOLDFAST_SECRET, with the key itself, takes its place.
	#[arg(long, global = true, env = "HOLDFAST_KEY", value_name = "FILE")]
	key: Option<PathBuf>,
	/// Write JSON instead of text.
	#[arg(long, global = true)]
	json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
	/// Store a file and print the ticket that fetches it back.
	Put(put::Put),
	/// Fetch a file, checking every block on the way.
	Get(get::Get),
	/// Say how the deals of a ticket, or a deal by its number, are doing.
	Status(status::Status),
	/// List the providers.
	Providers(providers::Providers),
	/// Your account, your money and your escrow.
	#[command(subcommand)]
	Wallet(wallet::Wallet),
	/// Work with CARs on this machine: create, extract, list, verify and more.
	#[command(subcommand)]
	Car(car::Car),
	/// Commitments to data, and proofs that something is in it, without a chain.
	#[command(subcommand)]
	Piece(piece::PieceCommand),
	/// Start a chain, a provider and a funded client on this machine.
	Devnet(devnet::DevnetCommand),
	/// Show the whole way of a file on a network of its own: stored, sealed, proven, paid and fetched.
	Demo(demo::Demo),
	/// Become another program that ends when its parent does.
	#[command(hide = true, disable_help_flag = true)]
	Supervise(commands::Supervise),
}

#[tokio::main]
async fn main() -> ExitCode {
	let Cli { global, command } = Cli::parse();
	let output = Output::new(global.json);
	let result = match command {
		Command::Put(command) => command.run(&global, output).await,
		Command::Get(command) => command.run(&global, output).await,
		Command::Status(command) => command.run(&global, output).await,
		Command::Providers(command) => command.run(&global, output).await,
		Command::Wallet(command) => command.run(&global, output).await,
		Command::Car(command) => tokio::task::block_in_place(|| command.run(output)),
		Command::Piece(command) => command.run(output),
		Command::Devnet(command) => command.run(output).await,
		Command::Demo(command) => command.run(output).await,
		Command::Supervise(command) => command.run(),
	};
	match result {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			output.error(&error);
			ExitCode::FAILURE
		},
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::CommandFactory;

	#[test]
	fn the_commands_do_not_contradict_each_other() {
		Cli::command().debug_assert();
	}
}
