//! Making keys when something goes wrong: a file is there in full or it is not used.
#![allow(clippy::unwrap_used)]

use std::{
	fs,
	path::{Path, PathBuf},
	process::{Command, Stdio},
	time::Duration,
};

/// `holdfast-provider keys` for the smallest key, behind shell commands that limit it.
fn keys(directory: &Path, before: &str) -> Command {
	let mut command = Command::new("sh");
	command
		.arg("-c")
		.arg(format!("{before} exec \"$0\" \"$@\""))
		.arg(env!("CARGO_BIN_EXE_holdfast-provider"))
		.args([
			"keys",
			"--sector-size",
			"2KiB",
			"--only",
			"window-post",
			"--directory",
		])
		.arg(directory)
		.stdin(Stdio::null());
	command
}

/// Whether it ended well, and what it said.
fn run(directory: &Path, before: &str) -> (bool, String) {
	let output = keys(directory, before).output().unwrap();
	let text = String::from_utf8_lossy(&output.stderr).into_owned();
	(output.status.success(), text)
}

fn with_extension(directory: &Path, extension: &str) -> Option<PathBuf> {
	fs::read_dir(directory).ok()?.find_map(|entry| {
		let path = entry.unwrap().path();
		(path.extension()? == extension).then_some(path)
	})
}

#[test]
fn a_key_that_is_cut_off_or_killed_is_never_used_and_made_anew() {
	let folder = tempfile::tempdir().unwrap();
	let directory = folder.path().join("keys");

	// Files may have 5 MiB, the key has 11: as if the disk were full.
	let (done, text) = run(&directory, "trap '' XFSZ; ulimit -f 10240;");
	assert!(!done);
	assert!(text.contains("there is no room for"), "{text}");
	assert!(
		text.contains("choose another folder with HOLDFAST_KEYS"),
		"{text}"
	);
	assert_eq!(with_extension(&directory, "params"), None);
	assert_eq!(with_extension(&directory, "partial"), None);

	// Killed while it writes.
	let mut child = keys(&directory, "")
		.stdout(Stdio::null())
		.stderr(Stdio::null())
		.spawn()
		.unwrap();
	while with_extension(&directory, "partial").is_none() && child.try_wait().unwrap().is_none() {
		std::thread::sleep(Duration::from_millis(1));
	}
	child.kill().unwrap();
	child.wait().unwrap();
	assert_eq!(with_extension(&directory, "params"), None);
	assert_eq!(with_extension(&directory, "digest"), None);

	let (done, text) = run(&directory, "");
	assert!(done, "{text}");
	assert_eq!(with_extension(&directory, "partial"), None);
	let key = fs::read(with_extension(&directory, "vk").unwrap()).unwrap();
	let committed = concat!(
		env!("CARGO_MANIFEST_DIR"),
		"/../runtime/keys/devnet/window-post-2KiB.vk"
	);
	assert!(key == fs::read(committed).unwrap());

	// Damaged later: it is named, and what is to be done about it.
	let parameters = with_extension(&directory, "params").unwrap();
	let whole = fs::read(&parameters).unwrap();
	let mut changed = whole.clone();
	changed[1000] ^= 1;
	for damaged in [&changed[..], &whole[..whole.len() - 1]] {
		fs::write(&parameters, damaged).unwrap();
		let (done, text) = run(&directory, "");
		assert!(!done);
		assert!(
			text.contains(&format!("{} is damaged: delete it", parameters.display())),
			"{text}"
		);
	}
	// What the message says helps.
	fs::remove_file(&parameters).unwrap();
	let (done, text) = run(&directory, "");
	assert!(done, "{text}");
	assert!(fs::read(&parameters).unwrap() == whole);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
	let folder = tempfile::tempdir().unwrap();
	let file = folder.path().join("file");
	fs::write(&file, b"").unwrap();
	let (done, text) = run(&file.join("keys"), "");
	assert!(!done);
	assert!(text.contains("cannot create"), "{text}");
	// Nobody may make folders there, not even root.
	let (done, text) = run(Path::new("/proc/holdfast-keys"), "");
	assert!(!done);
	assert!(text.contains("/proc/holdfast-keys"), "{text}");
}
