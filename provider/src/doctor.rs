//! `holdfast-provider doctor`: looks at everything that the daemon needs, and says what is wrong and what to
//! do about it.

use std::{
	fs,
	path::{Path, PathBuf},
};

use holdfast_primitives::{Balance, SectorNumber};
use serde::Serialize;

use crate::{
	api::server,
	chain::Chain,
	config::Config,
	daemon::{self, DATABASE_FILE},
	database::{Database, DatabaseError},
	overview::{self, Overview},
	store::sealing_bytes,
	tasks::{least_memory, memory_of_machine},
	token::Token,
	watch,
};

/// How many deadlines are told.
const NEXT_DEADLINES: usize = 3;
/// One HOLD in the smallest unit.
const HOLD: Balance = holdfast_primitives::policy::HOLD;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
	/// As it should be.
	Good,
	/// It works, but not for long or not well.
	Warning,
	/// The daemon does not work, or loses money.
	Failure,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
	/// What.
	pub name: &'static str,
	/// How it is.
	pub verdict: Verdict,
	/// What was found, and what to do.
	pub text: String,
}

impl Check {
	fn new(name: &'static str, verdict: Verdict, text: impl Into<String>) -> Self {
		Self {
			name,
			verdict,
			text: text.into(),
		}
	}

	/// What something without a result that matters is.
	pub fn of<T, E: std::fmt::Display>(
		name: &'static str,
		result: Result<T, E>,
		good: impl FnOnce(T) -> String,
	) -> Self {
		match result {
			Ok(value) => Self::new(name, Verdict::Good, good(value)),
			Err(error) => Self::new(name, Verdict::Failure, error.to_string()),
		}
	}
}

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
	/// Everything that was looked at.
	pub checks: Vec<Check>,
}

impl Report {
	/// The worst of it.
	pub fn verdict(&self) -> Verdict {
		self.checks
			.iter()
			.map(|check| check.verdict)
			.max()
			.unwrap_or(Verdict::Good)
	}

	/// Adds what was found.
	pub fn add(&mut self, check: Check) {
		self.checks.push(check);
	}
}

/// Looks at what is on this machine.
pub fn examine_machine(base: &Path, config: &Config) -> Report {
	let mut report = Report::default();
	report.add(Check::of(
		"account key",
		daemon::signer(&config.chain),
		|signer| format!("{}, and only its owner can read it", signer.account()),
	));
	report.add(token(&config.api.token_file));
	if let (Some(certificate), Some(key)) = (&config.api.tls_certificate, &config.api.tls_key) {
		report.add(Check::of("TLS", server::tls(certificate, key), |_| {
			format!("{} can be used", certificate.display())
		}));
	}
	report.add(memory(config));
	report.add(disk(config));
	report.add(writable("store", &config.storage.path));
	report.add(writable("base folder", base));
	report
}

fn token(path: &Path) -> Check {
	const NAME: &str = "operator's token";
	if path.exists() {
		Check::of(NAME, Token::read(path), |_| {
			format!("{}, and only its owner can read it", path.display())
		})
	} else {
		Check::new(
			NAME,
			Verdict::Good,
			format!("the daemon will make {}", path.display()),
		)
	}
}

fn memory(config: &Config) -> Check {
	const NAME: &str = "memory";
	let needed = least_memory(config.storage.sector_size);
	let has = memory_of_machine();
	let allowed = config.sealing.memory_bytes.unwrap_or(has);
	let text = format!(
		"{} are allowed of {}; a sector of {} takes {}",
		bytes(allowed),
		bytes(has),
		config.storage.sector_size,
		bytes(needed)
	);
	let verdict = if allowed < needed {
		Verdict::Failure
	} else if allowed > has || has < needed {
		Verdict::Warning
	} else {
		Verdict::Good
	};
	Check::new(NAME, verdict, text)
}

