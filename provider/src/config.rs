//! The daemon's configuration: one commented TOML file.

mod sealing;
mod template;

use std::{
	net::SocketAddr,
	path::{Path, PathBuf},
};

use holdfast_primitives::{piece::MIN_PIECE_BYTES, policy::GIB, PaddedPieceSize, SectorSize};
use serde::Deserialize;

pub use sealing::{SealingConfig, StepNeeds};
pub use template::Template;

/// The configuration file's name within the base folder.
pub const FILE_NAME: &str = "holdfast-provider.toml";
/// The key file's name within the base folder, unless the configuration says otherwise.
pub const KEY_FILE_NAME: &str = "provider.key";

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
	/// The chain and the account.
	pub chain: ChainConfig,
	/// The HTTP API.
	pub api: ApiConfig,
	/// Where files go.
	pub storage: StorageConfig,
	/// What is asked for storage.
	pub ask: AskConfig,
	/// Which deals are taken.
	pub deals: DealsConfig,
	/// How sectors are sealed.
	pub sealing: SealingConfig,
	/// When money is collected.
	pub settlement: SettlementConfig,
}

/// The chain and the account.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChainConfig {
	/// The node's WebSocket address.
	pub node: String,
	/// The file with the account's secret, relative to the base folder.
	pub key_file: PathBuf,
	/// The environment variable with the account's secret; takes the file's place.
	pub key_environment: Option<String>,
	/// Deposit the collateral of deals as it is needed.
	pub auto_deposit: bool,
	/// Ask the test network's faucet when the account is empty.
	pub use_faucet: bool,
}

impl Default for ChainConfig {
	fn default() -> Self {
		Self {
			node: "ws://127.0.0.1:9944".into(),
			key_file: KEY_FILE_NAME.into(),
			key_environment: None,
			auto_deposit: true,
			use_faucet: false,
		}
	}
}

/// The HTTP API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
	/// Where the API listens.
	pub listen: SocketAddr,
	/// The URL that is announced on the chain. Without it: `http://`, or `https://` with TLS, and the
	/// listening address.
	pub public_url: Option<String>,
	/// How long a request may take, uploads and downloads apart.
	pub request_timeout_seconds: u64,
	/// How long an upload or download may stand still.
	pub idle_timeout_seconds: u64,
	/// The file with the operator's token, relative to the base folder. It is made if there is none.
	pub token_file: PathBuf,
	/// The file with the token that workers show.
	pub worker_token_file: PathBuf,
	/// The certificate chain for TLS, in PEM, relative to the base folder. Without it connections are plain.
	pub tls_certificate: Option<PathBuf>,
	/// The certificate's key, in PEM, relative to the base folder.
	pub tls_key: Option<PathBuf>,
	/// How many connections there may be at a time.
	pub max_connections: u32,
	/// How many requests are answered in a second for one address. Zero: no limit.
	pub requests_per_second: u32,
}

impl Default for ApiConfig {
	fn default() -> Self {
		Self {
			listen: SocketAddr::from(([127, 0, 0, 1], 8400)),
			public_url: None,
			request_timeout_seconds: 30,
			idle_timeout_seconds: 60,
			token_file: "api.token".into(),
			worker_token_file: "worker.token".into(),
			tls_certificate: None,
			tls_key: None,
			max_connections: 1024,
			requests_per_second: 200,
		}
	}
}

impl ApiConfig {
	/// The URL that is announced on the chain.
	pub fn announced_url(&self) -> String {
		self.public_url.clone().unwrap_or_else(|| self.local_url())
	}

	/// The URL at the listening address.
	pub fn local_url(&self) -> String {
		let scheme = match self.tls_certificate {
			Some(_) => "https",
			None => "http",
		};
		format!("{scheme}://{}", self.listen)
	}
}

/// Where files go.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
	/// The size of every sector.
	pub sector_size: SectorSize,
	/// The folder for uploads, pieces and sectors, relative to the base folder.
	pub path: PathBuf,
	/// The proving keys' folder; without it the one that `holdfast-provider keys` uses.
	pub keys: Option<PathBuf>,
	/// This much of the disk is left alone.
	pub min_free_bytes: u64,
}

impl Default for StorageConfig {
	fn default() -> Self {
		Self {
			sector_size: SectorSize::MiB8,
			path: "store".into(),
			keys: None,
			min_free_bytes: 1 << 30,
		}
	}
}

