//! What our pallets' calls and hooks cost, as measured by `make weights`. The SDK's pallets bring their own
//! figures.

pub mod pallet_faucet;
pub mod pallet_market;
pub mod pallet_proofs;
pub mod pallet_randomness;
pub mod pallet_storage_provider;
