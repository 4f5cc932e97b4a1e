//! Signed transactions, as a wallet makes them.

use crate::chain::Chain;
use codec::{Compact, Encode};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{generic::Era, AccountId32, MultiAddress, MultiSignature, OpaqueExtrinsic};

/// The version byte of a signed transaction of format 4.
const SIGNED: u8 = 0b1000_0100;
/// Longer payloads are hashed before they are signed.
const LONGEST_PAYLOAD: usize = 256;

/// What a wallet knows of the chain.
#[derive(Clone, Copy)]
pub struct Wallet {
	spec_version: u32,
	transaction_version: u32,
	genesis: H256,
}

impl Wallet {
	pub fn of(chain: &Chain) -> Self {
		Self {
			spec_version: chain.runtime.version.spec_version,
			transaction_version: chain.runtime.version.transaction_version,
			genesis: chain.genesis,
		}
	}

	/// A transaction that never expires and gives no tip.
	pub fn sign(&self, signer: Sr25519Keyring, nonce: u32, call: &[u8]) -> OpaqueExtrinsic {
		// What the runtime's transaction extensions carry: the era, the nonce, the tip and that there is no
		// hash of the metadata ...
		let carried = (Era::Immortal, Compact(nonce), Compact(0u128), false).encode();
		// ... and what is signed besides: the versions, the genesis block, the era's block and no hash.
		let implied = (
			self.spec_version,
			self.transaction_version,
			self.genesis,
			self.genesis,
			None::<[u8; 32]>,
		)
			.encode();
		let mut payload = [call, &carried, &implied].concat();
		if payload.len() > LONGEST_PAYLOAD {
			payload = blake2_256(&payload).to_vec();
		}
		let account: MultiAddress<AccountId32, ()> = MultiAddress::Id(signer.to_account_id());
		let signature = MultiSignature::from(signer.sign(&payload));
		let mut bytes = (SIGNED, account, signature).encode();
		bytes.extend(carried);
		bytes.extend(call);
		OpaqueExtrinsic::from_blob(bytes)
	}
}