/// What is asked for storage.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AskConfig {
	/// The price of storing one GiB for one block, in the smallest unit (10^-12 HOLD).
	pub price_per_gib_block: u64,
	/// The smallest piece, in padded bytes.
	pub min_piece_bytes: u64,
	/// The largest piece, in padded bytes. Without it: a whole sector.
	pub max_piece_bytes: Option<u64>,
	/// Whether new deals are taken.
	pub accepting: bool,
}

impl Default for AskConfig {
	fn default() -> Self {
		Self {
			price_per_gib_block: 1_000_000_000,
			min_piece_bytes: MIN_PIECE_BYTES,
			max_piece_bytes: None,
			accepting: true,
		}
	}
}

impl AskConfig {
	/// The least price per block of a piece: its share of the price of a GiB, rounded up.
	pub fn price_per_block(&self, size: PaddedPieceSize) -> u128 {
		// Two u64 factors cannot overflow a u128.
		u128::from(self.price_per_gib_block)
			.saturating_mul(size.bytes().into())
			.div_ceil(GIB.into())
	}
}

/// Which deals are taken.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DealsConfig {
	/// A deal has to start at least this many blocks from now, so that its sector can be sealed.
	pub min_lead_blocks: u32,
	/// The greatest collateral that a proposal may ask for, in hundredths of a percent of its price.
	pub max_collateral_basis_points: u32,
	/// How many deals may wait for their data at a time, of all clients.
	pub max_waiting: u32,
	/// How many deals of one client may wait for their data at a time.
	pub max_waiting_per_client: u32,
	/// A deal whose data has not arrived after this time is dropped.
	pub upload_timeout_seconds: u64,
	/// How long accepted deals are collected before they are published together.
	pub publish_wait_seconds: u64,
}

impl Default for DealsConfig {
	fn default() -> Self {
		Self {
			min_lead_blocks: 60,
			max_collateral_basis_points: 10_000,
			max_waiting: 256,
			max_waiting_per_client: 64,
			upload_timeout_seconds: 86_400,
			publish_wait_seconds: 3,
		}
	}
}

/// When money is collected.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettlementConfig {
	/// Every so many blocks, what the deals have earned is collected.
	pub interval_blocks: u32,
}

impl Default for SettlementConfig {
	fn default() -> Self {
		Self {
			interval_blocks: 50,
		}
	}
}