fn disk(config: &Config) -> Check {
	const NAME: &str = "disk";
	let Some(disk) = overview::disks(config).into_iter().next() else {
		return Check::new(
			NAME,
			Verdict::Warning,
			format!("there is no {} yet", config.storage.path.display()),
		);
	};
	let needed = sealing_bytes(config.storage.sector_size);
	let free = disk.free_bytes.saturating_sub(disk.reserved_bytes);
	let text = format!(
		"{} of {} are free in {}, {} of them reserved; sealing a sector takes {}",
		bytes(disk.free_bytes),
		bytes(disk.total_bytes),
		disk.path,
		bytes(disk.reserved_bytes),
		bytes(needed)
	);
	let verdict = match free {
		0 => Verdict::Failure,
		free if free < needed => Verdict::Warning,
		_ => Verdict::Good,
	};
	Check::new(NAME, verdict, text)
}

/// Whether files can be made in a folder.
fn writable(name: &'static str, folder: &Path) -> Check {
	if !folder.exists() {
		return Check::new(
			name,
			Verdict::Warning,
			format!("there is no {} yet: the daemon makes it", folder.display()),
		);
	}
	let probe: PathBuf = folder.join(format!(".doctor-{:016x}", rand::random::<u64>()));
	let result = fs::write(&probe, b"x").and_then(|()| fs::remove_file(&probe));
	Check::of(
		name,
		result.map_err(|error| format!("cannot write to {}: {error}", folder.display())),
		|()| format!("{} can be written to", folder.display()),
	)
}

/// Looks at the database. `None` if there is none yet.
pub async fn examine_database(base: &Path, report: &mut Report) -> Option<Database> {
	const NAME: &str = "database";
	let path = base.join(DATABASE_FILE);
	if !path.exists() {
		report.add(Check::new(
			NAME,
			Verdict::Warning,
			"there is none yet: the daemon has not run with this folder",
		));
		return None;
	}
	match Database::open_read_only(&path).await {
		Ok(database) => {
			report.add(Check::new(
				NAME,
				Verdict::Good,
				format!("{} can be read", path.display()),
			));
			report.add(forgotten(database.sectors_without_task().await));
			Some(database)
		},
		Err(error) => {
			report.add(Check::new(NAME, Verdict::Failure, error.to_string()));
			None
		},
	}
}

/// Sectors that nobody goes on with. A task that is about to end and the one that follows it are one transaction, so
/// there is no moment without.
fn forgotten(sectors: Result<Vec<SectorNumber>, DatabaseError>) -> Check {
	const NAME: &str = "sectors without a task";
	match sectors {
		Ok(sectors) if sectors.is_empty() => Check::new(NAME, Verdict::Good, "there is none"),
		Ok(sectors) => Check::new(
			NAME,
			Verdict::Failure,
			format!("nobody goes on with {sectors:?}: restart the daemon, which does"),
		),
		Err(error) => Check::new(NAME, Verdict::Failure, error.to_string()),
	}
}

/// Looks at the chain, the account and the sectors.
pub async fn examine_chain(
	config: &Config,
	database: &Database,
	chain: &dyn Chain,
	report: &mut Report,
) -> Result<(), DatabaseError> {
	let overview = overview::collect(config, database, chain, Vec::new()).await?;
	for check in judge(config, &overview) {
		report.add(check);
	}
	if let Ok(Some(info)) = chain.provider().await {
		if info.sector_size != config.storage.sector_size {
			report.add(Check::new(
				"sector size",
				Verdict::Failure,
				format!(
					"the provider is registered with {}, and the configuration says {}",
					info.sector_size, config.storage.sector_size
				),
			));
		}
	}
	Ok(())
}

