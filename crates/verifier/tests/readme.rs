//! Whether README.md of this folder names tests that exist, all files, and all of the traps.
#![allow(clippy::unwrap_used)]

mod common;

use std::{collections::BTreeSet, path::PathBuf};

fn folder() -> PathBuf {
	common::package_folder().join("tests")
}

fn readme() -> String {
	std::fs::read_to_string(folder().join("README.md")).unwrap()
}

#[test]
fn every_test_that_is_named_exists() {
	let readme = readme();
	let named: BTreeSet<(&str, &str)> = readme
		.split('`')
		.filter_map(|text| text.split_once("::"))
		.collect();
	assert!(named.len() > 40, "only {} tests are named", named.len());
	for (file, test) in named {
		let path = folder().join(file);
		let source = std::fs::read_to_string(&path)
			.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
		let function = format!("fn {test}(");
		let before = source
			.split_once(&function)
			.unwrap_or_else(|| panic!("there is no {test} in {file}"))
			.0;
		let attribute = before.trim_end().lines().last().unwrap().trim();
		assert_eq!(attribute, "#[test]", "{test} in {file} is no test");
	}
}

#[test]
fn every_file_of_tests_is_described() {
	let readme = readme();
	let mut files = 0;
	for entry in std::fs::read_dir(folder()).unwrap() {
		let name = entry.unwrap().file_name().into_string().unwrap();
		if name.ends_with(".rs") {
			assert!(readme.contains(&format!("`{name}`")), "{name} is missing");
			files += 1;
		}
	}
	assert!(files > 10);
}

#[test]
fn each_of_the_traps_has_a_row_that_names_a_test() {
	let readme = readme();
	let rows: Vec<&str> = readme
		.lines()
		.filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit())
		.collect();
	assert_eq!(rows.len(), 18);
	for (number, row) in (1..).zip(rows) {
		assert!(row.starts_with(&format!("| {number} |")), "{row}");
		assert!(row.contains("::"), "{row}");
	}
}
