//! The pallets of the storage network, and the adapters through which they know each other.

#[cfg(feature = "runtime-benchmarks")]
mod benchmark;
#[cfg(any(feature = "std", feature = "try-runtime"))]
pub mod check;

use crate::{constants::storage, *};
use frame_support::{
	parameter_types,
	traits::{ConstU32, Get},
	weights::Weight,
};
use holdfast_primitives::{sector::SectorSize, DealId, Digest, PieceInfo, Policy, SectorNumber};
use pallet_storage_provider::{PartitionProof, SectorProofs, Verification};
use sp_runtime::{DispatchError, DispatchResult};

/// The policy that the chain was made with.
pub struct ChainPolicy;

impl Get<Policy> for ChainPolicy {
	fn get() -> Policy {
		pallet_storage_provider::PolicyValue::<Runtime>::get()
	}
}

/// As many blocks of randomness as the policy can ask for.
pub struct RandomnessHistory;

impl Get<BlockNumber> for RandomnessHistory {
	fn get() -> BlockNumber {
		ChainPolicy::get().randomness_history()
	}
}

/// Whether keys whose trapdoor is public are accepted: where the policy says that it is for development.
pub struct AcceptDevnetKeys;

impl Get<bool> for AcceptDevnetKeys {
	fn get() -> bool {
		ChainPolicy::get().accept_devnet_keys
	}
}

/// What the faucet gives: nothing where the policy is not one for development.
pub struct FaucetAmount;

impl Get<Balance> for FaucetAmount {
	fn get() -> Balance {
		if ChainPolicy::get().accept_devnet_keys {
			storage::FAUCET_AMOUNT
		} else {
			0
		}
	}
}

impl pallet_randomness::Config for Runtime {
	type KeepBlocks = RandomnessHistory;
	type WeightInfo = weights::pallet_randomness::WeightInfo<Runtime>;
}

parameter_types! {
	pub const MaxDuePerBlock: u32 = storage::MAX_DUE_PER_BLOCK;
}

impl pallet_storage_provider::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Randomness = ProviderRandomness;
	type Proofs = ProviderProofs;
	type Market = ProviderMarket;
	type MaxDuePerBlock = MaxDuePerBlock;
	type ProofWeights = SectorProofWeights;
	type WeightInfo = weights::pallet_storage_provider::WeightInfo<Runtime>;
}

impl pallet_proofs::Config for Runtime {
	type AcceptDevnetKeys = AcceptDevnetKeys;
	type DevnetKeys = genesis::DevnetKeys;
	type WeightInfo = weights::pallet_proofs::WeightInfo<Runtime>;
}

impl pallet_market::Config for Runtime {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Signature = Signature;
	type Public = Signer;
	type Policy = ChainPolicy;
	type Providers = MarketProviders;
	type Sectors = MarketSectors;
	type MaxStartsPerBlock = ConstU32<{ storage::MAX_STARTS_PER_BLOCK }>;
	type WeightInfo = weights::pallet_market::WeightInfo<Runtime>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkSigner = ();
}

impl pallet_faucet::Config for Runtime {
	type Currency = Balances;
	type Amount = FaucetAmount;
	type Period = ConstU32<{ storage::FAUCET_PERIOD }>;
	type MaxDripsPerBlock = ConstU32<{ storage::FAUCET_DRIPS_PER_BLOCK }>;
	type WeightInfo = weights::pallet_faucet::WeightInfo<Runtime>;
}

/// The chain's randomness, for sectors.
pub struct ProviderRandomness;

impl pallet_storage_provider::Randomness for ProviderRandomness {
	fn value_at(block: BlockNumber) -> Option<Digest> {
		Randomness::value_at(block)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_value_at(block: BlockNumber) {
		pallet_randomness::History::<Runtime>::insert(block, [7; 32]);
	}
}

/// The verification of sectors' proofs.
pub struct ProviderProofs;

impl ProviderProofs {
	fn convert(verified: pallet_proofs::Verification) -> Verification {
		let dispatch = |error: pallet_proofs::ProofError| error.dispatch::<Runtime>();
		Verification {
			results: verified
				.results
				.into_iter()
				.map(|result| result.map_err(dispatch))
				.collect(),
			weight: verified.weight,
		}
	}

