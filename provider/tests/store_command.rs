//! `holdfast-provider store`, as a person or a script runs it.

#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, process::Command};

use holdfast_provider::{
	database::{Database, SectorState},
	store::{sector_name, Store, StoreMeta},
};
use serde_json::Value;

/// Whether it ended well, and what it said to programs.
fn provider(base: &Path, arguments: &[&str]) -> (bool, Value, String) {
	let output = Command::new(env!("CARGO_BIN_EXE_holdfast-provider"))
		.args(arguments)
		.arg("--json")
		.arg("--base")
		.arg(base)
		.output()
		.unwrap();
	let text = String::from_utf8_lossy(&output.stderr).into_owned();
	let value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
	(output.status.success(), value, text)
}

fn initialized(base: &Path) {
	let made = Command::new(env!("CARGO_BIN_EXE_holdfast-provider"))
		.args(["init", "--sector-size", "2KiB", "--base"])
		.arg(base)
		.stdin(std::process::Stdio::null())
		.output()
		.unwrap();
	assert!(made.status.success());
}

/// Rows 58, 60, 64, 75 and 77, through the command.
#[tokio::test]
async fn stores_are_managed_by_commands() {
	let folder = tempfile::tempdir().unwrap();
	let base = folder.path().join("base");
	initialized(&base);
	let (ok, _, text) = provider(&base, &["store", "list"]);
	assert!(!ok && text.contains("has the daemon run"), "{text}");
	let database = Database::open(&base.join("holdfast.sqlite")).await.unwrap();
	let store = Store::open(database.clone(), &base.join("store"), 0)
		.await
		.unwrap();
	let cold = folder.path().join("cold");
	let attach = [
		"store",
		"attach",
		cold.to_str().unwrap(),
		"--no-seal",
		"--group",
		"cold",
		"--deny-type",
		"piece",
	];
	let (ok, attached, text) = provider(&base, &attach);
	assert!(ok, "{text}");
	let id = attached["description"]["ID"].as_str().unwrap().to_owned();
	let meta = StoreMeta::read(&cold).unwrap().unwrap();
	assert_eq!((meta.id.as_str(), meta.can_seal), (id.as_str(), false));
	assert_eq!(meta.groups, ["cold"]);
	let (_, list, _) = provider(&base, &["store", "list"]);
	assert_eq!(list.as_array().unwrap().len(), 2);
	assert_eq!(list[0]["configured"], true);
	assert!(list[1]["freeBytes"].as_u64().unwrap() > 0);

	// A proven sector.
	let number = database.create_sector(&[], 0, 1).await.unwrap().unwrap();
	let mut sector = database.sector(number).await.unwrap().unwrap();
	sector.state = SectorState::Active;
	database.save_sector(&sector, None, None, 1).await.unwrap();
	let paths = store.sector(number).await.unwrap();
	fs::create_dir_all(&paths.cache).unwrap();
	fs::write(&paths.sealed, vec![7; 2048]).unwrap();
	for name in ["p_aux", "t_aux", "sc-02-data-tree-r-last.dat"] {
		fs::write(paths.cache.join(name), name).unwrap();
	}
	let (ok, found, text) = provider(&base, &["store", "check", "--redeclare"]);
	assert!(ok && found == Value::Array(Vec::new()), "{text}");
	assert!(text.contains("2 files added"), "{text}");
	let (ok, scrubbed, _) = provider(&base, &["store", "scrub"]);
	assert!(ok);
	assert_eq!(scrubbed["recorded"], 2);

	// It moves, and its store cannot be taken away then.
	let (ok, moved, text) = provider(&base, &["store", "move", "0", "--to", &id]);
	assert!(ok, "{text}");
	assert_eq!(moved["store"], id.as_str());
	assert!(!paths.sealed.exists());
	let (ok, _, text) = provider(&base, &["store", "detach", &id]);
	assert!(!ok && text.contains("nowhere else"), "{text}");

	// A changed byte.
	let sealed = store.sector(number).await.unwrap().sealed;
	assert!(sealed.starts_with(&cold));
	let mut bytes = fs::read(&sealed).unwrap();
	bytes[5] ^= 1;
	fs::write(&sealed, &bytes).unwrap();
	assert!(provider(&base, &["store", "check"]).0);
	let (ok, scrubbed, _) = provider(&base, &["store", "scrub"]);
	assert!(!ok);
	assert_eq!(scrubbed["problems"][0]["name"], sector_name(number));

	// It ends, and is removed in two steps.
	assert_eq!(
		provider(&base, &["store", "gc"]).1["marked"],
		Value::Array(Vec::new())
	);
	sector.state = SectorState::Expired;
	database.save_sector(&sector, None, None, 1).await.unwrap();
	let (_, marked, _) = provider(&base, &["store", "gc"]);
	assert_eq!(marked["marked"].as_array().unwrap().len(), 2);
	let (_, early, _) = provider(&base, &["store", "gc", "--sweep"]);
	assert_eq!(early["removed"], Value::Array(Vec::new()));
	assert!(sealed.exists());
	let (_, swept, _) = provider(&base, &["store", "gc", "--sweep", "--grace-hours", "0"]);
	assert_eq!(swept["removed"].as_array().unwrap().len(), 2);
	assert!(!sealed.exists());
	assert!(provider(&base, &["store", "detach", &id]).0);
}
