//! Publishing: signed proposals become deals.

use alloc::vec::Vec;
use codec::Encode;
use frame_support::{
	ensure,
	storage::{with_transaction, TransactionOutcome},
	traits::Get,
};
use holdfast_primitives::{
	sector::SectorSize, Balance, DealId, DealProposal, Digest, PaddedPieceSize, Policy,
};
use sp_runtime::{
	traits::{Verify, Zero},
	DispatchError, DispatchResult,
};

use crate::{
	deal::{Deal, Refusal, SignedProposal},
	monies,
	pallet::{Config, Deals, Error, Event, NextDealId, Nonces, Pallet, StartAgenda},
	traits::Providers,
};

/// What every proposal of a call is checked against.
pub(crate) struct Terms<'a, AccountId> {
	pub(crate) provider: &'a AccountId,
	pub(crate) sector_size: SectorSize,
	pub(crate) policy: Policy,
	pub(crate) now: u32,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn publish_batch(
		provider: &T::AccountId,
		proposals: &[SignedProposal<T::AccountId, T::Signature>],
	) -> DispatchResult {
		ensure!(!proposals.is_empty(), Error::<T>::EmptyBatch);
		let sector_size =
			T::Providers::sector_size(provider).ok_or(Error::<T>::ProviderNotRegistered)?;
		let terms = Terms {
			provider,
			sector_size,
			policy: T::Policy::get(),
			now: Self::now(),
		};
		let genesis_hash = Self::genesis_hash();
		let mut published = false;
		let mut first_refusal = None;
		for (index, signed) in (0u32..).zip(proposals) {
			match Self::publish(&terms, &genesis_hash, signed)? {
				Ok(deal) => {
					published = true;
					Self::deposit_event(Event::DealPublished {
						deal,
						client: signed.proposal.client.clone(),
						provider: provider.clone(),
						index,
					});
				},
				Err(reason) => {
					first_refusal.get_or_insert(reason);
					Self::deposit_event(Event::DealRefused { index, reason });
				},
			}
		}
		match first_refusal {
			Some(refusal) if !published => Err(Error::<T>::from(refusal).into()),
			_ => Ok(()),
		}
	}

	/// Publishes one deal, or changes nothing.
	fn publish(
		terms: &Terms<T::AccountId>,
		genesis_hash: &Digest,
		signed: &SignedProposal<T::AccountId, T::Signature>,
	) -> Result<Result<DealId, Refusal>, DispatchError> {
		let checked = Self::check(terms, &signed.proposal)
			.and_then(|()| Self::check_signature(genesis_hash, signed));
		if let Err(refusal) = checked {
			return Ok(Err(refusal));
		}
		with_transaction(|| match Self::lock_and_record(&signed.proposal) {
			Ok(deal) => TransactionOutcome::Commit(Ok(Ok(deal))),
			Err(refusal) => TransactionOutcome::Rollback(Ok(Err(refusal))),
		})
	}

	/// Everything but the signature and the money, the cheap rules first.
	pub(crate) fn check(
		terms: &Terms<T::AccountId>,
		proposal: &DealProposal<T::AccountId>,
	) -> Result<(), Refusal> {
		let policy = &terms.policy;
		ensure!(proposal.provider == *terms.provider, Refusal::WrongProvider);
		// Decoding does not check these two.
		let size =
			PaddedPieceSize::new(proposal.piece.size.bytes()).ok_or(Refusal::InvalidPieceSize)?;
		ensure!(
			proposal.piece.commitment.as_bytes()[31] & 0xc0 == 0,
			Refusal::InvalidCommitment
		);
		ensure!(
			size.bytes() <= terms.sector_size.bytes(),
			Refusal::PieceTooLarge
		);
		ensure!(terms.now <= proposal.expires, Refusal::ProposalExpired);
		ensure!(
			proposal.expires <= proposal.start,
			Refusal::ExpiresAfterStart
		);
		// The agenda of the present block is done, so that a deal that starts now would never be closed.
		ensure!(terms.now < proposal.start, Refusal::StartPassed);
		ensure!(
			proposal.start.saturating_sub(terms.now) <= policy.max_deal_start_delay,
			Refusal::StartTooFar
		);
		ensure!(
			proposal.start < proposal.end
				&& proposal.duration() >= policy.min_deal_duration
				&& proposal.duration() <= policy.max_deal_duration,
			Refusal::InvalidDuration
		);
		// A client without a hold could empty its account, and then could not be compensated.
		ensure!(!proposal.price_per_block.is_zero(), Refusal::ZeroPrice);
		let total: Balance = proposal.total_price().ok_or(Refusal::PriceOverflow)?;
		ensure!(
			proposal.provider_collateral
				>= monies::least_collateral(total, policy.min_collateral_basis_points),
			Refusal::CollateralTooLow
		);
		ensure!(
			!Nonces::<T>::contains_key(&proposal.client, proposal.nonce),
			Refusal::NonceUsed
		);
		Ok(())
	}

	fn check_signature(
		genesis_hash: &Digest,
		signed: &SignedProposal<T::AccountId, T::Signature>,
	) -> Result<(), Refusal> {
		let SignedProposal {
			proposal,
			signature,
		} = signed;
		let bytes = proposal.signing_bytes(genesis_hash);
		ensure!(
			Self::is_signed(&bytes, signature, &proposal.client),
			Refusal::InvalidSignature
		);
		Ok(())
	}

	/// Whether `bytes` are signed by `signer`, as they are or as wallets wrap them.
	pub(crate) fn is_signed(bytes: &[u8], signature: &T::Signature, signer: &T::AccountId) -> bool {
		if signature.verify(bytes, signer) {
			return true;
		}
		let wrapped: Vec<u8> = [&b"<Bytes>"[..], bytes, &b"</Bytes>"[..]].concat();
		signature.verify(&wrapped[..], signer)
	}

	pub(crate) fn lock_and_record(
		proposal: &DealProposal<T::AccountId>,
	) -> Result<DealId, Refusal> {
		let deal = Deal::published(proposal.clone());
		Self::lock_payment(&deal).map_err(|_| Refusal::InsufficientClientEscrow)?;
		Self::lock_collateral(&deal).map_err(|_| Refusal::InsufficientProviderEscrow)?;
		let id = NextDealId::<T>::get();
		let next = id.checked_add(1).ok_or(Refusal::DealIdsExhausted)?;
		NextDealId::<T>::put(next);
		Nonces::<T>::insert(&deal.client, deal.nonce, id);
		StartAgenda::<T>::insert(deal.start, id, ());
		Deals::<T>::insert(id, deal);
		Ok(id)
	}

	/// The hash of block 0, which the system pallet never forgets.
	pub(crate) fn genesis_hash() -> Digest {
		let hash = frame_system::Pallet::<T>::block_hash(
			frame_system::pallet_prelude::BlockNumberFor::<T>::zero(),
		);
		let mut digest = Digest::default();
		hash.using_encoded(|bytes| {
			for (to, from) in digest.iter_mut().zip(bytes) {
				*to = *from;
			}
		});
		digest
	}
}
