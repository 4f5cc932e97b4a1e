//! The demonstration: a file's whole way on a network of its own, with nothing left out.
//!
//! The file is hashed, uploaded, published, sealed, proven, proven again in two periods, paid for and
//! fetched back. On request something is corrupted on the way, and the chain, the provider or the client
//! has to refuse it; then the honest flow goes on.

mod damage;
mod report;
mod watch;

use std::{
	fmt, io,
	path::{Path, PathBuf},
	str::FromStr,
	time::Duration,
};

use holdfast_chain_client::{Call, Event, QueryError, Sender, Signer, SignerError, SubmitError};
use holdfast_primitives::{Balance, BlockNumber, DealId};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::time::{sleep, Instant};

use crate::{
	api::{ApiError, ProviderApi},
	devnet::{Devnet, DevnetError, DevnetOptions},
	get, put, GetError, GetOptions, PutError, PutEvent, PutOptions, Stored,
};

pub use report::{Payment, PostAccepted, Refusal, Report, SectorProof, StageTime};
use watch::Watch;

/// How many window PoSts are waited for.
const POSTS: usize = 2;
/// How long a stage may take.
const STAGE_LIMIT: Duration = Duration::from_secs(900);
/// How often progress is looked for.
const POLL: Duration = Duration::from_millis(500);
/// In how many blocks of a second the deal of the file that is made starts: by then its sector has to be proven.
const START_IN: BlockNumber = 120;
/// How much later it starts when a proof of replication is corrupted and has to be made again.
const PROOF_AGAIN: BlockNumber = 90;
/// The bytes of the file that is made when none is named.
const FILE_BYTES: usize = 11 << 19;

/// What is corrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corruption {
	/// The bytes of the upload: the provider must notice.
	Upload,
	/// A proof of replication: the chain must notice.
	PoRep,
	/// A window PoSt: the chain must notice.
	Post,
	/// The stored file: the client must notice.
	Data,
}

impl Corruption {
	/// Every kind, in the order of a file's way.
	pub const ALL: [Corruption; 4] = [Self::Upload, Self::PoRep, Self::Post, Self::Data];

	/// Its name on the command line.
	pub const fn name(self) -> &'static str {
		match self {
			Self::Upload => "upload",
			Self::PoRep => "porep",
			Self::Post => "post",
			Self::Data => "data",
		}
	}
}

impl fmt::Display for Corruption {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(self.name())
	}
}

impl FromStr for Corruption {
	type Err = String;

	fn from_str(text: &str) -> Result<Self, Self::Err> {
		Self::ALL
			.into_iter()
			.find(|corruption| corruption.name() == text)
			.ok_or_else(|| format!("`{text}` cannot be corrupted: use porep, post, data or upload"))
	}
}

/// What is to be shown.
#[derive(Clone, Debug)]
pub struct DemoOptions {
	/// The network.
	pub devnet: DevnetOptions,
	/// The file; one is made if there is none.
	pub file: Option<PathBuf>,
	/// What is corrupted on the way.
	pub corruptions: Vec<Corruption>,
}

