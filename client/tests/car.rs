//! `holdfast car`, as its users run it: every command, as text and as JSON.

#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::{
	fs,
	io::Write,
	path::{Path, PathBuf},
	process::{Command, Output, Stdio},
};

/// A folder to work in, with a folder to pack.
struct Work {
	folder: tempfile::TempDir,
}

impl Work {
	fn new() -> Self {
		let folder = tempfile::tempdir().unwrap();
		let at = |name: &str| folder.path().join(name);
		fs::create_dir_all(at("photos/2026")).unwrap();
		fs::write(at("photos/one"), "hello world").unwrap();
		fs::write(at("photos/2026/large"), vec![7; (2 << 20) + 5]).unwrap();
		fs::write(at("photos/empty"), "").unwrap();
		fs::write(at("photos/.hidden"), "secret").unwrap();
		std::os::unix::fs::symlink("2026/large", at("photos/link")).unwrap();
		Self { folder }
	}

	fn at(&self, name: &str) -> PathBuf {
		self.folder.path().join(name)
	}

	fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
		let mut child = Command::new(env!("CARGO_BIN_EXE_holdfast"))
			.args(arguments)
			.current_dir(self.folder.path())
			.stdin(Stdio::piped())
			.stdout(Stdio::piped())
			.stderr(Stdio::piped())
			.spawn()
			.unwrap();
		let mut pipe = child.stdin.take().unwrap();
		// A program that needs no input may be gone already.
		let _ = pipe.write_all(input);
		drop(pipe);
		child.wait_with_output().unwrap()
	}

	fn car(&self, arguments: &[&str]) -> String {
		let output = self.run(&[&["car"], arguments].concat(), b"");
		let errors = String::from_utf8_lossy(&output.stderr);
		assert!(output.status.success(), "{arguments:?}: {errors}");
		String::from_utf8(output.stdout).unwrap()
	}

	fn json(&self, arguments: &[&str]) -> Value {
		let output = self.run(&[&["--json", "car"], arguments].concat(), b"");
		assert!(output.status.success(), "{arguments:?}: {output:?}");
		serde_json::from_slice(&output.stdout).unwrap()
	}

	/// The error of a command that fails, as text; as JSON it says the same.
	fn error(&self, arguments: &[&str]) -> String {
		let output = self.run(&[&["--json", "car"], arguments].concat(), b"");
		assert!(!output.status.success(), "{arguments:?}");
		let document: Value = serde_json::from_slice(&output.stdout).unwrap();
		let output = self.run(&[&["car"], arguments].concat(), b"");
		assert!(!output.status.success(), "{arguments:?}");
		let text = String::from_utf8(output.stderr).unwrap();
		let error = document["error"].as_str().unwrap();
		assert!(text.contains(error), "{text} {error}");
		text
	}

	fn packed(&self) -> String {
		let created = self.json(&["create", "photos", "--no-wrap", "-f", "photos.car"]);
		created["root"].as_str().unwrap().to_owned()
	}

	fn names(&self) -> Vec<String> {
		let mut names: Vec<String> = fs::read_dir(self.folder.path())
			.unwrap()
			.map(|entry| entry.unwrap().file_name().into_string().unwrap())
			.collect();
		names.sort();
		names
	}
}

fn strings(value: &Value) -> Vec<&str> {
	let strings = value.as_array().unwrap().iter();
	strings.map(|value| value.as_str().unwrap()).collect()
}

fn same(one: &Path, two: &Path) {
	assert!(
		fs::read(one).unwrap() == fs::read(two).unwrap(),
		"{one:?} {two:?}"
	);
}

