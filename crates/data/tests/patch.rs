//! CARs as text and back.

#![allow(clippy::unwrap_used)]

use holdfast_data::{
	block::raw_cid,
	car::{CarReader, CarWriter, Limits},
	patch::{compile, debug, PatchError},
};

fn text_of(car: &[u8]) -> String {
	let reader = CarReader::new(car, Limits::default()).unwrap();
	let mut text = Vec::new();
	debug(reader, "-", &mut text).unwrap();
	String::from_utf8(text).unwrap()
}

#[test]
fn a_car_survives_its_text() {
	let car: &[u8] = include_bytes!("fixtures/carv1-basic.car");
	let text = text_of(car);
	assert!(text.starts_with("car compile -\nroot bafy"), "{text}");
	let compiled = compile(&text).unwrap();
	assert!(!compiled.is_v2);
	let mut again = CarWriter::new(Vec::new(), compiled.roots).unwrap();
	for block in compiled.blocks {
		again.write_block(&block.cid, &block.data).unwrap();
	}
	assert_eq!(again.finish().unwrap(), car);
}

#[test]
fn a_changed_leaf_changes_all_that_name_it() {
	let car: &[u8] = include_bytes!("fixtures/carv1-basic.car");
	let text = text_of(car);
	let before = compile(&text).unwrap();
	assert!(text.contains("\nbbbb\n"), "{text}");
	let after = compile(&text.replace("\nbbbb\n", "\nchanged\n")).unwrap();
	assert_eq!(before.blocks.len(), after.blocks.len());
	assert_ne!(before.roots[0], after.roots[0]);
	assert!(after
		.blocks
		.iter()
		.any(|block| block.cid == raw_cid(b"changed")));
	for root in &after.roots {
		assert!(after.blocks.iter().any(|block| block.cid == *root));
	}
}

#[test]
fn what_is_not_in_the_format_is_refused() {
	let cid = raw_cid(b"x");
	let line = |text: String| match compile(&text).unwrap_err() {
		PatchError::Line { line, .. } => line,
		error => panic!("{error}"),
	};
	assert_eq!(line(String::new()), 1);
	assert_eq!(line("car\nroot x\n".into()), 2);
	assert_eq!(line("car\n--- x\n".into()), 2);
	assert_eq!(line(format!("car\n--- {cid}\nx\n")), 3);
	assert_eq!(
		line(format!("car\n--- {cid}\n+++ raw {}\n", raw_cid(b"y"))),
		3
	);
	assert_eq!(line(format!("car\n--- {cid}\n+++ raw {cid}\nx\n")), 3);
	let mode = format!("car\n--- {cid}\n+++ odd {cid}\n@@\nx\n");
	assert!(matches!(compile(&mode), Err(PatchError::Block { .. })));
	let circle = format!("car\n--- {cid}\n+++ raw {cid}\n@@\n{cid}\n");
	assert!(matches!(compile(&circle), Err(PatchError::Circle(_))));
}