fn judge(config: &Config, overview: &Overview) -> Vec<Check> {
	let chain = &overview.chain;
	if let Some(error) = &chain.error {
		return vec![Check::new("chain", Verdict::Failure, error.clone())];
	}
	let block = chain.block.unwrap_or_default();
	let mut checks = vec![Check::new(
		"chain",
		Verdict::Good,
		format!("{} is at block {block}", config.chain.node),
	)];
	checks.push(match watch::lag(overview).into_iter().next() {
		Some((_, severity, text)) => Check::new(
			"clock and chain lag",
			match severity {
				crate::monitor::Severity::Warning => Verdict::Warning,
				crate::monitor::Severity::Critical => Verdict::Failure,
			},
			text,
		),
		None => Check::new(
			"clock and chain lag",
			Verdict::Good,
			match chain.lag_millis {
				Some(lag) => format!("the best block is {} s old", lag / 1000),
				None => "the chain tells no time".to_owned(),
			},
		),
	});
	checks.push(if chain.registered {
		Check::new("registration", Verdict::Good, "the provider is registered")
	} else {
		Check::new(
			"registration",
			Verdict::Warning,
			"the provider is not registered yet: the daemon does it once the account has money",
		)
	});
	checks.extend(money(overview));
	checks.push(deadlines(overview, block));
	checks.push(penalty(overview));
	let failed = overview.failed_tasks.len();
	checks.push(if failed == 0 {
		Check::new("tasks", Verdict::Good, "none was given up")
	} else {
		Check::new(
			"tasks",
			Verdict::Warning,
			format!("{failed} were given up: see `holdfast-provider tasks --state failed`"),
		)
	});
	checks
}

fn money(overview: &Overview) -> Option<Check> {
	const NAME: &str = "balance";
	let balance = overview.balance.as_ref()?;
	let risk = overview
		.deadlines
		.iter()
		.map(|view| view.penalty_if_missed)
		.fold(0, Balance::saturating_add);
	let runway = match overview.runway_blocks {
		Some(blocks) => format!("lasts about {blocks} blocks at the present rate"),
		None => "does not shrink, as far as is known".to_owned(),
	};
	let text = format!(
		"{} free, {} in escrow, {} held; {runway}; a period in which everything is missed costs {}",
		hold(balance.free),
		hold(balance.escrow),
		hold(
			balance
				.pledge
				.saturating_add(balance.collateral)
				.saturating_add(balance.pre_commit_deposit)
		),
		hold(risk)
	);
	let short = overview.runway_blocks.is_some_and(|blocks| blocks < 14_400);
	let verdict = if balance.free == 0 {
		Verdict::Failure
	} else if short || balance.free < risk {
		Verdict::Warning
	} else {
		Verdict::Good
	};
	Some(Check::new(NAME, verdict, text))
}

fn deadlines(overview: &Overview, block: u32) -> Check {
	const NAME: &str = "next deadlines";
	if overview.deadlines.is_empty() {
		return Check::new(NAME, Verdict::Good, "there are no sectors to prove");
	}
	let mut verdict = Verdict::Good;
	let told: Vec<_> = overview
		.deadlines
		.iter()
		.take(NEXT_DEADLINES)
		.map(|view| {
			let open = view.partitions.saturating_sub(view.proven);
			if view.is_open && open > 0 {
				// Half of the window without a proof is no good sign.
				let left = view.close.saturating_sub(block);
				if left.saturating_mul(2) < view.close.saturating_sub(view.open) {
					verdict = Verdict::Warning;
				}
				format!(
					"{} is open until block {} and has {open} partitions to prove",
					view.deadline, view.close
				)
			} else if view.is_open {
				format!("{} is proven", view.deadline)
			} else {
				format!(
					"{} opens at block {}, in {} blocks",
					view.deadline,
					view.open,
					view.open.saturating_sub(block)
				)
			}
		})
		.collect();
	Check::new(NAME, verdict, told.join("; "))
}

fn penalty(overview: &Overview) -> Check {
	const NAME: &str = "predicted penalty";
	let faulty: u32 = overview
		.deadlines
		.iter()
		.map(|view| view.faulty)
		.fold(0, u32::saturating_add);
	if faulty == 0 {
		return Check::new(NAME, Verdict::Good, "no sector is faulty");
	}
	Check::new(
		NAME,
		Verdict::Failure,
		format!(
			"{faulty} sectors are faulty: {} in the next period, those that recover left out",
			hold(overview.predicted_penalty)
		),
	)
}

