//! The whole flow, as a user would try it: the `holdfast` program against a real node and a real provider.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
	fs,
	path::Path,
	process::{Command, Output},
};

use common::{bytes, options, Folder};
use holdfast_client::devnet::Devnet;
use serde_json::Value;

fn holdfast(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
	Command::new(env!("CARGO_BIN_EXE_holdfast"))
		.args(arguments)
		.envs(environment.iter().copied())
		.output()
		.unwrap()
}

fn json(output: &Output) -> Value {
	let text = String::from_utf8_lossy(&output.stdout);
	serde_json::from_str(&text).unwrap_or_else(|error| {
		panic!(
			"{error} in {text:?}; {}",
			String::from_utf8_lossy(&output.stderr)
		)
	})
}

/// The demonstration with everything corrupted once: each is refused, and the honest flow ends well.
#[test]
fn what_is_corrupt_is_refused_and_the_honest_flow_goes_on() {
	let folder = Folder::new();
	let keep = folder.path().display().to_string();
	let output = holdfast(
		&[
			"demo",
			"--json",
			"--keep",
			&keep,
			"--corrupt",
			"upload,porep,post,data",
		],
		&[],
	);
	let report = json(&output);
	assert!(output.status.success(), "{report:#}");

	let refused: Vec<_> = report["refusals"]
		.as_array()
		.unwrap()
		.iter()
		.map(|refusal| {
			(
				refusal["corruption"].as_str().unwrap(),
				refusal["by"].as_str().unwrap(),
			)
		})
		.collect();
	assert_eq!(
		refused,
		[
			("upload", "the provider"),
			("porep", "the chain"),
			("post", "the chain"),
			("data", "the client")
		]
	);
	assert_eq!(report["sha256Before"], report["sha256After"]);
	assert_eq!(report["sectors"].as_array().unwrap().len(), 1);
	assert!(report["posts"].as_array().unwrap().len() >= 2);
	let payment = &report["payments"][0];
	let blocks = payment["healthyBlocks"].as_u64().unwrap();
	assert!(blocks > 0);
	assert_eq!(
		payment["pricePerBlock"].as_u64().unwrap() * blocks,
		report["providerBalanceChange"].as_u64().unwrap()
	);
}

/// A file of several pieces and a tiny one, both with the commands that the README names.
#[tokio::test(flavor = "multi_thread")]
async fn large_and_tiny_files_come_back_byte_for_byte() {
	let folder = Folder::new();
	let devnet = Devnet::start(options(folder.path()), &mut |_| ())
		.await
		.unwrap();
	let key = devnet.client_key.display().to_string();
	let environment = [
		("HOLDFAST_NODE", devnet.node_url.as_str()),
		("HOLDFAST_KEY", key.as_str()),
	];

	let mut tickets = Vec::new();
	for (name, length) in [("tiny", 100), ("large", 20 << 20)] {
		let file = folder.path().join(name);
		fs::write(&file, bytes(length, 7)).unwrap();
		let output = holdfast(
			&["put", "--json", &file.display().to_string()],
			&environment,
		);
		assert!(output.status.success(), "{:#}", json(&output));
		let ticket = json(&output)["ticket"].as_str().unwrap().to_owned();
		tickets.push((name, length, ticket));
	}
	for (name, _, ticket) in &tickets {
		await_active(ticket, &environment);
		let back = folder.path().join(format!("{name}.back"));
		let output = holdfast(
			&["get", ticket, "--output", &back.display().to_string()],
			&[],
		);
		assert!(
			output.status.success(),
			"{}",
			String::from_utf8_lossy(&output.stderr)
		);
		assert_eq!(
			fs::read(&back).unwrap(),
			fs::read(folder.path().join(name)).unwrap()
		);
	}
	let large = &tickets[1].2;
	let deals = json(&holdfast(&["status", "--json", large], &environment));
	assert!(
		deals.as_array().unwrap().len() >= 3,
		"a large file makes several deals"
	);
	refuses_what_cannot_be_stored(folder.path(), &environment);
	devnet.stop().await;
}

/// Waits until every deal of the ticket is in a proven sector.
fn await_active(ticket: &str, environment: &[(&str, &str)]) {
	for _ in 0..600 {
		let status = json(&holdfast(&["status", "--json", ticket], environment));
		let states: Vec<_> = status
			.as_array()
			.unwrap()
			.iter()
			.map(|deal| deal["state"].as_str().unwrap())
			.collect();
		assert!(
			!states.iter().any(|state| state.starts_with("gone")),
			"{status:#}"
		);
		if states.iter().all(|state| *state == "active") {
			return;
		}
		std::thread::sleep(std::time::Duration::from_secs(1));
	}
	panic!("the deals did not become active");
}

fn refuses_what_cannot_be_stored(folder: &Path, environment: &[(&str, &str)]) {
	let empty = folder.join("empty");
	fs::write(&empty, b"").unwrap();
	for (file, words) in [
		(empty.as_path(), "is empty: there is nothing to store"),
		(Path::new("/no/such/file"), "cannot read /no/such/file"),
	] {
		let output = holdfast(&["put", &file.display().to_string()], environment);
		let error = String::from_utf8_lossy(&output.stderr);
		assert_eq!(output.status.code(), Some(1));
		assert!(error.contains(words), "{error}");
	}
	let output = holdfast(&["get", "holdfast1damaged"], &[]);
	assert_eq!(output.status.code(), Some(2));
	assert!(String::from_utf8_lossy(&output.stderr).contains("ticket"));
}
