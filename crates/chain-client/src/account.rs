//! Accounts and their SS58 addresses.

use std::{fmt, str::FromStr};

use codec::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subxt::utils::AccountId32;

/// The address prefix of Holdfast's networks: the generic Substrate one.
pub const SS58_PREFIX: u8 = 42;

/// The longest text that can be an address of 32 bytes.
const MAX_ADDRESS_LENGTH: usize = 64;

/// An account: the 32 bytes of its public key. Shown, read and serialised as an SS58 address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct AccountId(pub [u8; 32]);

impl AccountId {
	/// The account's bytes.
	pub const fn as_bytes(&self) -> &[u8; 32] {
		&self.0
	}

	/// The account's address with [`SS58_PREFIX`].
	pub fn to_ss58(&self) -> String {
		AccountId32(self.0).to_string()
	}
}

impl From<[u8; 32]> for AccountId {
	fn from(bytes: [u8; 32]) -> Self {
		Self(bytes)
	}
}

impl From<AccountId> for [u8; 32] {
	fn from(account: AccountId) -> Self {
		account.0
	}
}

impl From<AccountId32> for AccountId {
	fn from(account: AccountId32) -> Self {
		Self(account.0)
	}
}

impl From<AccountId> for AccountId32 {
	fn from(account: AccountId) -> Self {
		Self(account.0)
	}
}

impl fmt::Display for AccountId {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(&self.to_ss58())
	}
}

impl fmt::Debug for AccountId {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "AccountId({})", self.to_ss58())
	}
}

impl FromStr for AccountId {
	type Err = AddressError;

	fn from_str(text: &str) -> Result<Self, Self::Err> {
		// Base58 decoding takes quadratic time, so bound it before anything else.
		if text.len() > MAX_ADDRESS_LENGTH {
			return Err(AddressError::Malformed);
		}
		let account = AccountId32::from_str(text).map_err(|_| AddressError::Malformed)?;
		// The key is the same under every network's prefix, but a person who pasted another
		// network's address probably means another network.
		if account.to_string() != text {
			return Err(AddressError::OtherNetwork);
		}
		Ok(Self(account.0))
	}
}

impl Serialize for AccountId {
	fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.collect_str(self)
	}
}

impl<'de> Deserialize<'de> for AccountId {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		let text = String::deserialize(deserializer)?;
		text.parse().map_err(serde::de::Error::custom)
	}
}

/// A text is not an account's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
	/// It is not an SS58 address, or its checksum is wrong.
	#[error("not a valid account address: check that the whole address was copied")]
	Malformed,
	/// It is an address with another network's prefix.
	#[error(
		"this is an address of another network: use the one with prefix 42, which begins with 5"
	)]
	OtherNetwork,
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

	#[test]
	fn addresses_round_trip() {
		let alice: AccountId = ALICE.parse().unwrap();
		assert_eq!(alice.to_string(), ALICE);
		assert_eq!(format!("{alice:?}"), format!("AccountId({ALICE})"));
		for bytes in [[0; 32], [0xff; 32], [7; 32]] {
			let account = AccountId(bytes);
			assert_eq!(account.to_ss58().parse(), Ok(account));
		}
	}

	#[test]
	fn malformed_addresses_are_refused() {
		let mut flipped = ALICE.to_owned();
		flipped.replace_range(10..11, "1");
		let long = "5".repeat(1 << 20);
		let texts = [
			"",
			"5",
			"0OIl",
			"//Alice",
			&ALICE[..47],
			&flipped,
			&long,
			" 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
			"0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d",
			"五五五五五五五五五五五五五五五五",
		];
		for text in texts {
			assert_eq!(
				text.parse::<AccountId>(),
				Err(AddressError::Malformed),
				"{text:.60}"
			);
		}
	}

	#[test]
	fn an_address_of_another_network_is_refused() {
		// Alice with Polkadot's prefix 0 and with Kusama's prefix 2.
		for text in [
			"15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5",
			"HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F",
		] {
			assert_eq!(text.parse::<AccountId>(), Err(AddressError::OtherNetwork));
		}
	}

	#[test]
	fn accounts_encode_as_their_bytes() {
		assert_eq!(AccountId([9; 32]).encode(), [9; 32]);
	}
}
