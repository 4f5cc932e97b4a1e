//! The commented configuration file that `init` writes.

use std::net::SocketAddr;

use holdfast_primitives::SectorSize;

use super::Config;

/// What `init` can be told, for the file that it writes.
#[derive(Clone, Debug)]
pub struct Template {
	/// See [`ChainConfig::node`](super::ChainConfig::node).
	pub node: String,
	/// See [`ApiConfig::listen`](super::ApiConfig::listen).
	pub listen: SocketAddr,
	/// See [`ApiConfig::public_url`](super::ApiConfig::public_url).
	pub public_url: Option<String>,
	/// See [`StorageConfig::sector_size`](super::StorageConfig::sector_size).
	pub sector_size: SectorSize,
	/// See [`ChainConfig::use_faucet`](super::ChainConfig::use_faucet).
	pub use_faucet: bool,
}

impl Default for Template {
	fn default() -> Self {
		let config = Config::default();
		Self {
			node: config.chain.node,
			listen: config.api.listen,
			public_url: None,
			sector_size: config.storage.sector_size,
			use_faucet: config.chain.use_faucet,
		}
	}
}

impl Template {
	/// A commented configuration file.
	pub fn render(&self) -> String {
		let quoted = |text: &str| toml::Value::String(text.into()).to_string();
		let public_url = match &self.public_url {
			Some(url) => format!("public_url = {}", quoted(url)),
			None => "# public_url = \"https://storage.example.org\"".into(),
		};
		format!(
			r#"# Configuration of holdfast-provider. What is commented out shows its default.
# Relative paths start at this file's folder.

[chain]
# The node's WebSocket address.
node = {node}
# The file with the account's secret: a mnemonic or a 0x seed, readable by its owner only (mode 0600).
key_file = "provider.key"
# Or the name of an environment variable that holds the secret.
# key_environment = "HOLDFAST_PROVIDER_KEY"
# Deposit the collateral of deals in the market as it is needed.
# auto_deposit = true
# Ask the test network's faucet for money when the account is empty.
use_faucet = {use_faucet}

[api]
# Where the HTTP API listens.
listen = "{listen}"
# The URL that is announced on the chain; by default http:// and the listening address.
{public_url}
# request_timeout_seconds = 30
# How long an upload or download may stand still.
# idle_timeout_seconds = 60
# The file with the operator's token (mode 0600), for the status page, /metrics and the lists. It is made if
# there is none.
# token_file = "api.token"
# The file with the token that workers show; made at the first start.
# worker_token_file = "worker.token"
# TLS, without a proxy in front: the certificate chain and its key (mode 0600), in PEM. Read at the start.
# tls_certificate = "tls.pem"
# tls_key = "tls.key"
# How many connections there may be at a time; further ones wait.
# max_connections = 1024
# How many requests are answered in a second for one address (twice as many at once). 0 for no limit: behind a
# proxy all requests come from its address.
# requests_per_second = 200

[storage]
# 2KiB, 8MiB and 512MiB prove nothing to an attacker and are for test networks; 32GiB and 64GiB are sound.
# It cannot be changed once the provider is registered.
sector_size = "{sector_size}"
# Uploads, pieces and sectors.
path = "store"
# The proving keys; by default the folder that `holdfast-provider keys` uses.
# keys = "/var/lib/holdfast/keys"
# This much of the disk is left alone.
# min_free_bytes = 1073741824

[ask]
# The price of one GiB for one block, in 10^-12 HOLD.
# price_per_gib_block = 1000000000
# The smallest and the largest piece, in padded bytes (powers of two); the largest is by default a whole sector.
# min_piece_bytes = 128
# max_piece_bytes = {max_piece_bytes}
# accepting = true

[deals]
# A deal has to start at least this many blocks from now, so that its sector can be sealed in time.
# min_lead_blocks = 60
# The greatest collateral that a proposal may ask for, in hundredths of a percent of its price.
# max_collateral_basis_points = 10000
# How many deals may wait for their data at a time, in all and of one client.
# max_waiting = 256
# max_waiting_per_client = 64
# A deal whose data has not arrived after this time is dropped.
# upload_timeout_seconds = 86400
# How long accepted deals are collected before they are published together.
# publish_wait_seconds = 3

[sealing]
# How long published deals are collected before a sector that is not full is sealed.
# pack_wait_seconds = 10
# How many sealing steps run at a time, and at which niceness. With 0 all of them are left to workers.
# parallel = 1
# nice = 10
# How much memory sealing steps and a window PoSt take at most, all together. A step for which there is too
# little left waits until others have ended. By default three quarters of the machine's memory.
# memory_bytes = 17179869184
# How many processors they keep busy, by default all, how many graphics processors there are (this program's own
# steps use none), and how much room on disk they may use besides their sectors', by default any.
# cpus = 8
# gpus = 0
# scratch_bytes = 68719476736
# What a step takes if it is not what it takes by itself.
# needs.commit-2 = {{ cpus = 4, memory_bytes = 8589934592, scratch_bytes = 0, gpus = 1 }}
# How many blocks back the ticket's block is, so that a reorganisation does not change it.
# ticket_depth = 5
# How often a step is tried before its sector is given up.
# max_attempts = 8
# A worker that was not heard of for so long loses the sectors that it has not finished.
# worker_timeout_seconds = 600

[settlement]
# Every so many blocks, what the deals have earned is collected.
# interval_blocks = 50
"#,
			node = quoted(&self.node),
			listen = self.listen,
			sector_size = self.sector_size,
			use_faucet = self.use_faucet,
			max_piece_bytes = self.sector_size.bytes(),
		)
	}
}
