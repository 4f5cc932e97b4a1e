//! dag-pb and DAG-CBOR: what is read as canonical is written as the same bytes.
#![no_main]

use holdfast_data::{dag_cbor, dag_pb::PbNode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
	let _ = dag_cbor::links(bytes);
	let Ok(node) = PbNode::decode(bytes) else {
		return;
	};
	let written = node.encode();
	assert_eq!(PbNode::decode(&written).unwrap(), node);
});
