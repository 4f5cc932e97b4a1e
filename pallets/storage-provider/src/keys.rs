//! Who may act for a provider, and who receives what it earns.
//!
//! A provider is named by its *owner's* account, to which its replicas and deals are bound for good. Money
//! that it puts up (deposits, pledges, collaterals, fees) stays there. The owner alone decides: what is
//! asked, where the provider is reached, which sectors end early, who has the other keys, when it leaves.
//!
//! A *worker* signs the daily work: it seals, proves, declares, extends and publishes, so that the owner's
//! key need not lie on a machine that is always online. A *beneficiary* receives what deals pay. Both are
//! the owner until another account is proposed by the owner and confirms with its own key: a mistyped
//! account gets nothing. To take a role back, the owner alone is enough, at once.
//!
//! A key signs for one provider only, so that a call need not say for whom it is made.
//!
//! The owner's own key changes as that of any account does: a provider whose owner is a pure proxy or a
//! multisig account is handed over by changing who controls it, and nothing of it moves.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::ensure;
use frame_system::{ensure_signed, pallet_prelude::OriginFor};
use scale_info::TypeInfo;
use sp_runtime::{DispatchError, DispatchResult};

use crate::pallet::{Config, Error, Event, Pallet, Providers, Workers};

/// What a key other than the owner's is for.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum Role {
	/// Signs the daily work.
	Worker,
	/// Receives what deals pay.
	Beneficiary,
}

/// Who has a role.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Key<AccountId> {
	/// Who has it; nobody: the owner.
	pub current: Option<AccountId>,
	/// Who shall have it, once it confirms.
	pub proposed: Option<AccountId>,
}

impl<AccountId> Default for Key<AccountId> {
	fn default() -> Self {
		Self {
			current: None,
			proposed: None,
		}
	}
}

/// A provider's keys other than its owner's.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Keys<AccountId> {
	/// Signs the daily work, as the owner can.
	pub worker: Key<AccountId>,
	/// Receives what deals pay.
	pub beneficiary: Key<AccountId>,
}

impl<AccountId> Default for Keys<AccountId> {
	fn default() -> Self {
		Self {
			worker: Key::default(),
			beneficiary: Key::default(),
		}
	}
}

impl<AccountId> Keys<AccountId> {
	fn of(&mut self, role: Role) -> &mut Key<AccountId> {
		match role {
			Role::Worker => &mut self.worker,
			Role::Beneficiary => &mut self.beneficiary,
		}
	}
}

impl<T: Config> Pallet<T> {
	/// The provider whose daily work `signer` does: its own, or the one whose worker it is.
	pub fn operated_by(signer: &T::AccountId) -> Option<T::AccountId> {
		if Providers::<T>::contains_key(signer) {
			Some(signer.clone())
		} else {
			Workers::<T>::get(signer)
		}
	}

	/// Who receives what the provider's deals pay.
	pub fn beneficiary(provider: &T::AccountId) -> T::AccountId {
		Providers::<T>::get(provider)
			.and_then(|info| info.keys.beneficiary.current)
			.unwrap_or_else(|| provider.clone())
	}

	/// The provider for which the origin does the daily work.
	pub(crate) fn ensure_operator(origin: OriginFor<T>) -> Result<T::AccountId, DispatchError> {
		let signer = ensure_signed(origin)?;
		Self::operated_by(&signer).ok_or(Error::<T>::NotRegistered.into())
	}

	/// Refuses an account that acts for a provider already.
	pub(crate) fn ensure_acts_for_nobody(account: &T::AccountId) -> DispatchResult {
		ensure!(Self::operated_by(account).is_none(), Error::<T>::KeyInUse);
		Ok(())
	}

	pub(crate) fn do_propose_key(
		owner: T::AccountId,
		role: Role,
		account: Option<T::AccountId>,
	) -> DispatchResult {
		let Some(account) = account else {
			return Self::take_back(owner, role);
		};
		if role == Role::Worker {
			Self::ensure_acts_for_nobody(&account)?;
		}
		Self::mutate_provider(&owner, |info| {
			info.keys.of(role).proposed = Some(account.clone());
			Ok(())
		})?;
		Self::deposit_event(Event::KeyProposed {
			provider: owner,
			role,
			account,
		});
		Ok(())
	}

	fn take_back(owner: T::AccountId, role: Role) -> DispatchResult {
		Self::mutate_provider(&owner, |info| {
			let former = core::mem::take(info.keys.of(role)).current;
			if let Some(former) = former.filter(|_| role == Role::Worker) {
				Workers::<T>::remove(former);
			}
			Ok(())
		})?;
		Self::deposit_event(Event::KeySet {
			provider: owner,
			role,
			account: None,
		});
		Ok(())
	}

	pub(crate) fn do_confirm_key(
		account: T::AccountId,
		role: Role,
		provider: T::AccountId,
	) -> DispatchResult {
		Self::mutate_provider(&provider, |info| {
			let key = info.keys.of(role);
			ensure!(
				key.proposed.as_ref() == Some(&account),
				Error::<T>::KeyNotProposed
			);
			if role == Role::Worker {
				// It can have registered since it was proposed.
				Self::ensure_acts_for_nobody(&account)?;
				if let Some(former) = &key.current {
					Workers::<T>::remove(former);
				}
				Workers::<T>::insert(&account, &provider);
			}
			*key = Key {
				current: Some(account.clone()),
				proposed: None,
			};
			Ok(())
		})?;
		Self::deposit_event(Event::KeySet {
			provider,
			role,
			account: Some(account),
		});
		Ok(())
	}
}