#[test]
fn a_folder_is_created_and_extracted() {
	let work = Work::new();
	let created = work.json(&["create", "photos", "--no-wrap", "-f", "photos.car"]);
	assert_eq!(created["profile"], "unixfs-v1-2025");
	assert_eq!(created["fileBytes"], (2 << 20) + 5 + 11);
	assert_eq!(
		created["carBytes"],
		fs::metadata(work.at("photos.car")).unwrap().len()
	);
	// Equal leaves are one block: 2 leaves, the small file, the empty one, the link, a node and 2 folders.
	assert_eq!(created["blocks"], 8);
	let root = created["root"].as_str().unwrap();
	assert_eq!(work.car(&["root", "photos.car"]).trim(), root);
	assert_eq!(strings(&work.json(&["root", "photos.car"])), [root]);

	let done = work.json(&["extract", "photos.car", "out"]);
	assert_eq!(
		(&done["files"], &done["links"], &done["directories"]),
		(&3.into(), &1.into(), &2.into())
	);
	same(&work.at("photos/2026/large"), &work.at("out/2026/large"));
	assert_eq!(
		fs::read_link(work.at("out/link")).unwrap(),
		Path::new("2026/large")
	);
	assert!(!work.at("out/.hidden").exists());
	let error = work.error(&["extract", "photos.car", "out"]);
	assert!(error.contains("exists already"), "{error}");
	let text = work.car(&["x", "photos.car", "out", "--overwrite"]);
	assert!(text.contains("3 files, 2097168 bytes, verified"), "{text}");

	// Only what a path names, as a file and to the standard output.
	work.car(&["extract", "photos.car", "part", "--path", "2026"]);
	same(&work.at("photos/2026/large"), &work.at("part/large"));
	work.car(&["extract", "photos.car", "part", "-p", "one"]);
	same(&work.at("photos/one"), &work.at("part/one"));
	assert_eq!(
		work.car(&["extract", "photos.car", "-", "--path", "one"]),
		"hello world"
	);
	let error = work.error(&["extract", "photos.car", "part", "--path", "two"]);
	assert!(error.contains("there is no `two`"), "{error}");
	let error = work.error(&["extract", "photos.car", "less", "--max-bytes", "1000"]);
	assert!(error.contains("limit of 1000 bytes"), "{error}");

	// Hidden files, links that are followed, wrapped and several.
	let more = work.json(&["create", "photos", "-H", "--follow", "-f", "more.car"]);
	assert_ne!(more["root"], created["root"]);
	work.car(&["extract", "more.car", "more"]);
	same(&work.at("photos/.hidden"), &work.at("more/photos/.hidden"));
	same(&work.at("photos/2026/large"), &work.at("more/photos/link"));
	work.car(&["create", "photos/one", "photos/2026", "-f", "two.car"]);
	work.car(&["extract", "two.car", "two"]);
	same(&work.at("photos/one"), &work.at("two/one"));
	let error = work.error(&[
		"create",
		"photos/one",
		"photos/2026",
		"--no-wrap",
		"-f",
		"x.car",
	]);
	assert!(error.contains("one file or folder"), "{error}");
	let old = work.json(&[
		"create",
		"photos/one",
		"--no-wrap",
		"--profile",
		"unixfs-v0-2015",
		"-f",
		"old.car",
	]);
	assert_eq!(
		old["root"],
		"Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"
	);
	// Through pipes in both directions.
	let piped = work.run(&["car", "create", "photos", "--no-wrap", "-f", "-"], b"");
	assert_eq!(piped.stdout, fs::read(work.at("photos.car")).unwrap());
	work.car(&["get-dag", "photos.car", root, "streamed.car"]);
	let stream = fs::read(work.at("streamed.car")).unwrap();
	let piped = work.run(&["car", "extract", "-", "piped"], &stream);
	assert!(piped.status.success(), "{piped:?}");
	same(&work.at("photos/2026/large"), &work.at("piped/2026/large"));
	assert!(!work.names().iter().any(|name| name.contains("partial")));
}

#[test]
fn blocks_and_files_are_listed() {
	let work = Work::new();
	let root = work.packed();
	let blocks = work.json(&["list", "photos.car"]);
	let blocks = blocks.as_array().unwrap();
	assert_eq!(blocks.len(), 8);
	assert_eq!(blocks[7]["cid"].as_str(), Some(root.as_str()));
	assert_eq!(blocks[7]["codec"], "dag-pb");
	let lines = work.car(&["ls", "photos.car"]);
	assert_eq!(lines.lines().last(), Some(root.as_str()));
	let verbose = work.car(&["list", "-v", "photos.car"]);
	assert!(
		verbose.lines().all(|line| line.split(' ').count() == 4),
		"{verbose}"
	);
	let files = work.car(&["list", "--unixfs", "photos.car"]);
	assert_eq!(
		files.lines().collect::<Vec<_>>(),
		["2026", "2026/large", "empty", "link", "one"]
	);
	let files = work.json(&["list", "--unixfs", "photos.car"]);
	let large = &files.as_array().unwrap()[1];
	assert_eq!(
		(&large["path"], &large["type"]),
		(&"2026/large".into(), &"file".into())
	);
	assert_eq!(large["bytes"], (2 << 20) + 5);
	assert_eq!(files[3]["type"], "link");
	let verbose = work.car(&["list", "--unixfs", "-v", "photos.car"]);
	assert!(verbose.contains("file 2097157 2026/large"), "{verbose}");
}