/// Why the demonstration failed.
#[derive(Debug, Error)]
pub enum DemoError {
	/// The network did not come up.
	#[error(transparent)]
	Devnet(#[from] DevnetError),
	/// The file was not stored.
	#[error("storing the file failed")]
	Put(#[from] PutError),
	/// The file was not fetched.
	#[error("fetching the file failed")]
	Get(#[from] GetError),
	/// The provider does not answer.
	#[error(transparent)]
	Api(#[from] ApiError),
	/// The chain does not answer.
	#[error(transparent)]
	Chain(#[from] QueryError),
	/// The chain refused a transaction.
	#[error(transparent)]
	Submit(#[from] SubmitError),
	/// A key could not be read.
	#[error(transparent)]
	Signer(#[from] SignerError),
	/// A file of the demonstration could not be read or written.
	#[error("cannot use {path}: {source}")]
	File {
		/// The file.
		path: PathBuf,
		/// What the operating system said.
		source: io::Error,
	},
	/// A stage did not come.
	#[error("{stage} did not come within {} s; the logs are in {logs}", STAGE_LIMIT.as_secs())]
	TooSlow {
		/// What was waited for.
		stage: String,
		/// Where to look.
		logs: PathBuf,
	},
	/// A deal was lost.
	#[error("deal {deal} was lost: {reason}")]
	Lost {
		/// Which deal.
		deal: DealId,
		/// Why.
		reason: String,
	},
	/// Something corrupt went through.
	#[error("the corrupted {0} was NOT refused")]
	NotRefused(Corruption),
	/// The file came back changed.
	#[error("the file came back changed: SHA-256 was {before}, is {after}")]
	Changed {
		/// Before.
		before: String,
		/// After.
		after: String,
	},
	/// The provider was paid something else than its healthy blocks' price.
	#[error(
		"the provider's balance changed by {changed}, but its healthy blocks are worth {owed}"
	)]
	WrongPayment {
		/// What arrived.
		changed: Balance,
		/// What is owed.
		owed: Balance,
	},
}

/// Runs the demonstration; `say` is told each stage as it comes. Everything that it started has ended when
/// this returns.
pub async fn demo(
	options: DemoOptions,
	say: &mut (dyn FnMut(&StageTime) + Send),
) -> Result<Report, DemoError> {
	let mut options = options;
	let faults: Vec<&str> = options
		.corruptions
		.iter()
		.filter(|corruption| matches!(corruption, Corruption::PoRep | Corruption::Post))
		.map(|corruption| corruption.name())
		.collect();
	if !faults.is_empty() {
		options
			.devnet
			.provider_environment
			.push(("HOLDFAST_FAULT".into(), faults.join(",")));
	}
	let mut stages = Stages {
		started: Instant::now(),
		report: Report::default(),
		say,
	};
	let base = options.devnet.base.clone();
	let file = match &options.file {
		Some(file) => file.clone(),
		None => make_file(&base)?,
	};
	let devnet = Devnet::start(options.devnet, &mut |line| stages.come(line, None)).await?;
	stages.come("the network is up", None);
	// The file that is made is one piece, so its deal need not wait for other sectors. Of another file, the
	// client decides.
	let start_in = options.file.is_none().then(|| {
		let again = options.corruptions.contains(&Corruption::PoRep);
		START_IN.saturating_add(if again { PROOF_AGAIN } else { 0 })
	});
	let shown = show(&devnet, &file, &options.corruptions, start_in, &mut stages).await;
	devnet.stop().await;
	shown?;
	Ok(stages.report)
}

/// The stages so far, and who is told.
struct Stages<'a> {
	started: Instant,
	report: Report,
	say: &'a mut (dyn FnMut(&StageTime) + Send),
}

impl Stages<'_> {
	fn come(&mut self, what: &str, detail: Option<String>) {
		let stage = StageTime {
			stage: what.into(),
			detail,
			seconds: self.started.elapsed().as_secs_f64(),
		};
		(self.say)(&stage);
		self.report.stages.push(stage);
	}

	fn refused(&mut self, corruption: Corruption, by: &str, reason: String) {
		self.come(
			&format!("the corrupted {corruption} is refused"),
			Some(format!("{by}: {reason}")),
		);
		self.report.refusals.push(Refusal {
			corruption: corruption.name().into(),
			by: by.into(),
			reason,
		});
	}
}

async fn show(
	devnet: &Devnet,
	file: &Path,
	corruptions: &[Corruption],
	start_in: Option<BlockNumber>,
	stages: &mut Stages<'_>,
) -> Result<(), DemoError> {
	let before = sha256(file)?;
	stages.report.sha256_before.clone_from(&before);
	let signer = Signer::from_file(&devnet.client_key)?;
	let api = ProviderApi::new(&devnet.provider_url)?;
	let mut watch = Watch::start(&devnet.chain).await?;

	if corruptions.contains(&Corruption::Upload) {
		refuse_upload(devnet, &signer, file, stages).await?;
	}
	let stored = store(devnet, &signer, file, start_in, stages).await?;
	let deals: Vec<DealId> = stored
		.ticket
		.shards
		.iter()
		.map(|shard| shard.deal)
		.collect();
	stages.report.deals.clone_from(&deals);
	stages.report.ticket = stored.ticket.to_string();

	await_proven(devnet, &api, &stored, corruptions, &mut watch, stages).await?;
	await_posts(devnet, &api, corruptions, &mut watch, stages).await?;
	settle(devnet, &signer, &deals, &mut watch, stages).await?;
	fetch(devnet, &stored, &before, corruptions, stages).await
}

/// Uploads changed bytes and expects the provider to refuse them.
async fn refuse_upload(
	devnet: &Devnet,
	signer: &Signer,
	file: &Path,
	stages: &mut Stages<'_>,
) -> Result<(), DemoError> {
	let options = PutOptions {
		corrupt_upload: true,
		..PutOptions::new(file)
	};
	match put(&devnet.chain, signer, &options, &|_| ()).await {
		Err(PutError::Api(ApiError::Refused { code, message, .. })) if code == "commp-mismatch" => {
			stages.refused(Corruption::Upload, "the provider", message);
			Ok(())
		},
		Ok(_) => Err(DemoError::NotRefused(Corruption::Upload)),
		Err(error) => Err(error.into()),
	}
}

async fn store(
	devnet: &Devnet,
	signer: &Signer,
	file: &Path,
	start_in: Option<BlockNumber>,
	stages: &mut Stages<'_>,
) -> Result<Stored, DemoError> {
	let (events, mut stream) = tokio::sync::mpsc::unbounded_channel();
	let options = PutOptions {
		start_in,
		..PutOptions::new(file)
	};
	// Nobody listening only means that nobody is shown the progress.
	let report = move |event| drop(events.send(event));
	let storing = put(&devnet.chain, signer, &options, &report);
	tokio::pin!(storing);
	let stored = loop {
		tokio::select! {
			Some(event) = stream.recv() => tell_put(event, stages),
			stored = &mut storing => break stored?,
		}
	};
	while let Ok(event) = stream.try_recv() {
		tell_put(event, stages);
	}
	Ok(stored)
}

fn tell_put(event: PutEvent, stages: &mut Stages<'_>) {
	match event {
		PutEvent::Hashed { root, pieces } => {
			stages.come("hashed", Some(format!("{root} in {pieces} piece(s)")));
		},
		PutEvent::Uploaded { piece } => stages.come("uploaded", Some(format!("piece {piece}"))),
		PutEvent::Published { deal, .. } => {
			stages.come("deal published", Some(format!("deal {deal}")))
		},
		PutEvent::Hashing { .. }
		| PutEvent::Offered { .. }
		| PutEvent::Uploading { .. }
		| PutEvent::Retrying { .. } => {},
	}
}

/// Follows the deals through the provider's pipeline until their sectors are proven.
async fn await_proven(
	devnet: &Devnet,
	api: &ProviderApi,
	stored: &Stored,
	corruptions: &[Corruption],
	watch: &mut Watch,
	stages: &mut Stages<'_>,
) -> Result<(), DemoError> {
	let limit = Instant::now() + STAGE_LIMIT;
	let mut seen: Vec<usize> = vec![0; stored.ids.len()];
	let mut refusal_due = corruptions.contains(&Corruption::PoRep);
	loop {
		watch.advance(&devnet.chain).await?;
		let mut active = 0;
		for (index, (id, shard)) in stored.ids.iter().zip(&stored.ticket.shards).enumerate() {
			let status = api.deal(id).await?;
			for event in status.events.iter().skip(seen[index]) {
				if let Some(name) = report::stage_name(&event.state) {
					stages.come(name, Some(format!("deal {}", shard.deal)));
				}
			}
			seen[index] = status.events.len();
			if status.is_lost() {
				let reason = status.error.unwrap_or(status.state);
				return Err(DemoError::Lost {
					deal: shard.deal,
					reason,
				});
			}
			active += usize::from(status.state == "active");
		}
		if refusal_due {
			refusal_due = !tell_refusal(api, Corruption::PoRep, stages).await?;
		}
		if active == stored.ids.len() {
			break;
		}
		check_time(devnet, limit, "a proven sector")?;
		sleep(POLL).await;
	}
	if refusal_due {
		return Err(DemoError::NotRefused(Corruption::PoRep));
	}
	watch.advance(&devnet.chain).await?;
	for seen in watch.events() {
		if let Event::SectorProven {
			sector,
			deadline,
			partition,
			..
		} = seen.event
		{
			let proof = SectorProof {
				sector,
				deadline,
				partition,
				at: seen.place(),
			};
			stages.come("proof of replication accepted", Some(proof.to_string()));
			stages.report.sectors.push(proof);
		}
	}
	Ok(())
}

/// Waits until every sector's partition has been proven twice.
async fn await_posts(
	devnet: &Devnet,
	api: &ProviderApi,
	corruptions: &[Corruption],
	watch: &mut Watch,
	stages: &mut Stages<'_>,
) -> Result<(), DemoError> {
	let limit = Instant::now() + STAGE_LIMIT;
	let mut partitions: Vec<(u32, u32)> = stages
		.report
		.sectors
		.iter()
		.map(|proof| (proof.deadline, proof.partition))
		.collect();
	partitions.sort_unstable();
	partitions.dedup();
	let mut refusal_due = corruptions.contains(&Corruption::Post);
	let mut told = 0;
	loop {
		watch.advance(&devnet.chain).await?;
		let accepted: Vec<PostAccepted> = watch
			.events()
			.iter()
			.filter_map(|seen| match seen.event {
				Event::WindowPoStAccepted {
					deadline,
					partition,
					..
				} => Some(PostAccepted {
					deadline,
					partition,
					at: seen.place(),
				}),
				_ => None,
			})
			.collect();
		if refusal_due {
			refusal_due = !tell_refusal(api, Corruption::Post, stages).await?;
		}
		for post in accepted.iter().skip(told) {
			stages.come("window PoSt accepted", Some(post.to_string()));
		}
		told = accepted.len();
		let times = |place: &(u32, u32)| {
			accepted
				.iter()
				.filter(|post| (post.deadline, post.partition) == *place)
				.count()
		};
		if partitions.iter().all(|place| times(place) >= POSTS) && all_paid(devnet, stages).await? {
			stages.report.posts = accepted;
			break;
		}
		check_time(devnet, limit, "the second window PoSt of each sector")?;
		sleep(POLL).await;
	}
	if refusal_due {
		return Err(DemoError::NotRefused(Corruption::Post));
	}
	Ok(())
}

/// Whether every deal has begun and has proven blocks to be paid.
async fn all_paid(devnet: &Devnet, stages: &Stages<'_>) -> Result<bool, DemoError> {
	for deal in &stages.report.deals {
		if report::healthy_blocks(&devnet.chain, *deal).await? == 0 {
			return Ok(false);
		}
	}
	Ok(true)
}

/// Settles the deals and checks the provider's balance against their healthy blocks.
async fn settle(
	devnet: &Devnet,
	signer: &Signer,
	deals: &[DealId],
	watch: &mut Watch,
	stages: &mut Stages<'_>,
) -> Result<(), DemoError> {
	let sender = Sender::new(devnet.chain.clone(), signer.clone());
	let before = report::total(&devnet.chain.balance(&devnet.provider_account).await?);
	let included = sender.submit(Call::SettleDeals(deals.to_vec())).await?;
	let after = report::total(&devnet.chain.balance(&devnet.provider_account).await?);
	watch.advance(&devnet.chain).await?;
	let mut owed: Balance = 0;
	for deal in deals {
		let paid = included.events.iter().find_map(|event| match event {
			Event::DealSettled {
				deal: settled,
				blocks,
				amount,
			} if settled == deal => Some((*blocks, *amount)),
			_ => None,
		});
		let (blocks, amount) = paid.unwrap_or_default();
		let Some(state) = devnet.chain.deal(*deal).await? else {
			return Err(DemoError::Lost {
				deal: *deal,
				reason: "it is not on chain any more".into(),
			});
		};
		let worth = state.price_per_block.saturating_mul(blocks.into());
		owed = owed.saturating_add(worth);
		let payment = Payment {
			deal: *deal,
			price_per_block: state.price_per_block,
			healthy_blocks: blocks,
			amount,
		};
		stages.come("settled", Some(payment.to_string()));
		stages.report.payments.push(payment);
	}
	let changed = after.saturating_sub(before);
	stages.report.provider_balance_change = changed;
	if changed != owed || owed == 0 {
		return Err(DemoError::WrongPayment { changed, owed });
	}
	Ok(())
}

/// Fetches the file and compares it, after the client has refused a damaged one if that is asked for.
async fn fetch(
	devnet: &Devnet,
	stored: &Stored,
	before: &str,
	corruptions: &[Corruption],
	stages: &mut Stages<'_>,
) -> Result<(), DemoError> {
	let target = devnet.base().join("fetched");
	let options = GetOptions {
		output: Some(target.clone()),
		overwrite: true,
		..GetOptions::default()
	};
	if corruptions.contains(&Corruption::Data) {
		let commitment = stored.ticket.shards[0].piece.commitment;
		let damage = damage::Damage::inflict(devnet.provider_folder(), &commitment)?;
		let refused = get(&stored.ticket, &options, &|_| ()).await;
		damage.heal()?;
		match refused {
			Err(error) if error.is_refusal() => {
				stages.refused(Corruption::Data, "the client", error.to_string());
			},
			Err(error) => return Err(error.into()),
			Ok(_) => return Err(DemoError::NotRefused(Corruption::Data)),
		}
	}
	get(&stored.ticket, &options, &|_| ()).await?;
	let after = sha256(&target)?;
	stages.report.sha256_after.clone_from(&after);
	if after != before {
		return Err(DemoError::Changed {
			before: before.into(),
			after,
		});
	}
	stages.come("fetched", Some(format!("SHA-256 {after}")));
	Ok(())
}

/// Tells of the chain's refusal of a corrupted proof, if the provider has seen it by now.
async fn tell_refusal(
	api: &ProviderApi,
	corruption: Corruption,
	stages: &mut Stages<'_>,
) -> Result<bool, DemoError> {
	let status = api.status().await?;
	let refusal = status["refusals"]
		.as_array()
		.into_iter()
		.flatten()
		.find(|refusal| refusal["kind"] == corruption.name());
	let Some(refusal) = refusal else {
		return Ok(false);
	};
	let reason = refusal["error"]
		.as_str()
		.unwrap_or("no reason given")
		.to_owned();
	stages.refused(corruption, "the chain", reason);
	Ok(true)
}

fn check_time(devnet: &Devnet, limit: Instant, stage: &str) -> Result<(), DemoError> {
	if Instant::now() > limit {
		return Err(DemoError::TooSlow {
			stage: stage.into(),
			logs: devnet.base().into(),
		});
	}
	Ok(())
}

/// The SHA-256 of a file, as hexadecimal digits.
fn sha256(path: &Path) -> Result<String, DemoError> {
	let failed = |source| DemoError::File {
		path: path.into(),
		source,
	};
	let mut hasher = Sha256::new();
	let mut file = std::fs::File::open(path).map_err(failed)?;
	io::copy(&mut file, &mut hasher).map_err(failed)?;
	Ok(const_hex::encode(hasher.finalize()))
}

/// Makes a file of about 5.5 MiB: numbered records, none like another.
fn make_file(base: &Path) -> Result<PathBuf, DemoError> {
	let path = base.join("demonstration.txt");
	let failed = |source| DemoError::File {
		path: path.clone(),
		source,
	};
	let mut text = String::with_capacity(FILE_BYTES + 100);
	let mut hash = Sha256::digest(b"holdfast demonstration");
	let mut record = 0u32;
	while text.len() < FILE_BYTES {
		text.push_str(&format!("record {record:07} {}\n", const_hex::encode(hash)));
		hash = Sha256::digest(hash);
		record = record.saturating_add(1);
	}
	std::fs::create_dir_all(base).map_err(failed)?;
	std::fs::write(&path, text).map_err(failed)?;
	Ok(path)
}
