//! CIDs and numbers as a CAR has them, and a CARv1's header.
#![no_main]

use holdfast_data::{
	car::{CarHeader, CarReader, CarV2Header, Limits},
	Cid,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
	if let Ok(header) = CarHeader::decode(bytes) {
		let written = header.encode();
		let read = CarReader::new(&written[..], Limits::default()).unwrap();
		assert_eq!(read.roots(), header.roots);
	}
	if let Some(head) = bytes.first_chunk() {
		if let Ok(header) = CarV2Header::decode(head) {
			assert_eq!(header.encode(), *head);
		}
	}
	if let Ok(cid) = Cid::try_from(bytes) {
		assert_eq!(Cid::try_from(cid.to_bytes()).unwrap(), cid);
	}
	let mut reader = CarReader::without_header(bytes, 0, Limits::default());
	while let Ok(Some(_)) = reader.next_section() {}
});