impl Config {
	/// Reads and checks the file in `base`.
	pub fn load(base: &Path) -> Result<Self, ConfigError> {
		let path = base.join(FILE_NAME);
		let text = match std::fs::read_to_string(&path) {
			Ok(text) => text,
			Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
				return Err(ConfigError::Missing { path })
			},
			Err(source) => return Err(ConfigError::Unreadable { path, source }),
		};
		let mut config = Self::parse(&text).map_err(|error| match error {
			ConfigError::Malformed { message, .. } => ConfigError::Malformed {
				path: path.clone(),
				message,
			},
			other => other,
		})?;
		for folder in [
			&mut config.storage.path,
			&mut config.chain.key_file,
			&mut config.api.token_file,
			&mut config.api.worker_token_file,
		]
		.into_iter()
		.chain(config.storage.keys.as_mut())
		.chain(config.api.tls_certificate.as_mut())
		.chain(config.api.tls_key.as_mut())
		{
			// An absolute path takes the base's place.
			*folder = base.join(&*folder);
		}
		Ok(config)
	}

	/// Parses and checks the text of a configuration file.
	pub fn parse(text: &str) -> Result<Self, ConfigError> {
		let config: Self = toml::from_str(text).map_err(|error| ConfigError::Malformed {
			path: FILE_NAME.into(),
			message: error.to_string(),
		})?;
		config.validate()?;
		Ok(config)
	}

	/// The largest piece that is taken.
	pub fn max_piece_bytes(&self) -> u64 {
		self.ask
			.max_piece_bytes
			.unwrap_or_else(|| self.storage.sector_size.bytes())
	}

	fn validate(&self) -> Result<(), ConfigError> {
		let invalid =
			|field: &'static str, rule: &'static str| Err(ConfigError::Invalid { field, rule });
		if !(self.chain.node.starts_with("ws://") || self.chain.node.starts_with("wss://")) {
			return invalid("chain.node", "must begin with ws:// or wss://");
		}
		let url = self.api.announced_url();
		if url.len() > 128 || !(url.starts_with("http://") || url.starts_with("https://")) {
			return invalid(
				"api.public_url",
				"must begin with http:// or https:// and have at most 128 characters",
			);
		}
		if self.api.request_timeout_seconds == 0 || self.api.idle_timeout_seconds == 0 {
			return invalid("api.request_timeout_seconds", "timeouts must be at least 1");
		}
		if self.api.tls_certificate.is_some() != self.api.tls_key.is_some() {
			return invalid(
				"api.tls_key",
				"needs api.tls_certificate, and the other way round",
			);
		}
		if self.api.max_connections == 0 {
			return invalid("api.max_connections", "must be at least 1");
		}
		if PaddedPieceSize::new(self.ask.min_piece_bytes).is_none()
			|| PaddedPieceSize::new(self.max_piece_bytes()).is_none()
		{
			return invalid(
				"ask.min_piece_bytes",
				"piece sizes are powers of two of at least 128",
			);
		}
		if self.ask.min_piece_bytes > self.max_piece_bytes() {
			return invalid("ask.min_piece_bytes", "must not be above the largest piece");
		}
		if self.max_piece_bytes() > self.storage.sector_size.bytes() {
			return invalid("ask.max_piece_bytes", "must not be above the sector size");
		}
		if !self.sealing.names_steps() {
			return invalid(
				"sealing.needs",
				"has only steps that compute, such as commit-2",
			);
		}
		if self.sealing.nice > 19 {
			return invalid("sealing.nice", "must be within 0 and 19");
		}
		if self.sealing.max_attempts == 0 {
			return invalid("sealing.max_attempts", "must be at least 1");
		}
		if self.settlement.interval_blocks == 0 {
			return invalid("settlement.interval_blocks", "must be at least 1");
		}
		Ok(())
	}
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
	/// There is no file.
	#[error("there is no {}: run `holdfast-provider init --base {}` first", path.display(), parent(path).display())]
	Missing {
		/// Where it should be.
		path: PathBuf,
	},
	/// The file cannot be read.
	#[error("cannot read {}: {source}", path.display())]
	Unreadable {
		/// The file.
		path: PathBuf,
		/// What went wrong.
		source: std::io::Error,
	},
	/// It is not TOML, has an unknown setting, or a value of the wrong type.
	#[error("{} is not a valid configuration: {message}", path.display())]
	Malformed {
		/// The file.
		path: PathBuf,
		/// Line, column and what is wrong there.
		message: String,
	},
	/// A value that cannot work.
	#[error("{field} in the configuration is not usable: it {rule}")]
	Invalid {
		/// The setting.
		field: &'static str,
		/// What it has to be.
		rule: &'static str,
	},
}

