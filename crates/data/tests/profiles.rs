//! The profiles' published fixtures: the same bytes get the same CIDs as in every other tool.

#![allow(clippy::unwrap_used)]

mod common;

use common::{seeded_names, Seeded};
use holdfast_data::{
	block::Block,
	directory::DirectoryBuilder,
	import::{import_file, BlockSink, ImportError},
	unixfs::{Child, Node},
	Profile,
};
use std::io::Read;

#[derive(Default)]
struct Discard {
	last: Option<Block>,
}

impl BlockSink for Discard {
	fn leaf(&mut self, _: &Child, _: &[u8], _: &[u8]) -> Result<(), ImportError> {
		Ok(())
	}

	fn node(&mut self, block: Block) -> Result<(), ImportError> {
		self.last = Some(block);
		Ok(())
	}
}

fn file(profile: Profile, bytes: impl Read) -> String {
	let mut sink = Discard::default();
	let root = import_file(bytes, &profile, &mut sink, &mut |_| {}).unwrap();
	root.cid.to_string()
}

fn directory(profile: Profile, names: &[String]) -> (String, Node) {
	let mut builder = DirectoryBuilder::new(profile);
	let file = import_file(&b"x"[..], &profile, &mut Discard::default(), &mut |_| {}).unwrap();
	for name in names {
		builder.insert(name.clone(), file).unwrap();
	}
	let mut nodes = Vec::new();
	let root = builder.finish(&mut nodes).unwrap();
	let last = nodes.last().unwrap();
	(
		root.cid.to_string(),
		Node::decode(&last.cid, &last.data).unwrap(),
	)
}

#[test]
fn files_of_the_profile_of_2015_have_their_published_cids() {
	let profile = Profile::UNIXFS_V0_2015;
	let chunk = 256 << 10;
	for (seed, bytes, cid) in [
		(
			"chunk-v0-seed",
			chunk,
			"QmWmRj3dFDZdb6ABvbmKhEL6TmPbAfBZ1t5BxsEyJrcZhE",
		),
		(
			"chunk-v0-seed",
			chunk + 1,
			"QmYyLxtzZyW22zpoVAtKANLRHpDjZtNeDjQdJrcQNWoRkJ",
		),
		(
			"v0-seed",
			174 * chunk,
			"QmUbBALi174SnogsUzLpYbD4xPiBSFANF4iztWCsHbMKh2",
		),
		(
			"v0-seed",
			174 * chunk + 1,
			"QmV81WL765sC8DXsRhE5fJv2rwhS4icHRaf3J9Zk5FdRnW",
		),
		(
			"v0-seed",
			175 * chunk,
			"QmepeWtdmS1hHXx1oZXsPUv6bMrfRRKfZcoPPU4eEfjnbf",
		),
	] {
		assert_eq!(
			file(profile, Seeded::new(seed, bytes)),
			cid,
			"{seed}: {bytes}"
		);
	}
	let small = file(profile, &b"hello world"[..]);
	assert_eq!(small, "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD");
}

#[test]
fn files_of_the_profile_of_2025_have_their_published_cids() {
	let profile = Profile::UNIXFS_V1_2025;
	let mib = 1 << 20;
	let mut cases = vec![
		(
			"chunk-v1-seed",
			mib,
			"bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta",
		),
		(
			"chunk-v1-seed",
			mib + 1,
			"bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64",
		),
	];
	// A GiB each takes a while: `make conformance-data` asks for them.
	if std::env::var_os("HOLDFAST_LARGE").is_some() {
		cases.extend([
			(
				"v1-2025-seed",
				1024 * mib,
				"bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm",
			),
			(
				"v1-2025-seed",
				1024 * mib + 1,
				"bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe",
			),
			(
				"v1-2025-seed",
				1025 * mib,
				"bafybeihmzokxxjqwxjcryerhp5ezpcog2wcawfryb2xm64xiakgm4a5jue",
			),
		]);
	}
	for (seed, bytes, cid) in cases {
		assert_eq!(
			file(profile, Seeded::new(seed, bytes)),
			cid,
			"{seed}: {bytes}"
		);
	}
	let small = file(profile, &b"hello world"[..]);
	assert_eq!(
		small,
		"bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
	);
}

#[test]
fn directories_become_hamts_one_byte_above_the_published_limit() {
	let v0 = |count, length| {
		let names = seeded_names("hamt-unixfs-v0-2015", count, length, length);
		directory(Profile::UNIXFS_V0_2015, &names)
	};
	let v1 = |last| {
		let names = seeded_names("hamt-unixfs-v1-2025", 4766, 11, last);
		directory(Profile::UNIXFS_V1_2025, &names)
	};
	let (cid, node) = v0(4096, 30);
	assert_eq!(cid, "QmX5GtRk3TSSEHtdrykgqm4eqMEn3n2XhfkFAis5fjyZmN");
	assert!(matches!(node, Node::Directory(entries) if entries.len() == 4096));
	let (cid, node) = v0(4033, 31);
	assert_eq!(cid, "QmeMiJzmhpJAUgynAcxTQYek5PPKgdv3qEvFsdV3XpVnvP");
	assert!(matches!(node, Node::Shard(_)));
	let (cid, node) = v1(21);
	assert_eq!(
		cid,
		"bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4"
	);
	assert!(matches!(node, Node::Directory(entries) if entries.len() == 4766));
	let (cid, node) = v1(22);
	assert_eq!(
		cid,
		"bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu"
	);
	assert!(matches!(node, Node::Shard(_)));
}