	/// In a benchmark that measures everything but the proofs, all of them hold.
	fn unseen(_count: usize) -> Option<Verification> {
		#[cfg(feature = "runtime-benchmarks")]
		if benchmark::accepts_all_proofs() {
			return Some(Verification {
				results: alloc::vec![Ok(()); _count],
				weight: Weight::zero(),
			});
		}
		None
	}
}

impl pallet_storage_provider::Proofs for ProviderProofs {
	fn verify_poreps(sector_size: SectorSize, sectors: &[SectorProofs<'_>]) -> Verification {
		if let Some(accepted) = Self::unseen(sectors.len()) {
			return accepted;
		}
		let sectors: Vec<pallet_proofs::PoRep<'_>> = sectors
			.iter()
			.map(|(statement, proofs)| {
				let statement = pallet_proofs::PoRepStatement {
					sector_bytes: sector_size.bytes(),
					porep_id: sector_size.porep_id(),
					prover_id: statement.prover_id,
					sector_number: statement.sector_number,
					comm_d: statement.comm_d.0,
					comm_r: statement.comm_r.0,
					ticket: statement.ticket,
					seed: statement.seed,
				};
				(statement, *proofs)
			})
			.collect();
		Self::convert(Proofs::verify_poreps(sector_size, &sectors))
	}

	fn verify_window_posts(
		sector_size: SectorSize,
		randomness: &Digest,
		partitions: &[PartitionProof<'_>],
	) -> Verification {
		Self::unseen(partitions.len()).unwrap_or_else(|| {
			Self::convert(Proofs::verify_window_posts(
				sector_size,
				randomness,
				partitions,
			))
		})
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_accept_all() {
		benchmark::accept_all_proofs();
	}
}

/// What the verification of sectors' proofs costs, by what the pallet that verifies them measures.
pub struct SectorProofWeights;

impl pallet_storage_provider::ProofWeights for SectorProofWeights {
	fn poreps(sectors: u32, proofs: u32) -> Weight {
		Proofs::poreps_weight(sectors, proofs)
	}

	fn window_posts(partitions: u32) -> Weight {
		Proofs::window_posts_weight(partitions)
	}
}

/// The deals of sectors.
pub struct ProviderMarket;

impl pallet_storage_provider::Market<AccountId> for ProviderMarket {
	fn reserve(
		provider: &AccountId,
		sector: SectorNumber,
		deals: &[DealId],
		expiration: BlockNumber,
		until: BlockNumber,
	) -> Result<Vec<PieceInfo>, DispatchError> {
		Market::reserve(provider, sector, deals, expiration, until)
	}

	fn activate(provider: &AccountId, sector: SectorNumber, deals: &[DealId]) -> DispatchResult {
		Market::activate(provider, sector, deals)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_deals(provider: &AccountId, count: u32) -> Vec<DealId> {
		benchmark::publish_deals(provider, count)
	}
}

/// The providers that may publish deals.
pub struct MarketProviders;

impl pallet_market::Providers<AccountId> for MarketProviders {
	fn sector_size(provider: &AccountId) -> Option<SectorSize> {
		pallet_storage_provider::Providers::<Runtime>::get(provider).map(|info| info.sector_size)
	}

	fn ask(provider: &AccountId) -> Option<pallet_market::Ask> {
		let info = pallet_storage_provider::Providers::<Runtime>::get(provider)?;
		Some(pallet_market::Ask {
			price_per_gib_block: info.ask.price_per_gib_block,
			min_piece_bytes: info.ask.min_piece_bytes,
			max_piece_bytes: info.ask.max_piece_bytes,
			accepting: info.ask.accepting,
		})
	}

	fn operated_by(signer: &AccountId) -> Option<AccountId> {
		StorageProvider::operated_by(signer)
	}

	fn beneficiary(provider: &AccountId) -> AccountId {
		StorageProvider::beneficiary(provider)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_register(provider: &AccountId, size: SectorSize) {
		benchmark::register(provider, size);
	}
}

/// The sectors that deals are paid by.
pub struct MarketSectors;

impl pallet_market::Sectors<AccountId> for MarketSectors {
	fn health(
		provider: &AccountId,
		sector: SectorNumber,
		from: BlockNumber,
		to: BlockNumber,
	) -> Option<pallet_market::Health> {
		let health = StorageProvider::sector_health(provider, sector, from, to)?;
		Some(pallet_market::Health {
			healthy_blocks: health.healthy_blocks,
			decided_through: health.decided_through,
			terminated: health.terminated,
		})
	}

	fn expiration(provider: &AccountId, sector: SectorNumber) -> Option<BlockNumber> {
		pallet_storage_provider::Sectors::<Runtime>::get(provider, sector)
			.filter(|sector| sector.ended.is_none())
			.map(|sector| sector.expiration)
	}

	fn release_deal(provider: &AccountId, sector: SectorNumber) {
		StorageProvider::release_deal(provider, sector);
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_ended_sector(
		provider: &AccountId,
		sector: SectorNumber,
		from: BlockNumber,
		to: BlockNumber,
	) {
		benchmark::put_sector(provider, sector, from, to, Some(to));
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_live_sector(provider: &AccountId, sector: SectorNumber, expiration: BlockNumber) {
		benchmark::put_sector(provider, sector, 0, expiration, None);
	}
}
