//! A development network: a chain, a provider and funded keys in one process tree on this machine.

mod process;

use std::{
	fs, io,
	net::{Ipv4Addr, TcpListener},
	os::unix::fs::OpenOptionsExt,
	path::{Path, PathBuf},
	time::Duration,
};

use holdfast_chain_client::{
	AccountId, Call, ChainClient, ConnectError, QueryError, Sender, Signer, SignerError,
	SubmitError,
};
use holdfast_primitives::{policy::HOLD, Balance, SectorSize};
use thiserror::Error;
use tokio::time::{sleep, Instant};

use crate::api::http;

pub use process::{supervise, Process, ProcessError, Programs};

/// The provider's settings within its folder.
const PROVIDER_SETTINGS: &str = "holdfast-provider.toml";
/// What a development account is given at the start.
const FUNDS: Balance = 1_000 * HOLD;
/// What the client locks for deals at the start.
const ESCROW: Balance = 100 * HOLD;
/// How long a program may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How often it is asked.
const START_POLL: Duration = Duration::from_millis(250);

/// Why a development network did not come up.
#[derive(Debug, Error)]
pub enum DevnetError {
	/// A program could not be started.
	#[error(transparent)]
	Process(#[from] ProcessError),
	/// A program ended by itself.
	#[error("{program} ended ({status}); its log is {log}")]
	Ended {
		/// The program.
		program: &'static str,
		/// How it ended.
		status: String,
		/// Its log file.
		log: PathBuf,
	},
	/// A program did not answer in time.
	#[error("{program} was not ready after {} s; its log is {log}", START_LIMIT.as_secs())]
	NotReady {
		/// The program.
		program: &'static str,
		/// Its log file.
		log: PathBuf,
	},
	/// A file or folder cannot be made.
	#[error("cannot write {path}")]
	Write {
		/// The file or folder.
		path: PathBuf,
		/// What the operating system said.
		#[source]
		source: io::Error,
	},
	/// No free port was found on 127.0.0.1.
	#[error("cannot find a free port on 127.0.0.1")]
	Port(#[source] io::Error),
	/// The provider's settings could not be made.
	#[error("cannot set up the provider: {0}")]
	ProviderSettings(String),
	/// A key could not be read.
	#[error(transparent)]
	Signer(#[from] SignerError),
	/// The chain does not answer.
	#[error(transparent)]
	Connect(#[from] ConnectError),
	/// The chain refused a query.
	#[error(transparent)]
	Query(#[from] QueryError),
	/// The chain refused a transaction.
	#[error(transparent)]
	Submit(#[from] SubmitError),
}

/// How a development network is to be.
#[derive(Clone, Debug)]
pub struct DevnetOptions {
	/// Where everything is kept.
	pub base: PathBuf,
	/// The programs that it consists of.
	pub programs: Programs,
	/// The time between two blocks.
	pub block_time: Duration,
	/// The size of the provider's sectors.
	pub sector_size: SectorSize,
	/// Environment variables for the provider, such as its test hooks.
	pub provider_environment: Vec<(String, String)>,
	/// After how many blocks the provider collects what it has earned; `None` for its own default.
	pub settlement_interval: Option<u32>,
	/// The node's port, if it is not to be any free one.
	pub node_port: Option<u16>,
	/// The provider's port, if it is not to be any free one.
	pub provider_port: Option<u16>,
}

/// A running development network. Its processes end with this value.
#[derive(Debug)]
pub struct Devnet {
	options: DevnetOptions,
	node: Process,
	provider: Option<Process>,
	provider_folder: PathBuf,
	/// The node's address.
	pub node_url: String,
	/// The provider's address.
	pub provider_url: String,
	/// The client's key file.
	pub client_key: PathBuf,
	/// The client's account.
	pub client: AccountId,
	/// The provider's account.
	pub provider_account: AccountId,
	/// The chain.
	pub chain: ChainClient,
}

impl Devnet {
	/// Starts the chain, funds the accounts, and starts the provider; `say` is told what happens.
	pub async fn start(
		options: DevnetOptions,
		say: &mut dyn FnMut(&str),
	) -> Result<Self, DevnetError> {
		create_folder(&options.base)?;
		let node_port = options.node_port.map_or_else(free_port, Ok)?;
		let provider_port = options.provider_port.map_or_else(free_port, Ok)?;
		let node_url = format!("ws://127.0.0.1:{node_port}");
		let provider_url = format!("http://127.0.0.1:{provider_port}");

		say("starting the chain");
		let mut node = start_node(&options, node_port)?;
		let chain = connect(&node_url, &mut node).await?;

		say("funding the client and the provider");
		let provider_folder = options.base.join("provider");
		create_folder(&provider_folder)?;
		let client_key = options.base.join("client.key");
		let provider_key = provider_folder.join("provider.key");
		let client = development_key(&client_key, "//HoldfastClient")?;
		let provider_account = development_key(&provider_key, "//HoldfastProvider")?.account();
		fund(&chain, &client, &provider_account).await?;

		let mut devnet = Self {
			node,
			provider: None,
			provider_folder,
			node_url,
			provider_url,
			client_key,
			client: client.account(),
			provider_account,
			chain,
			options,
		};
		devnet.configure_provider(provider_port).await?;
		say("starting the provider");
		devnet.start_provider().await?;
		Ok(devnet)
	}

	/// Where everything is kept.
	pub fn base(&self) -> &Path {
		&self.options.base
	}

	/// The folder of the provider's data.
	pub fn provider_folder(&self) -> &Path {
		&self.provider_folder
	}

	/// The provider's log file.
	pub fn provider_log(&self) -> PathBuf {
		self.options.base.join("provider.log")
	}

	/// Starts the provider and waits until it answers and is registered on chain.
	pub async fn start_provider(&mut self) -> Result<(), DevnetError> {
		let mut provider = Process::start(
			&self.options.programs.client,
			&self.options.programs.provider,
			&[
				"run".into(),
				"--base".into(),
				self.provider_folder.display().to_string(),
			],
			&self.options.provider_environment,
			&self.provider_log(),
		)?;
		let deadline = Instant::now() + START_LIMIT;
		let info = format!("{}/v1/info", self.provider_url);
		loop {
			let answers = answers(&info).await;
			if answers && self.chain.provider(&self.provider_account).await?.is_some() {
				break;
			}
			check_start("the provider", &mut provider, deadline)?;
			sleep(START_POLL).await;
		}
		self.provider = Some(provider);
		Ok(())
	}

	/// Kills the provider at once, as a crash would.
	pub async fn kill_provider(&mut self) {
		if let Some(mut provider) = self.provider.take() {
			provider.kill().await;
		}
	}

	/// Whether the provider has ended, by itself or killed.
	pub fn provider_ended(&mut self) -> bool {
		self.provider
			.as_mut()
			.is_none_or(|provider| provider.ended().is_some())
	}

	/// Fails if a part of the network has ended by itself.
	pub fn check(&mut self) -> Result<(), DevnetError> {
		let parts = [
			("the chain's node", Some(&mut self.node)),
			("the provider", self.provider.as_mut()),
		];
		for (program, process) in parts {
			let Some(process) = process else { continue };
			if let Some(status) = process.ended() {
				let (status, log) = (status.to_string(), process.log().to_owned());
				return Err(DevnetError::Ended {
					program,
					status,
					log,
				});
			}
		}
		Ok(())
	}

	/// Replaces the environment that the provider is started with from now on.
	pub fn set_provider_environment(&mut self, environment: Vec<(String, String)>) {
		self.options.provider_environment = environment;
	}

	/// Ends the provider and then the chain.
	pub async fn stop(mut self) {
		if let Some(mut provider) = self.provider.take() {
			provider.stop().await;
		}
		self.node.stop().await;
	}

	/// Lets the provider write its settings, and changes what is different here.
	async fn configure_provider(&self, port: u16) -> Result<(), DevnetError> {
		let file = self.provider_folder.join(PROVIDER_SETTINGS);
		if !file.exists() {
			let output = tokio::process::Command::new(&self.options.programs.provider)
				.arg("init")
				.arg("--base")
				.arg(&self.provider_folder)
				.output()
				.await
				.map_err(|source| ProcessError::Start {
					program: "holdfast-provider".into(),
					source,
				})?;
			if !output.status.success() {
				let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
				return Err(DevnetError::ProviderSettings(reason));
			}
		}
		let text = fs::read_to_string(&file).map_err(|error| {
			DevnetError::ProviderSettings(format!("{}: {error}", file.display()))
		})?;
		let settings = self.provider_settings(&text, port)?;
		write(&file, 0o644, settings.as_bytes())
	}

	fn provider_settings(&self, text: &str, port: u16) -> Result<String, DevnetError> {
		let broken = |error: String| DevnetError::ProviderSettings(error);
		let mut settings: toml::Table = text
			.parse()
			.map_err(|error: toml::de::Error| broken(error.to_string()))?;
		let mut changes: Vec<(&str, &str, toml::Value)> = vec![
			("chain", "node", self.node_url.clone().into()),
			("api", "listen", format!("127.0.0.1:{port}").into()),
			("api", "public_url", self.provider_url.clone().into()),
			(
				"storage",
				"sector_size",
				self.options.sector_size.name().into(),
			),
		];
		if let Some(blocks) = self.options.settlement_interval {
			changes.push(("settlement", "interval_blocks", i64::from(blocks).into()));
		}
		for (section, key, value) in changes {
			settings
				.entry(section)
				.or_insert_with(|| toml::Table::new().into())
				.as_table_mut()
				.ok_or_else(|| broken(format!("`{section}` is not a section")))?
				.insert(key.into(), value);
		}
		toml::to_string(&settings).map_err(|error| broken(error.to_string()))
	}
}

/// Whether something answers there.
async fn answers(url: &str) -> bool {
	match http(url).build() {
		Ok(client) => {
			matches!(client.get(url).send().await, Ok(answer) if answer.status().is_success())
		},
		Err(_) => false,
	}
}

fn start_node(options: &DevnetOptions, port: u16) -> Result<Process, ProcessError> {
	let data = options.base.join("chain");
	let arguments = [
		"--dev".into(),
		"--dev-block-time".into(),
		options.block_time.as_millis().to_string(),
		"--base-path".into(),
		data.display().to_string(),
		"--rpc-port".into(),
		port.to_string(),
		"--listen-addr".into(),
		"/ip4/127.0.0.1/tcp/0".into(),
		"--state-pruning".into(),
		"archive".into(),
		"--blocks-pruning".into(),
		"archive".into(),
		"--no-prometheus".into(),
		"--no-telemetry".into(),
		"--no-mdns".into(),
		"--no-hardware-benchmarks".into(),
	];
	Process::start(
		&options.programs.client,
		&options.programs.node,
		&arguments,
		&[],
		&options.base.join("node.log"),
	)
}

async fn connect(url: &str, node: &mut Process) -> Result<ChainClient, DevnetError> {
	let deadline = Instant::now() + START_LIMIT;
	let address = url.trim_start_matches("ws://").to_owned();
	loop {
		if tokio::net::TcpStream::connect(&address).await.is_ok() {
			if let Ok(chain) = ChainClient::connect(url).await {
				if matches!(chain.best_block().await, Ok(block) if block.number > 0) {
					return Ok(chain);
				}
			}
		}
		check_start("the chain's node", node, deadline)?;
		sleep(START_POLL).await;
	}
}

fn check_start(
	program: &'static str,
	process: &mut Process,
	deadline: Instant,
) -> Result<(), DevnetError> {
	let log = process.log().to_owned();
	if let Some(status) = process.ended() {
		return Err(DevnetError::Ended {
			program,
			status: status.to_string(),
			log,
		});
	}
	if Instant::now() > deadline {
		return Err(DevnetError::NotReady { program, log });
	}
	Ok(())
}

/// Brings both accounts up to their funds, and the client's escrow to its amount.
async fn fund(
	chain: &ChainClient,
	client: &Signer,
	provider: &AccountId,
) -> Result<(), DevnetError> {
	let bank = Sender::new(chain.clone(), Signer::development("//Alice")?);
	for account in [client.account(), *provider] {
		if chain.balance(&account).await?.free < FUNDS / 2 {
			bank.submit(Call::Transfer {
				to: account,
				amount: FUNDS,
			})
			.await?;
		}
	}
	if chain.balance(&client.account()).await?.escrow < ESCROW / 2 {
		Sender::new(chain.clone(), client.clone())
			.submit(Call::Deposit(ESCROW))
			.await?;
	}
	Ok(())
}

/// A key file with a well-known development key, which is worth nothing anywhere else.
fn development_key(file: &Path, uri: &str) -> Result<Signer, DevnetError> {
	if !file.exists() {
		write(file, 0o600, uri.as_bytes())?;
	}
	Ok(Signer::from_file(file)?)
}

fn write(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), DevnetError> {
	use std::io::Write;
	fs::OpenOptions::new()
		.create(true)
		.truncate(true)
		.write(true)
		.mode(mode)
		.open(path)
		.and_then(|mut file| file.write_all(bytes))
		.map_err(|source| DevnetError::Write {
			path: path.into(),
			source,
		})
}

fn create_folder(path: &Path) -> Result<(), DevnetError> {
	fs::create_dir_all(path).map_err(|source| DevnetError::Write {
		path: path.into(),
		source,
	})
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16, DevnetError> {
	TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
		.and_then(|listener| listener.local_addr())
		.map(|address| address.port())
		.map_err(DevnetError::Port)
}
