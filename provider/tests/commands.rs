//! The commands as a person or a script calls them.

#![allow(clippy::unwrap_used)]

use std::{
	os::unix::fs::PermissionsExt,
	path::Path,
	process::{Command, Output, Stdio},
};

use holdfast_provider::{
	config::Config,
	daemon::DATABASE_FILE,
	database::{now, Database},
	tasks::Kind,
};
use serde_json::Value;

fn provider(base: &Path, arguments: &[&str]) -> Output {
	Command::new(env!("CARGO_BIN_EXE_holdfast-provider"))
		.args(arguments)
		.arg("--base")
		.arg(base)
		.env("HOLDFAST_KEYS", base.join("keys"))
		.env_remove("RUST_LOG")
		.stdin(Stdio::null())
		.output()
		.unwrap()
}

fn text(bytes: &[u8]) -> String {
	String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
	serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
		panic!("{error}: {} {}", text(&output.stdout), text(&output.stderr))
	})
}

fn mode(path: &Path) -> u32 {
	std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A folder with a configuration and an empty database.
async fn base() -> (tempfile::TempDir, Database) {
	let folder = tempfile::tempdir().unwrap();
	let made = provider(folder.path(), &["init", "--node", "ws://127.0.0.1:1"]);
	assert!(made.status.success(), "{}", text(&made.stderr));
	let database = Database::open(&folder.path().join(DATABASE_FILE))
		.await
		.unwrap();
	(folder, database)
}

#[test]
fn init_works_unattended_and_overwrites_nothing() {
	let folder = tempfile::tempdir().unwrap();
	let base = folder.path().join("provider");
	let options = [
		"init",
		"--node",
		"ws://node.example:9944",
		"--listen",
		"127.0.0.1:8499",
		"--sector-size",
		"2KiB",
		"--public-url",
		"https://storage.example",
		"--use-faucet",
	];
	let first = provider(&base, &options);
	assert!(first.status.success(), "{}", text(&first.stderr));
	let config = Config::load(&base).unwrap();
	assert_eq!(config.chain.node, "ws://node.example:9944");
	assert_eq!(config.api.announced_url(), "https://storage.example");
	assert!(config.chain.use_faucet);
	for name in ["provider.key", "api.token"] {
		assert_eq!(mode(&base.join(name)), 0o600, "{name}");
	}
	let files = || {
		["holdfast-provider.toml", "provider.key", "api.token"]
			.map(|name| std::fs::read_to_string(base.join(name)).unwrap())
	};
	let before = files();
	assert!(
		before[0]
			.lines()
			.filter(|line| line.starts_with("# "))
			.count() > 30
	);
	let again = provider(&base, &["init", "--sector-size", "8MiB"]);
	assert!(again.status.success());
	assert!(text(&again.stdout).contains("stays as it is"));
	assert_eq!(files(), before);
}

#[tokio::test]
async fn lists_are_for_people_and_for_programs() {
	let (folder, database) = base().await;
	database.queue_task(Kind::Settle, "", now()).await.unwrap();
	database
		.queue_task(Kind::PreCommit1, "7", now())
		.await
		.unwrap();
	let base = folder.path();
	let all = json(&provider(base, &["tasks", "--json"]));
	assert_eq!(all.as_array().unwrap().len(), 2);
	let one = json(&provider(
		base,
		&["tasks", "--json", "--kind", "pre-commit-1"],
	));
	assert_eq!(one[0]["subject"], "7");
	let none = json(&provider(base, &["tasks", "--json", "--state", "failed"]));
	assert_eq!(none, Value::Array(Vec::new()));
	let table = text(&provider(base, &["tasks"]).stdout);
	assert!(
		table.contains("pre-commit-1") && table.contains("settle"),
		"{table}"
	);
	for list in ["sectors", "deals"] {
		assert_eq!(
			json(&provider(base, &[list, "--json"])),
			Value::Array(Vec::new())
		);
		assert!(text(&provider(base, &[list]).stdout).contains("state"));
	}
	for bad in [
		["sectors", "--state", "odd"],
		["deals", "--state", "odd"],
		["tasks", "--kind", "odd"],
		["deals", "--client", "odd"],
	] {
		let refused = provider(base, &bad);
		assert_eq!(refused.status.code(), Some(2), "{bad:?}");
	}
}

#[test]
fn without_a_database_lists_say_what_to_do() {
	let folder = tempfile::tempdir().unwrap();
	for list in ["status", "sectors", "deals", "tasks"] {
		let refused = provider(folder.path(), &[list]);
		assert_eq!(refused.status.code(), Some(1));
		assert!(text(&refused.stderr).contains("has the daemon run"));
	}
}

#[tokio::test]
async fn the_doctor_names_what_is_wrong() {
	let (folder, database) = base().await;
	database.close().await;
	let base = folder.path();
	let ill = provider(base, &["doctor", "--json"]);
	// There are no proving keys, and no node.
	assert_eq!(ill.status.code(), Some(1));
	let report = json(&ill);
	let verdict = |name: &str| {
		let checks = report["checks"].as_array().unwrap();
		let found = checks.iter().find(|check| check["name"] == name);
		found.unwrap_or_else(|| panic!("{name}: {report}"))["verdict"].clone()
	};
	assert_eq!(verdict("account key"), "good");
	assert_eq!(verdict("operator's token"), "good");
	assert_eq!(verdict("database"), "good");
	assert_eq!(verdict("proving keys"), "failure");
	assert_eq!(verdict("chain"), "failure");
	let key = base.join("provider.key");
	std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
	let table = text(&provider(base, &["doctor"]).stdout);
	let line = table
		.lines()
		.find(|line| line.contains("account key"))
		.unwrap();
	assert!(line.contains("FAILURE"), "{table}");
}

#[test]
fn a_daemon_with_a_key_that_others_can_read_does_not_start() {
	for file in ["provider.key", "api.token"] {
		let folder = tempfile::tempdir().unwrap();
		let base = folder.path();
		provider(base, &["init", "--sector-size", "2KiB"]);
		let open = std::fs::Permissions::from_mode(0o644);
		std::fs::set_permissions(base.join(file), open).unwrap();
		let refused = provider(base, &["run"]);
		assert_eq!(refused.status.code(), Some(1));
		let error = text(&refused.stderr);
		assert!(
			error.contains(file) && error.contains("chmod 600"),
			"{error}"
		);
	}
}

#[test]
fn the_logs_form_is_checked() {
	let folder = tempfile::tempdir().unwrap();
	let refused = Command::new(env!("CARGO_BIN_EXE_holdfast-provider"))
		.args(["status", "--base"])
		.arg(folder.path())
		.env("HOLDFAST_LOG_FORMAT", "xml")
		.output()
		.unwrap();
	assert!(!refused.status.success());
	assert!(text(&refused.stderr).contains("text or json"));
}