fn parent(path: &Path) -> &Path {
	path.parent().unwrap_or(path)
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn the_template_is_the_default() {
		assert_eq!(
			Config::parse(&Template::default().render()).unwrap(),
			Config::default()
		);
		assert_eq!(Config::parse("").unwrap(), Config::default());
	}

	/// Every commented default in the template is the real one: without the `#` it parses to the same.
	#[test]
	fn the_template_tells_the_real_defaults() {
		let text: String = Template::default()
			.render()
			.lines()
			.filter(|line| !line.starts_with("# key_environment") && !line.starts_with("# keys"))
			.filter(|line| !line.starts_with("# public_url") && !line.starts_with("# memory_bytes"))
			.filter(|line| !line.starts_with("# tls_") && !line.starts_with("# cpus"))
			.filter(|line| !line.starts_with("# scratch_bytes") && !line.starts_with("# needs"))
			.map(|line| match line.strip_prefix("# ") {
				Some(setting) if setting.contains(" = ") => format!("{setting}\n"),
				_ => format!("{line}\n"),
			})
			.collect();
		let mut expected = Config::default();
		expected.ask.max_piece_bytes = Some(SectorSize::MiB8.bytes());
		assert_eq!(Config::parse(&text).unwrap(), expected);
	}

	#[test]
	fn a_rendered_template_keeps_what_it_was_told() {
		let template = Template {
			node: "ws://node:1\"2".into(),
			listen: "0.0.0.0:80".parse().unwrap(),
			public_url: Some("https://a.example".into()),
			sector_size: SectorSize::KiB2,
			use_faucet: true,
		};
		let config = Config::parse(&template.render()).unwrap();
		assert_eq!(config.chain.node, template.node);
		assert_eq!(config.api.listen, template.listen);
		assert_eq!(config.api.announced_url(), "https://a.example");
		assert_eq!(config.storage.sector_size, SectorSize::KiB2);
		assert!(config.chain.use_faucet);
	}

	#[test]
	fn unusable_values_are_named() {
		let cases = [
			("[chain]\nnode = \"http://a\"", "chain.node"),
			("[api]\npublic_url = \"ftp://a\"", "api.public_url"),
			(
				"[api]\nrequest_timeout_seconds = 0",
				"api.request_timeout_seconds",
			),
			("[api]\ntls_key = \"a\"", "api.tls_key"),
			("[api]\ntls_certificate = \"a\"", "api.tls_key"),
			("[api]\nmax_connections = 0", "api.max_connections"),
			("[ask]\nmin_piece_bytes = 100", "ask.min_piece_bytes"),
			(
				"[ask]\nmin_piece_bytes = 512\nmax_piece_bytes = 256",
				"ask.min_piece_bytes",
			),
			("[ask]\nmax_piece_bytes = 16777216", "ask.max_piece_bytes"),
			("[sealing.needs.settle]\ncpus = 2", "sealing.needs"),
			("[sealing]\nnice = 20", "sealing.nice"),
			("[sealing]\nmax_attempts = 0", "sealing.max_attempts"),
			(
				"[settlement]\ninterval_blocks = 0",
				"settlement.interval_blocks",
			),
		];
		for (text, expected) in cases {
			match Config::parse(text) {
				Err(ConfigError::Invalid { field, .. }) => assert_eq!(field, expected),
				other => panic!("{text}: {other:?}"),
			}
		}
	}

	#[test]
	fn misspelt_settings_and_wrong_types_are_refused() {
		for text in [
			"[sealing]\nparalel = 2",
			"[ask]\nprice_per_gib_block = -1",
			"[storage]\nsector_size = \"1MiB\"",
			"[api]\nlisten = \"here\"",
			"not toml",
		] {
			assert!(
				matches!(Config::parse(text), Err(ConfigError::Malformed { .. })),
				"{text}"
			);
		}
	}

	#[test]
	fn a_missing_file_says_what_to_run() {
		let folder = tempfile::tempdir().unwrap();
		let error = Config::load(folder.path()).unwrap_err();
		assert!(error.to_string().contains("holdfast-provider init"));
		std::fs::create_dir(folder.path().join(FILE_NAME)).unwrap();
		assert!(matches!(
			Config::load(folder.path()),
			Err(ConfigError::Unreadable { .. })
		));
	}

	#[test]
	fn relative_paths_start_at_the_base() {
		let folder = tempfile::tempdir().unwrap();
		std::fs::write(
			folder.path().join(FILE_NAME),
			"[storage]\npath = \"here\"\nkeys = \"/there\"\n[api]\ntls_certificate = \"a.pem\"\ntls_key = \"/b\"",
		)
		.unwrap();
		let config = Config::load(folder.path()).unwrap();
		assert_eq!(config.storage.path, folder.path().join("here"));
		assert_eq!(config.storage.keys, Some("/there".into()));
		assert_eq!(config.chain.key_file, folder.path().join(KEY_FILE_NAME));
		assert_eq!(config.api.token_file, folder.path().join("api.token"));
		assert_eq!(
			config.api.tls_certificate,
			Some(folder.path().join("a.pem"))
		);
		assert_eq!(config.api.tls_key, Some("/b".into()));
		assert_eq!(config.api.announced_url(), "https://127.0.0.1:8400");
	}

	#[test]
	fn the_price_of_a_piece_is_rounded_up() {
		let mut ask = AskConfig::default();
		let size = PaddedPieceSize::new(128).unwrap();
		ask.price_per_gib_block = 1;
		assert_eq!(ask.price_per_block(size), 1);
		ask.price_per_gib_block = 1 << 30;
		assert_eq!(ask.price_per_block(size), 128);
		ask.price_per_gib_block = u64::MAX;
		let huge = PaddedPieceSize::new(1 << 63).unwrap();
		assert_eq!(ask.price_per_block(huge), u128::from(u64::MAX) << 33);
	}
}
