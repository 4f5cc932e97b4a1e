use codec::Encode;
use subxt::utils::Static;

use super::{chain, BOB};
use crate::{
	shapes::{
		storage::{self, pallet},
		views,
	},
	types::Health,
};

fn health(bytes: &[u8]) -> Result<Option<Health>, String> {
	let health: Option<storage::Health> =
		views::output(chain().metadata_ref(), pallet::PROVIDER, "health", bytes)?;
	Ok(health.map(Into::into))
}

#[test]
fn arguments_are_a_list_of_bytes_after_the_functions_identity() {
	let chain = chain();
	let arguments = (Static(BOB), 4u64, 10u32, 20u32);
	let call = subxt::dynamic::view_function_call::<_, Option<storage::Health>>(
		pallet::PROVIDER,
		"health",
		arguments,
	);
	let view = chain
		.metadata_ref()
		.pallet_by_name(pallet::PROVIDER)
		.unwrap()
		.view_function_by_name("health")
		.unwrap();
	let bytes = views::input(&chain.view_functions().encode_args(call).unwrap());
	let expected = (view.query_id(), (BOB, 4u64, 10u32, 20u32).encode());
	assert_eq!(bytes, expected.encode());
}

#[test]
fn answers_decode() {
	let some = Some((8u32, 18u32, false)).encode();
	assert_eq!(
		health(&Ok::<_, u8>(some).encode()),
		Ok(Some(Health {
			healthy_blocks: 8,
			decided_through: 18
		}))
	);
	assert_eq!(health(&Ok::<_, u8>(vec![0u8]).encode()), Ok(None));
}

#[test]
fn failures_and_nonsense_are_errors() {
	let left_over = Ok::<_, u8>(vec![0u8, 0]).encode();
	let truncated = Ok::<_, u8>(vec![1u8, 0]).encode();
	for bytes in [&[1, 2][..], &[], &[7], &left_over, &truncated] {
		assert!(health(bytes).is_err(), "{bytes:?}");
	}
	let unknown = views::output::<u32>(chain().metadata_ref(), pallet::PROVIDER, "none", &[]);
	assert!(unknown.is_err());
}
