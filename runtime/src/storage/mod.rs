//! The pallets of the storage network, and the adapters through which they know each other.

#[cfg(feature = "runtime-benchmarks")]
mod benchmark;

use crate::{constants::storage, *};
use frame_support::{
	parameter_types,
	traits::{ConstU32, Get},
	weights::Weight,
};
use holdfast_primitives::{
	sector::SectorSize, CommR, DealId, Digest, PieceInfo, Policy, ProofBytes, SectorNumber,
};
use pallet_proofs::WeightInfo as _;
use pallet_storage_provider::PoRepStatement;
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
	type WeightInfo = ();
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
	type WeightInfo = ();
}

type ProofsWeight = <Runtime as pallet_proofs::Config>::WeightInfo;

impl pallet_proofs::Config for Runtime {
	type AcceptDevnetKeys = AcceptDevnetKeys;
	type WeightInfo = ();
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
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkSigner = ();
}

impl pallet_faucet::Config for Runtime {
	type Currency = Balances;
	type Amount = FaucetAmount;
	type Period = ConstU32<{ storage::FAUCET_PERIOD }>;
	type MaxDripsPerBlock = ConstU32<{ storage::FAUCET_DRIPS_PER_BLOCK }>;
	type WeightInfo = ();
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

impl pallet_storage_provider::Proofs for ProviderProofs {
	fn verify_porep(
		sector_size: SectorSize,
		statement: &PoRepStatement,
		proofs: &[ProofBytes],
	) -> DispatchResult {
		#[cfg(feature = "runtime-benchmarks")]
		if benchmark::accepts_all_proofs() {
			return Ok(());
		}
		Proofs::verify_porep(
			sector_size,
			&pallet_proofs::PoRepStatement {
				sector_bytes: sector_size.bytes(),
				porep_id: sector_size.porep_id(),
				prover_id: statement.prover_id,
				sector_number: statement.sector_number,
				comm_d: statement.comm_d.0,
				comm_r: statement.comm_r.0,
				ticket: statement.ticket,
				seed: statement.seed,
			},
			proofs,
		)
		.map_err(|error| error.dispatch::<Runtime>())
	}

	fn verify_window_post(
		sector_size: SectorSize,
		randomness: &Digest,
		sectors: &[(SectorNumber, CommR)],
		proof: &ProofBytes,
	) -> DispatchResult {
		#[cfg(feature = "runtime-benchmarks")]
		if benchmark::accepts_all_proofs() {
			return Ok(());
		}
		Proofs::verify_window_post(sector_size, randomness, sectors, proof)
			.map_err(|error| error.dispatch::<Runtime>())
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn benchmark_accept_all() {
		benchmark::accept_all_proofs();
	}
}

/// What the verification of sectors' proofs costs, by what the pallet that verifies them measures.
pub struct SectorProofWeights;

/// The public inputs of a window PoSt of sectors below 32 GiB, rounded up. The keys of the larger sizes are
/// too large for the chain's state.
const WINDOW_POST_INPUTS: u32 = 32;

impl pallet_storage_provider::ProofWeights for SectorProofWeights {
	fn porep(count: u32) -> Weight {
		// From above: the proofs of one sector are verified together, but these can be of many.
		ProofsWeight::verify_porep(1).saturating_mul(count.into())
	}

	fn window_post(count: u32) -> Weight {
		ProofsWeight::verify_window_post(WINDOW_POST_INPUTS).saturating_mul(count.into())
	}
}

/// The deals of sectors.
pub struct ProviderMarket;

impl pallet_storage_provider::Market<AccountId> for ProviderMarket {
	fn sector_pieces(
		provider: &AccountId,
		deals: &[DealId],
		expiration: BlockNumber,
	) -> Result<Vec<PieceInfo>, DispatchError> {
		Market::sector_pieces(provider, deals, expiration)
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
		})
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
		benchmark::end_sector(provider, sector, from, to);
	}
}