#[test]
fn cars_are_inspected_and_verified() {
	let work = Work::new();
	let root = work.packed();
	for full in [false, true] {
		let mut arguments = vec!["inspect", "photos.car"];
		arguments.extend(full.then_some("--full"));
		let inspection = work.json(&arguments);
		assert_eq!(
			(&inspection["version"], &inspection["blocks"]),
			(&1.into(), &8.into())
		);
		assert_eq!(strings(&inspection["roots"]), [root.as_str()]);
		assert_eq!(inspection["rootsPresent"], true);
		assert_eq!(
			(
				&inspection["codecs"]["raw"],
				&inspection["codecs"]["dag-pb"]
			),
			(&4.into(), &4.into())
		);
		let text = work.car(&arguments);
		assert!(
			text.contains("version: 1") && text.contains(&root),
			"{text}"
		);
	}
	assert!(work.car(&["verify", "photos.car"]).contains("8 blocks"));
	assert_eq!(work.json(&["verify", "photos.car"])["blocks"], 8);
	// One changed byte.
	let mut bytes = fs::read(work.at("photos.car")).unwrap();
	bytes[100_000] ^= 1;
	fs::write(work.at("corrupt.car"), &bytes).unwrap();
	for arguments in [
		&["verify", "corrupt.car"][..],
		&["inspect", "--full", "corrupt.car"],
		&["extract", "corrupt.car", "corrupt"],
		&["index", "corrupt.car", "copy.car"],
	] {
		let error = work.error(arguments);
		assert!(error.contains("is corrupt"), "{arguments:?}: {error}");
	}
	bytes.truncate(90_000);
	fs::write(work.at("cut.car"), &bytes).unwrap();
	let error = work.error(&["verify", "cut.car"]);
	assert!(error.contains("cut short at byte 90000"), "{error}");
	let error = work.error(&["verify", "absent.car"]);
	assert!(error.contains("cannot read absent.car"), "{error}");
	let error = work.error(&["verify", "photos.car", "--max-block", "1000"]);
	assert!(error.contains("more than the 1000"), "{error}");
	// Nothing was left of what failed.
	assert!(!work.at("copy.car").exists() && !work.at("corrupt/2026/large").exists());
	assert!(!work.names().iter().any(|name| name.contains("partial")));
}

#[test]
fn indexes_are_added_detached_and_taken_away() {
	let work = Work::new();
	work.packed();
	for (codec, version) in [
		("car-multihash-index-sorted", 2),
		("car-index-sorted", 2),
		("none", 2),
	] {
		let done = work.json(&["index", "photos.car", "v2.car", "--codec", codec]);
		assert_eq!(done["blocks"], 8);
		let inspection = work.json(&["verify", "v2.car"]);
		assert_eq!(inspection["version"], version);
		let index = match codec {
			"none" => Value::Null,
			codec => codec.into(),
		};
		assert_eq!(inspection["index"], index);
		work.car(&["index", "v2.car", "v1.car", "--version", "1"]);
		same(&work.at("photos.car"), &work.at("v1.car"));
		let done = work.json(&["detach-index", "v2.car", "photos.index"]);
		assert_eq!(done["entries"], 8);
		let listed = work.json(&["detach-index", "v2.car", "--list"]);
		let listed = listed.as_array().unwrap();
		assert_eq!(listed.len(), 8);
		let lines = work.car(&["detach-index", "v2.car", "--list"]);
		assert_eq!(lines.lines().count(), 8);
		let output = work.run(&["car", "detach-index", "v2.car", "-"], b"");
		assert_eq!(output.stdout, fs::read(work.at("photos.index")).unwrap());
	}
	// Created with an index at once.
	work.car(&[
		"create",
		"photos",
		"--no-wrap",
		"--version",
		"2",
		"-f",
		"at-once.car",
	]);
	work.car(&["index", "photos.car", "later.car"]);
	same(&work.at("at-once.car"), &work.at("later.car"));
	let error = work.error(&["index", "photos.car", "x.car", "--codec", "odd"]);
	assert!(error.contains("odd"), "{error}");
}

