use subxt::{
	ext::frame_metadata::v16::{CustomMetadata, ExtrinsicMetadata, OuterEnums, RuntimeMetadataV16},
	Metadata,
};

use super::{chain, chain_of};
use crate::{shapes::verify, QueryError};

#[test]
fn the_runtime_has_what_is_asked_for() {
	verify(&chain()).unwrap();
}

#[test]
fn another_chain_is_told_apart() {
	let none = scale_info::meta_type::<()>;
	let metadata: Metadata = RuntimeMetadataV16::new(
		Vec::new(),
		ExtrinsicMetadata {
			versions: vec![4],
			address_ty: none(),
			call_ty: none(),
			signature_ty: none(),
			transaction_extensions_by_version: Default::default(),
			transaction_extensions: Vec::new(),
		},
		Vec::new(),
		OuterEnums {
			call_enum_ty: none(),
			event_enum_ty: none(),
			error_enum_ty: none(),
		},
		CustomMetadata {
			map: Default::default(),
		},
	)
	.try_into()
	.unwrap();
	let error = verify(&chain_of(metadata)).unwrap_err();
	assert!(
		matches!(&error, QueryError::Incompatible { what, .. } if what == "System.Account"),
		"{error}"
	);
}
