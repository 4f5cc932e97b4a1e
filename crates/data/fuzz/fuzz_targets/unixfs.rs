//! UnixFS's messages and nodes, and looking for names in them.
#![no_main]

use holdfast_data::{
	block::dag_pb_cid,
	unixfs::{Message, Node},
	walk::NameLookup,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
	if let Ok(message) = Message::decode(bytes) {
		assert_eq!(Message::decode(&message.encode()).unwrap(), message);
	}
	let cid = dag_pb_cid(bytes);
	if let Ok(Node::Shard(shard)) = Node::decode(&cid, bytes) {
		for link in &shard.links {
			let _ = shard.child(link);
		}
	}
	let mut lookup = NameLookup::new("name");
	for _ in 0..30 {
		let _ = lookup.step(&cid, bytes);
	}
});