/// An amount for people, with three digits behind the point.
pub fn hold(amount: Balance) -> String {
	let thousandths = (amount % HOLD).saturating_mul(1000) / HOLD;
	format!("{}.{thousandths:03} HOLD", amount / HOLD)
}

/// A number of bytes for people.
pub fn bytes(count: u64) -> String {
	const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
	let mut unit = 0;
	let mut whole = count;
	let mut rest = 0;
	while whole >= 1024 && unit + 1 < UNITS.len() {
		rest = whole % 1024;
		whole /= 1024;
		unit += 1;
	}
	let name = UNITS.get(unit).copied().unwrap_or("B");
	match unit {
		0 => format!("{whole} {name}"),
		_ => format!("{whole}.{} {name}", rest.saturating_mul(10) / 1024),
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use std::os::unix::fs::PermissionsExt;

	fn verdict_of(report: &Report, name: &str) -> Verdict {
		let found = report.checks.iter().find(|check| check.name == name);
		found.unwrap_or_else(|| panic!("{name}")).verdict
	}

	#[test]
	fn a_machine_without_anything_is_not_ready() {
		let folder = tempfile::tempdir().unwrap();
		let mut config = Config::default();
		config.storage.path = folder.path().join("store");
		config.chain.key_file = folder.path().join("provider.key");
		config.api.token_file = folder.path().join("api.token");
		let report = examine_machine(folder.path(), &config);
		assert_eq!(verdict_of(&report, "account key"), Verdict::Failure);
		assert_eq!(verdict_of(&report, "operator's token"), Verdict::Good);
		assert_eq!(verdict_of(&report, "store"), Verdict::Warning);
		assert_eq!(verdict_of(&report, "base folder"), Verdict::Good);
		assert_eq!(report.verdict(), Verdict::Failure);
		assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
	}

	#[test]
	fn keys_that_others_can_read_are_found() {
		let folder = tempfile::tempdir().unwrap();
		let mut config = Config::default();
		config.storage.path = folder.path().to_owned();
		config.storage.min_free_bytes = 0;
		config.chain.key_file = folder.path().join("provider.key");
		config.api.token_file = folder.path().join("api.token");
		holdfast_chain_client::Signer::create_file(&config.chain.key_file).unwrap();
		Token::read_or_create(&config.api.token_file).unwrap();
		let report = examine_machine(folder.path(), &config);
		assert_eq!(verdict_of(&report, "account key"), Verdict::Good);
		assert_eq!(verdict_of(&report, "operator's token"), Verdict::Good);
		for path in [&config.chain.key_file, &config.api.token_file] {
			fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
		}
		let report = examine_machine(folder.path(), &config);
		assert_eq!(verdict_of(&report, "account key"), Verdict::Failure);
		assert_eq!(verdict_of(&report, "operator's token"), Verdict::Failure);
	}

	#[test]
	fn sectors_without_a_task_are_told() {
		assert_eq!(forgotten(Ok(Vec::new())).verdict, Verdict::Good);
		let check = forgotten(Ok(vec![3, 4]));
		assert_eq!(check.verdict, Verdict::Failure);
		assert!(check.text.contains("[3, 4]"), "{}", check.text);
	}

	#[test]
	fn too_little_memory_is_found() {
		let mut config = Config::default();
		config.sealing.memory_bytes = Some(1);
		assert_eq!(memory(&config).verdict, Verdict::Failure);
		config.sealing.memory_bytes = Some(u64::MAX);
		assert_eq!(memory(&config).verdict, Verdict::Warning);
	}

	#[test]
	fn amounts_and_sizes_are_readable() {
		assert_eq!(hold(0), "0.000 HOLD");
		assert_eq!(hold(HOLD + HOLD / 2), "1.500 HOLD");
		assert_eq!(hold(HOLD / 1_000_000), "0.000 HOLD");
		assert_eq!(bytes(0), "0 B");
		assert_eq!(bytes(1023), "1023 B");
		assert_eq!(bytes(1536), "1.5 KiB");
		assert_eq!(bytes(u64::MAX), "16777215.9 TiB");
	}
}
