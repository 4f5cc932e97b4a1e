//! Who may act for a provider.

use pallet_storage_provider::Role;

use super::*;

impl Provider {
	fn key(&mut self, role: Role) -> &mut RoleKey {
		match role {
			Role::Worker => &mut self.worker,
			Role::Beneficiary => &mut self.beneficiary,
		}
	}
}

impl Model {
	/// The provider for which an account signs: itself, or the one whose worker it is.
	pub fn operated_by(&self, who: Who) -> Option<Who> {
		if self.providers.contains_key(&who) {
			return Some(who);
		}
		let mut all = self.providers.iter();
		let employer = all.find(|(_, provider)| provider.worker.current == Some(who));
		employer.map(|(owner, _)| *owner)
	}

	/// Who receives what a provider's deals pay.
	pub(super) fn beneficiary(&self, who: Who) -> Who {
		let provider = self.providers.get(&who);
		provider
			.and_then(|provider| provider.beneficiary.current)
			.unwrap_or(who)
	}

	pub(super) fn propose_key(&mut self, who: Who, role: Role, account: Option<Who>) -> Broken {
		let mut broken = Broken::new();
		let busy = account
			.and_then(|account| self.operated_by(account))
			.is_some();
		rule(&mut broken, !busy || role == Role::Beneficiary, "KeyInUse");
		match self.providers.get_mut(&who) {
			Some(provider) if account.is_some() => provider.key(role).proposed = account,
			Some(provider) => *provider.key(role) = RoleKey::default(),
			None => rule(&mut broken, false, "NotRegistered"),
		}
		broken
	}

	pub(super) fn confirm_key(&mut self, who: Who, role: Role, owner: Who) -> Broken {
		let mut broken = Broken::new();
		let busy = self.operated_by(who).is_some();
		rule(&mut broken, !busy || role == Role::Beneficiary, "KeyInUse");
		let Some(provider) = self.providers.get_mut(&owner) else {
			rule(&mut broken, false, "NotRegistered");
			return broken;
		};
		let key = provider.key(role);
		rule(&mut broken, key.proposed == Some(who), "KeyNotProposed");
		*key = RoleKey {
			current: Some(who),
			proposed: None,
		};
		broken
	}
}