#[test]
fn blocks_are_filtered_taken_out_and_added() {
	let work = Work::new();
	let root = work.packed();
	let blocks = work.json(&["list", "photos.car"]);
	let of_bytes = |bytes: u64| {
		let block = blocks
			.as_array()
			.unwrap()
			.iter()
			.find(|block| block["bytes"] == bytes);
		block.unwrap()["cid"].as_str().unwrap().to_owned()
	};
	let small = of_bytes(11);
	assert_eq!(
		work.car(&["get-block", "photos.car", &small]),
		"hello world"
	);
	let done = work.json(&["get-block", "photos.car", &small, "block"]);
	assert_eq!(done["bytes"], 11);
	same(&work.at("block"), &work.at("photos/one"));
	let absent = "bafkreieq5jui4j25lacwomsqgjeswwl3y5zcdrresptwgmfylxo2depppq";
	let error = work.error(&["get-block", "photos.car", absent]);
	assert!(error.contains("is missing"), "{error}");

	fs::write(work.at("cids"), format!("{small}\n\n{root}\n")).unwrap();
	let done = work.json(&["filter", "photos.car", "few.car", "--cid-file", "cids"]);
	assert_eq!(
		(&done["blocks"], strings(&done["roots"])),
		(&2.into(), vec![root.as_str()])
	);
	let inverse = work.json(&[
		"filter",
		"photos.car",
		"rest.car",
		"--cid-file",
		"cids",
		"--inverse",
	]);
	assert_eq!(inverse["blocks"], 6);
	let appended = work.json(&[
		"filter",
		"photos.car",
		"rest.car",
		"--cid-file",
		"cids",
		"--append",
	]);
	assert_eq!(
		(&appended["blocks"], &appended["added"]),
		(&8.into(), &2.into())
	);
	work.car(&["verify", "rest.car"]);
	let piped = work.run(
		&["car", "filter", "photos.car", "one.car"],
		small.as_bytes(),
	);
	assert!(piped.status.success());
	assert!(String::from_utf8(piped.stderr)
		.unwrap()
		.contains("none of the roots"));

	let done = work.json(&["get-dag", "photos.car", &format!("{root}/2026"), "dag.car"]);
	assert_eq!(done["blocks"], 4);
	assert_eq!(
		strings(&work.json(&["root", "dag.car"])),
		[done["root"].as_str().unwrap()]
	);
	work.car(&["verify", "dag.car"]);
	// A DAG of which something is missing.
	work.car(&["get-dag", "few.car", &root, "some.car"]);
	let error = work.error(&["get-dag", "few.car", &root, "strict.car", "--strict"]);
	assert!(error.contains("is missing") && !work.at("strict.car").exists());

	for (version, arguments) in [
		(1, &["photos.car", "v.car", "--version", "1"][..]),
		(2, &["photos.car", "v.car"]),
		(2, &["photos.car", "v.car", "--codec", "none"]),
	] {
		work.car(&[&["index"], arguments].concat());
		let before = work.json(&["inspect", "v.car"]);
		fs::write(work.at("new"), "a new block").unwrap();
		let added = work.json(&["put-block", "v.car", "new"]);
		let cid = added["cid"].as_str().unwrap();
		assert_eq!(work.car(&["get-block", "v.car", cid]), "a new block");
		let after = work.json(&["verify", "v.car"]);
		assert_eq!(
			(&after["blocks"], &after["version"]),
			(&9.into(), &version.into())
		);
		assert_eq!(after["index"], before["index"]);
	}
	let added = work.run(
		&["car", "put-block", "v.car", "--codec", "dag-cbor"],
		&[0xa0],
	);
	assert!(String::from_utf8(added.stdout)
		.unwrap()
		.starts_with("bafyrei"));
}

#[test]
fn a_car_is_text_and_a_car_again() {
	let work = Work::new();
	work.packed();
	work.car(&["debug", "photos.car", "-o", "photos.txt"]);
	let text = fs::read_to_string(work.at("photos.txt")).unwrap();
	assert_eq!(work.car(&["debug", "photos.car"]), text);
	let compiled = work.json(&["compile", "photos.txt", "-o", "again.car"]);
	assert_eq!(compiled["blocks"], 8);
	assert_eq!(
		work.json(&["root", "again.car"]),
		work.json(&["root", "photos.car"])
	);
	work.car(&["verify", "again.car"]);
	// A changed file changes the root, and its neighbours stay.
	fs::write(
		work.at("photos.txt"),
		text.replace("hello world", "hello again"),
	)
	.unwrap();
	let changed = work.json(&["compile", "photos.txt", "-o", "changed.car"]);
	assert_ne!(changed["roots"], compiled["roots"]);
	assert_eq!(
		work.car(&["extract", "changed.car", "-", "--path", "one"]),
		"hello again"
	);
	let error = work.error(&["compile", "photos.car", "-o", "x.car"]);
	assert!(error.contains("UTF-8"), "{error}");
}
