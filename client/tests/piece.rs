//! `holdfast piece`, as its users run it.

#![allow(clippy::unwrap_used)]

use std::{
	io::Write,
	path::Path,
	process::{Command, Output, Stdio},
};

fn holdfast(arguments: &[&str]) -> Output {
	Command::new(env!("CARGO_BIN_EXE_holdfast"))
		.args(["--json", "piece"])
		.args(arguments)
		.output()
		.unwrap()
}

fn json(output: &Output) -> serde_json::Value {
	serde_json::from_slice(&output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
	path.to_str().unwrap()
}

/// FRC-0069's first example: 127 bytes each of 0, 1, 2 and 3.
fn example() -> Vec<u8> {
	(0..4).flat_map(|value| [value; 127]).collect()
}

const EXAMPLE_CID: &str = "bafkzcibcaaces3nobte6ezpp4wqan2age2s5yxcatzotcvobhgcmv5wi2xh5mbi";

#[test]
fn a_files_piece_is_named_and_the_name_is_understood() {
	let folder = tempfile::tempdir().unwrap();
	let file = folder.path().join("file");
	std::fs::write(&file, example()).unwrap();
	let piece = json(&holdfast(&["commitment", text(&file)]));
	assert_eq!(piece["cidV2"], EXAMPLE_CID);
	assert_eq!(piece["payloadBytes"], 508);
	assert_eq!(json(&holdfast(&["inspect", EXAMPLE_CID])), piece);
	let commitment = piece["commitment"].as_str().unwrap();
	assert_eq!(
		json(&holdfast(&["inspect", commitment, "--padded", "512"])),
		piece
	);
	let v1 = piece["cidV1"].as_str().unwrap();
	let unsized_piece = json(&holdfast(&["inspect", v1]));
	assert_eq!(unsized_piece["commitment"], piece["commitment"]);
	let padded = json(&holdfast(&["commitment", text(&file), "--padded", "1024"]));
	assert_eq!(padded["paddedBytes"], 1024);
	assert!(padded["cidV2"].as_str().is_some());
}

#[test]
fn a_pipe_is_read_once() {
	let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"))
		.args(["--json", "piece", "commitment", "-"])
		.stdin(Stdio::piped())
		.stdout(Stdio::piped())
		.spawn()
		.unwrap();
	command.stdin.take().unwrap().write_all(&example()).unwrap();
	let output = command.wait_with_output().unwrap();
	assert_eq!(json(&output)["cidV2"], EXAMPLE_CID);
}

#[test]
fn bytes_are_proven_to_be_in_a_piece_and_the_piece_in_a_sector() {
	let folder = tempfile::tempdir().unwrap();
	let path = |name: &str| folder.path().join(name);
	let data: Vec<u8> = (0..5000u32)
		.map(|index| (index % 251).to_le_bytes()[0])
		.collect();
	std::fs::write(path("file"), &data).unwrap();
	let proven = holdfast(&[
		"prove",
		text(&path("file")),
		"--offset",
		"1300",
		"--length",
		"200",
	]);
	std::fs::write(path("proof"), &proven.stdout).unwrap();
	let proof = json(&proven);
	let first = usize::try_from(proof["firstByte"].as_u64().unwrap()).unwrap();
	let bytes = usize::try_from(proof["bytes"].as_u64().unwrap()).unwrap();
	assert!(first <= 1300 && first + bytes >= 1500);
	std::fs::write(path("part"), &data[first..first + bytes]).unwrap();
	let piece = json(&holdfast(&["commitment", text(&path("file"))]));
	let piece = piece["cidV2"].as_str().unwrap();
	let verify = |name: &str, data: &str, whole: &str| {
		holdfast(&[
			"verify",
			text(&path(name)),
			"--data",
			text(&path(data)),
			"--whole",
			whole,
		])
	};
	let verified = verify("proof", "part", piece);
	assert!(verified.status.success());
	assert_eq!(json(&verified)["valid"], true);
	assert_eq!(json(&verified)["firstByte"], first);

	// Other data, another whole, and another proof are refused.
	std::fs::write(path("other"), vec![7; bytes]).unwrap();
	assert!(!verify("proof", "other", piece).status.success());
	assert!(!verify("proof", "part", EXAMPLE_CID).status.success());
	let mut lie = proof.clone();
	lie["index"] = (proof["index"].as_u64().unwrap() ^ 1).into();
	std::fs::write(path("lie"), lie.to_string()).unwrap();
	assert!(!verify("lie", "part", piece).status.success());
	std::fs::write(path("nonsense"), "{").unwrap();
	assert!(!verify("nonsense", "part", piece).status.success());

	let proven = holdfast(&[
		"prove",
		"--sector",
		"16384",
		"--piece",
		EXAMPLE_CID,
		"--piece",
		piece,
		"--index",
		"1",
	]);
	std::fs::write(path("in-sector"), &proven.stdout).unwrap();
	let sector = json(&proven)["whole"].as_str().unwrap().to_owned();
	let verified = holdfast(&[
		"verify",
		text(&path("in-sector")),
		"--part",
		piece,
		"--whole",
		&sector,
	]);
	assert!(verified.status.success());
	let refused = holdfast(&[
		"verify",
		text(&path("in-sector")),
		"--part",
		EXAMPLE_CID,
		"--whole",
		&sector,
	]);
	assert!(!refused.status.success());
	assert!(json(&refused)["error"].as_str().is_some());
}

#[test]
fn what_makes_no_sense_is_refused() {
	let folder = tempfile::tempdir().unwrap();
	let file = folder.path().join("file");
	std::fs::write(&file, example()).unwrap();
	let file = text(&file);
	for arguments in [
		&["commitment", "/does/not/exist"][..],
		&["commitment", "/dev/null"],
		&["commitment", file, "--padded", "256"],
		&["commitment", file, "--padded", "1000"],
		&["inspect", "nonsense"],
		&["inspect", "abcd"],
		&["inspect", EXAMPLE_CID, "--padded", "1024"],
		&[
			"inspect",
			"bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
		],
		&["prove", file, "--offset", "508"],
		&["prove", file, "--length", "0"],
		&["prove", file, "--sector", "2048", "--piece", EXAMPLE_CID],
		&["prove", "--sector", "128", "--piece", EXAMPLE_CID],
		&[
			"prove",
			"--sector",
			"2048",
			"--piece",
			EXAMPLE_CID,
			"--index",
			"1",
		],
	] {
		assert!(!holdfast(arguments).status.success(), "{arguments:?}");
	}
}
