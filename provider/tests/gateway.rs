//! The trustless gateway, case by case as its specification has them.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use axum::{
	body::{to_bytes, Body, Bytes},
	http::{HeaderMap, Request, StatusCode},
	Router,
};
use common::{accepted, config, Fixture, TestData};
use futures::StreamExt;
use holdfast_data::{
	block::{dag_pb_cid, raw_cid},
	car::{CarReader, CarWriter, Limits},
	directory::DirectoryBuilder,
	unixfs::{Child, FileNode},
	Cid, PieceHasher,
};
use holdfast_primitives::{CommP, PaddedPieceSize, PieceInfo, SectorSize};
use holdfast_provider::{
	api,
	database::{DealEvent, DealState},
};
use tower::ServiceExt;

/// Blocks by their names, and what the cases refer to.
struct Dag {
	blocks: BTreeMap<String, Vec<u8>>,
	root: Cid,
}

impl Dag {
	fn add(&mut self, cid: Cid, data: &[u8]) -> Cid {
		self.blocks.insert(cid.to_string(), data.to_vec());
		cid
	}

	fn leaf(&mut self, data: &[u8]) -> Child {
		Child {
			cid: self.add(raw_cid(data), data),
			file_bytes: data.len() as u64,
			cumulative_bytes: data.len() as u64,
		}
	}

	fn node(&mut self, children: Vec<Child>) -> Child {
		let node = FileNode { children };
		let data = node.encode();
		Child {
			cid: self.add(dag_pb_cid(&data), &data),
			file_bytes: node.file_bytes().unwrap(),
			cumulative_bytes: 0,
		}
	}

	fn directory(&mut self, entries: &[(String, Child)]) -> Child {
		let mut builder = DirectoryBuilder::default();
		for (name, child) in entries {
			builder.insert(name.clone(), *child).unwrap();
		}
		let mut nodes = Vec::new();
		let child = builder.finish(&mut nodes).unwrap();
		for node in nodes {
			self.add(node.cid, &node.data);
		}
		child
	}

	fn data(&self, missing: &[Cid]) -> TestData {
		let mut writer = CarWriter::new(Vec::new(), vec![self.root]).unwrap();
		for (name, data) in &self.blocks {
			let cid: Cid = name.parse().unwrap();
			if !missing.contains(&cid) {
				writer.write_block(&cid, data).unwrap();
			}
		}
		let car = writer.finish().unwrap();
		let mut hasher = PieceHasher::new();
		hasher.write(&car);
		let piece = hasher.finish().unwrap();
		TestData {
			root: self.root.to_string(),
			piece: PieceInfo {
				commitment: CommP(piece.commitment),
				size: PaddedPieceSize::new(piece.padded_bytes).unwrap(),
			},
			block: Vec::new(),
			car,
		}
	}
}

/// A directory with two files, a directory below it, and one that is a HAMT.
struct Tree {
	dag: Dag,
	/// Five leaves of 256, 256, 256, 256 and 2 bytes.
	multi: Cid,
	leaves: Vec<Cid>,
	single: Cid,
	sub: Cid,
	many: Cid,
}

fn tree() -> Tree {
	let mut dag = Dag {
		blocks: BTreeMap::new(),
		root: raw_cid(b""),
	};
	let leaves: Vec<_> = (0..5u8)
		.map(|number| {
			let length = if number == 4 { 2 } else { 256 };
			dag.leaf(&vec![number; length])
		})
		.collect();
	let multi = dag.node(leaves.clone());
	let single = dag.leaf(b"hello application/vnd.ipld.car");
	let sub = dag.directory(&[
		("ascii.txt".into(), single),
		("copy.txt".into(), single),
		("multiblock.txt".into(), multi),
	]);
	let entries: Vec<_> = (0..4000)
		.map(|number| (format!("{number:0>90}.txt"), single))
		.collect();
	let many = dag.directory(&entries);
	let root = dag.directory(&[
		("sub dir".into(), sub),
		("many".into(), many),
		("ascii.txt".into(), single),
	]);
	dag.root = root.cid;
	Tree {
		dag,
		multi: multi.cid,
		leaves: leaves.iter().map(|leaf| leaf.cid).collect(),
		single: single.cid,
		sub: sub.cid,
		many: many.cid,
	}
}

struct Gateway {
	fixture: Fixture,
	router: Router,
}

impl Gateway {
	async fn with(data: &TestData) -> (Self, String) {
		let mut config = config();
		config.storage.sector_size = SectorSize::MiB8;
		let fixture = Fixture::with(config, std::path::Path::new("/nonexistent")).await;
		let id = accepted(&fixture, data, 1).await;
		let router = api::router(fixture.app.clone());
		(Self { fixture, router }, id)
	}

	async fn ask(&self, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
		let mut request = Request::builder().method(method).uri(uri);
		for (name, value) in headers {
			request = request.header(*name, *value);
		}
		let request = request.body(Body::empty()).unwrap();
		let response = self.router.clone().oneshot(request).await.unwrap();
		let (parts, body) = response.into_parts();
		Answer {
			status: parts.status,
			headers: parts.headers,
			body: to_bytes(body, usize::MAX).await.ok(),
		}
	}

	async fn get(&self, uri: &str) -> Answer {
		self.ask("GET", uri, &[]).await
	}

	/// The names of the blocks in a CAR.
	async fn blocks(&self, uri: &str) -> Vec<Cid> {
		let answer = self.get(uri).await;
		assert_eq!(answer.status, 200, "{uri}");
		answer.blocks()
	}
}

struct Answer {
	status: StatusCode,
	headers: HeaderMap,
	body: Option<Bytes>,
}

impl Answer {
	fn header(&self, name: &str) -> &str {
		self.headers
			.get(name)
			.unwrap_or_else(|| panic!("there is no {name}"))
			.to_str()
			.unwrap()
	}

	fn blocks(&self) -> Vec<Cid> {
		let body = self.body.as_ref().unwrap();
		let mut reader = CarReader::new(&body[..], Limits::default()).unwrap();
		let mut blocks = Vec::new();
		while let Some(block) = reader.next_block().unwrap() {
			blocks.push(block.block.cid);
		}
		blocks
	}
}

#[tokio::test]
async fn a_raw_block_comes_with_all_its_headers() {
	let tree = tree();
	let (gateway, _) = Gateway::with(&tree.dag.data(&[])).await;
	let cid = tree.single;
	let raw = "application/vnd.ipld.raw";
	let uri = format!("/ipfs/{cid}");
	let by_header = gateway.ask("GET", &uri, &[("Accept", raw)]).await;
	let by_query = gateway.get(&format!("{uri}?format=raw")).await;
	for answer in [&by_header, &by_query] {
		assert_eq!(answer.status, 200);
		assert_eq!(
			answer.body.as_deref(),
			Some(&b"hello application/vnd.ipld.car"[..])
		);
		assert_eq!(answer.header("content-type"), raw);
		assert_eq!(answer.header("content-length"), "30");
		assert_eq!(
			answer.header("content-disposition"),
			format!("attachment; filename=\"{cid}.bin\"")
		);
		assert_eq!(answer.header("x-content-type-options"), "nosniff");
		assert_eq!(answer.header("etag"), format!("\"{cid}.raw\""));
		assert_eq!(
			answer.header("cache-control"),
			"public, max-age=29030400, immutable"
		);
		assert_eq!(answer.header("x-ipfs-path"), uri);
		assert_eq!(answer.header("x-ipfs-roots"), cid.to_string());
	}
	assert_eq!(
		by_header.header("content-location"),
		format!("{uri}?format=raw")
	);
	assert!(by_query.headers.get("content-location").is_none());
	let named = gateway
		.get(&format!("{uri}?format=raw&filename=foobar.bin"))
		.await;
	assert!(named
		.header("content-disposition")
		.starts_with("attachment; filename=\"foobar.bin\""));
	let head = gateway.ask("HEAD", &format!("{uri}?format=raw"), &[]).await;
	assert_eq!(head.status, 200);
	assert_eq!(head.body.as_deref(), Some(&b""[..]));
	assert_eq!(head.headers, by_query.headers);
}

#[tokio::test]
async fn ranges_of_raw_blocks_are_served() {
	let tree = tree();
	let (gateway, _) = Gateway::with(&tree.dag.data(&[])).await;
	let uri = format!("/ipfs/{}?format=raw", tree.single);
	let part = gateway.ask("GET", &uri, &[("Range", "bytes=6-16")]).await;
	assert_eq!(part.status, 206);
	assert_eq!(part.body.as_deref(), Some(&b"application"[..]));
	assert_eq!(part.header("content-range"), "bytes 6-16/30");
	assert_eq!(part.header("content-length"), "11");
	let behind = gateway.ask("GET", &uri, &[("Range", "bytes=30-")]).await;
	assert_eq!(behind.status, 416);
	assert_eq!(behind.header("content-range"), "bytes */30");
	let other = [("Range", "bytes=6-16"), ("If-Range", "\"other\"")];
	assert_eq!(gateway.ask("GET", &uri, &other).await.status, 200);
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
	let tree = tree();
	let (gateway, _) = Gateway::with(&tree.dag.data(&[])).await;
	for format in ["raw", "car", "car&dag-scope=block", "car&entity-bytes=0:5"] {
		let uri = format!("/ipfs/{}?format={format}", tree.multi);
		let etag = gateway.get(&uri).await.header("etag").to_owned();
		for known in [etag.clone(), format!("\"x\", W/{etag}"), "*".into()] {
			let again = gateway.ask("GET", &uri, &[("If-None-Match", &known)]).await;
			assert_eq!(again.status, 304, "{format} {known}");
			assert_eq!(again.body.as_deref(), Some(&b""[..]));
			assert_eq!(again.header("etag"), etag);
		}
		let other = gateway
			.ask("GET", &uri, &[("If-None-Match", "\"other\"")])
			.await;
		assert_eq!(other.status, 200);
	}
}

#[tokio::test]
async fn different_answers_have_different_etags() {
	let tree = tree();
	let (gateway, _) = Gateway::with(&tree.dag.data(&[])).await;
	let root = tree.dag.root;
	let mut etags = Vec::new();
	for rest in [
		"?format=raw",
		"?format=car",
		"?format=car&car-dups=y",
		"?format=car&dag-scope=block",
		"?format=car&dag-scope=entity",
		"?format=car&entity-bytes=0:*",
		"?format=car&entity-bytes=0:5",
		"?format=car&entity-bytes=-5:*",
		"/ascii.txt?format=car",
		"/sub%20dir/ascii.txt?format=car",
		"/sub%20dir/copy.txt?format=car",
	] {
		let answer = gateway
			.ask("HEAD", &format!("/ipfs/{root}{rest}"), &[])
			.await;
		assert_eq!(answer.status, 200, "{rest}");
		etags.push(answer.header("etag").to_owned());
	}
	let count = etags.len();
	etags.sort();
	etags.dedup();
	assert_eq!(etags.len(), count);
}

#[tokio::test]
async fn a_car_has_the_path_and_then_what_it_names() {
	let tree = tree();
	let (gateway, _) = Gateway::with(&tree.dag.data(&[])).await;
	let root = tree.dag.root;
	let at = |rest: &str| format!("/ipfs/{root}{rest}");
	let mut file = vec![root, tree.sub, tree.multi];
	file.extend(&tree.leaves);
	assert_eq!(
		gateway
			.blocks(&at("/sub%20dir/multiblock.txt?format=car"))
			.await,
		file
	);
	assert_eq!(
		gateway
			.blocks(&at("/sub%20dir/multiblock.txt?format=car&dag-scope=entity"))
			.await,
		file
	);
	assert_eq!(
		gateway.blocks(&at("/sub%20dir/ascii.txt?format=car")).await,
		[root, tree.sub, tree.single]
	);
	assert_eq!(
		gateway
			.blocks(&at("/sub%20dir/multiblock.txt?format=car&dag-scope=block"))
			.await,
		[root, tree.sub, tree.multi]
	);
	for scope in ["block", "entity"] {
		assert_eq!(
			gateway
				.blocks(&at(&format!("/sub%20dir?format=car&dag-scope={scope}")))
				.await,
			[root, tree.sub]
		);
	}
	let answer = gateway.get(&at("/sub%20dir/ascii.txt?format=car")).await;
	assert_eq!(
		answer.header("content-type"),
		"application/vnd.ipld.car; version=1; order=dfs; dups=n"
	);
	assert_eq!(
		answer.header("content-disposition"),
		format!("attachment; filename=\"{}.car\"", tree.single)
	);
	assert_eq!(answer.header("x-ipfs-path"), at("/sub%20dir/ascii.txt"));
	assert_eq!(
		answer.header("x-ipfs-roots"),
		format!("{root},{},{}", tree.sub, tree.single)
	);
}

#[tokio::test]
async fn a_path_through_a_sharded_directory_takes_the_shards_on_it() {
	let tree = tree();
	let (gateway, _) = Gateway::with(&tree.dag.data(&[])).await;
	let root = tree.dag.root;
	let path = format!("/ipfs/{root}/many/{:0>90}.txt?format=car", 7);
	let blocks = gateway.blocks(&path).await;
	assert_eq!(blocks[..2], [root, tree.many]);
	assert_eq!(blocks.last(), Some(&tree.single));
	assert!((3..6).contains(&blocks.len()), "{}", blocks.len());
	// All shards, and nothing that the entries name.
	for query in ["dag-scope=entity", "entity-bytes=0:*", "entity-bytes=5:9"] {
		let blocks = gateway
			.blocks(&format!("/ipfs/{}?format=car&{query}", tree.many))
			.await;
		assert!(blocks.len() > 200 && !blocks.contains(&tree.single));
	}
	let all = gateway
		.blocks(&format!("/ipfs/{}?format=car", tree.many))
		.await;
	assert_eq!(all.iter().filter(|cid| **cid == tree.single).count(), 1);
}

#[tokio::test]
async fn bytes_of_a_file_take_the_least_blocks() {
	let tree = tree();
	let (gateway, _) = Gateway::with(&tree.dag.data(&[])).await;
	let cases = [
		("0:*", 0..5),
		("512:*", 2..5),
		("512:1023", 2..4),
		("512:-256", 2..4),
		("-5:*", 3..5),
		("-9999:*", 0..5),
		("-9999:-3", 0..4),
		("0:0", 0..1),
		("1000:99999", 3..5),
		// No bytes at all: the root tells how many there are.
		("800:-900", 0..0),
	];
	for (bytes, leaves) in cases {
		let mut expected = vec![tree.multi];
		expected.extend(&tree.leaves[leaves]);
		let uri = format!(
			"/ipfs/{}?format=car&dag-scope=entity&entity-bytes={bytes}",
			tree.multi
		);
		assert_eq!(gateway.blocks(&uri).await, expected, "{bytes}");
	}
	for outside in ["1026:*", "2000:3000", "-9999:-2000"] {
		let uri = format!("/ipfs/{}?format=car&entity-bytes={outside}", tree.multi);
		assert_eq!(gateway.get(&uri).await.status, 400, "{outside}");
	}
}

#[tokio::test]
async fn bytes_are_found_below_nodes_that_occur_twice() {
	let mut dag = Dag {
		blocks: BTreeMap::new(),
		root: raw_cid(b""),
	};
	let leaves: Vec<_> = (0..3u8).map(|number| dag.leaf(&[number; 10])).collect();
	let node = dag.node(leaves.clone());
	let file = dag.node(vec![node, node]);
	dag.root = file.cid;
	let (gateway, _) = Gateway::with(&dag.data(&[])).await;
	// The end of the first occurrence and the beginning of the second one.
	for (dups, expected) in [
		("n", vec![file, node, leaves[2], leaves[0]]),
		("y", vec![file, node, leaves[2], node, leaves[0]]),
	] {
		let uri = format!(
			"/ipfs/{}?format=car&entity-bytes=25:35&car-dups={dups}",
			file.cid
		);
		let expected: Vec<_> = expected.iter().map(|child| child.cid).collect();
		assert_eq!(gateway.blocks(&uri).await, expected, "{dups}");
	}
}

#[tokio::test]
async fn blocks_are_repeated_only_if_asked_for() {
	let tree = tree();
	let (gateway, _) = Gateway::with(&tree.dag.data(&[])).await;
	let uri = format!("/ipfs/{}?format=car", tree.sub);
	let count = |blocks: &[Cid]| blocks.iter().filter(|cid| **cid == tree.single).count();
	for (accept, dups, times) in [
		(
			"application/vnd.ipld.car; version=1; order=dfs; dups=y",
			"y",
			2,
		),
		(
			"application/vnd.ipld.car; version=1; order=dfs; dups=n",
			"n",
			1,
		),
		("application/vnd.ipld.car; version=1; order=unk", "n", 1),
	] {
		for uri in [&uri, &format!("/ipfs/{}", tree.sub)] {
			let answer = gateway.ask("GET", uri, &[("Accept", accept)]).await;
			assert_eq!(answer.status, 200);
			assert_eq!(
				answer.header("content-type"),
				format!("application/vnd.ipld.car; version=1; order=dfs; dups={dups}")
			);
			assert_eq!(count(&answer.blocks()), times);
		}
	}
	let query_first = [("Accept", "application/vnd.ipld.car; dups=y")];
	let answer = gateway
		.ask("GET", &format!("{uri}&car-dups=n"), &query_first)
		.await;
	assert_eq!(count(&answer.blocks()), 1);
}

#[tokio::test]
async fn what_is_missing_is_told_from_what_is_cut_short() {
	let tree = tree();
	let missing = tree.leaves[2];
	let (gateway, _) = Gateway::with(&tree.dag.data(&[missing])).await;
	let file = |query: &str| format!("/ipfs/{}?format=car{query}", tree.multi);
	// What does not need the block is served.
	for (bytes, leaves) in [("0:511", 0..2), ("768:*", 3..5)] {
		let mut expected = vec![tree.multi];
		expected.extend(&tree.leaves[leaves]);
		assert_eq!(
			gateway
				.blocks(&file(&format!("&entity-bytes={bytes}")))
				.await,
			expected
		);
	}
	// The answer has begun when the block is found missing: it breaks off.
	let answer = gateway.get(&file("")).await;
	assert_eq!(answer.status, 200);
	assert_eq!(answer.body, None);
	for (uri, status) in [
		(format!("/ipfs/{missing}?format=raw"), 404),
		(format!("/ipfs/{missing}?format=car"), 404),
		(
			format!("/ipfs/{}/sub%20dir/none?format=car", tree.dag.root),
			404,
		),
		(format!("/ipfs/{}/x?format=car", tree.single), 404),
		(
			"/ipfs/bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk?format=raw".into(),
			400,
		),
		("/ipfs/x?format=raw".into(), 400),
		(format!("/ipfs/{}", tree.single), 400),
		(format!("/ipfs/{}?format=tar", tree.single), 400),
		(
			format!("/ipfs/{}?format=car&dag-scope=none", tree.single),
			400,
		),
		(format!("/ipfs/{}/sub%20dir?format=raw", tree.dag.root), 406),
		(
			format!("/ipfs/{}/{}?format=car", tree.dag.root, "a/".repeat(65)),
			404,
		),
		("/ipfs/".into(), 404),
	] {
		assert_eq!(gateway.get(&uri).await.status, status, "{uri}");
	}
	for accept in ["text/html", "*/*", "application/vnd.ipld.car; version=2"] {
		let uri = format!("/ipfs/{}", tree.single);
		let answer = gateway.ask("GET", &uri, &[("Accept", accept)]).await;
		assert_eq!(answer.status, 406, "{accept}");
	}
	let cached = [("Cache-Control", "no-transform, only-if-cached")];
	let uri = format!("/ipfs/{missing}?format=raw");
	assert_eq!(gateway.ask("GET", &uri, &cached).await.status, 412);
	assert_eq!(
		gateway.ask("POST", &uri, &[]).await.status,
		StatusCode::METHOD_NOT_ALLOWED
	);
}

#[tokio::test]
async fn what_stands_for_itself_is_never_a_block_of_a_car() {
	let tree = tree();
	let (gateway, _) = Gateway::with(&tree.dag.data(&[])).await;
	for probe in ["bafkqaaa", "bafkqaf3imvwgy3zaneqgc3janfxgy2lomvscay3jmqfa"] {
		let raw = gateway.get(&format!("/ipfs/{probe}?format=raw")).await;
		assert_eq!(raw.status, 200);
		let expected: &[u8] = match probe {
			"bafkqaaa" => b"",
			_ => b"hello i am inlined cid\n",
		};
		assert_eq!(raw.body.as_deref().map(<[u8]>::len), Some(expected.len()));
		let car = gateway
			.ask(
				"GET",
				&format!("/ipfs/{probe}"),
				&[("Accept", "application/vnd.ipld.car; dups=y")],
			)
			.await;
		assert_eq!(car.status, 200);
		assert!(car.header("content-type").contains("dups=y"));
		assert!(car.blocks().is_empty());
		let head = gateway
			.ask("HEAD", &format!("/ipfs/{probe}?format=car"), &[])
			.await;
		assert_eq!(head.status, 200);
	}
}

#[tokio::test]
async fn a_block_is_found_under_both_versions_of_its_name() {
	let tree = tree();
	let (gateway, _) = Gateway::with(&tree.dag.data(&[])).await;
	let zeroth = Cid::new_v0(*tree.multi.hash()).unwrap();
	let by_one = gateway
		.get(&format!("/ipfs/{}?format=raw", tree.multi))
		.await;
	let by_zero = gateway.get(&format!("/ipfs/{zeroth}?format=raw")).await;
	assert_eq!(by_zero.status, 200);
	assert_eq!(by_zero.body, by_one.body);
}

#[tokio::test]
async fn what_was_here_once_is_gone() {
	let tree = tree();
	let data = tree.dag.data(&[]);
	let (gateway, id) = Gateway::with(&data).await;
	let database = &gateway.fixture.app.database;
	let event = DealEvent {
		state: DealState::Publishing,
		at: 1,
		block: None,
		extrinsic: None,
	};
	assert!(database
		.move_deal(&id, DealState::Accepted, &event)
		.await
		.unwrap());
	database.deal_published(&id, 7, &event).await.unwrap();
	let piece = data.piece.commitment.to_hex();
	let uris = [
		format!("/ipfs/{}?format=raw", tree.dag.root),
		format!("/ipfs/{}?format=car", tree.dag.root),
		format!("/v1/pieces/{piece}"),
	];
	for uri in &uris {
		assert_eq!(gateway.get(uri).await.status, 200, "{uri}");
	}
	database
		.end_deal(&id, DealState::Completed, None, 2)
		.await
		.unwrap();
	database.forget_blocks(&piece).await.unwrap();
	for uri in &uris {
		assert_eq!(gateway.get(uri).await.status, 410, "{uri}");
	}
	let other = format!("/ipfs/{}?format=raw", tree.single);
	assert_eq!(gateway.get(&other).await.status, 404);
}

#[tokio::test]
async fn a_client_that_stops_reading_holds_no_memory() {
	let mut dag = Dag {
		blocks: BTreeMap::new(),
		root: raw_cid(b""),
	};
	let leaves: Vec<_> = (0..60u8)
		.map(|number| dag.leaf(&vec![number; 100_000]))
		.collect();
	let file = dag.node(leaves);
	dag.root = file.cid;
	let (gateway, _) = Gateway::with(&dag.data(&[])).await;
	let monitor = &gateway.fixture.app.monitor;
	let request = Request::get(format!("/ipfs/{}?format=car", file.cid))
		.body(Body::empty())
		.unwrap();
	let response = gateway.router.clone().oneshot(request).await.unwrap();
	let mut body = response.into_body().into_data_stream();
	// The header and the root, and then one leaf at a time: nothing is read that was not asked for.
	for taken in 0..10 {
		let chunk = body.next().await.unwrap().unwrap();
		assert!(chunk.len() < 101_000);
		let read = monitor.counts().blocks_served;
		assert!(read <= taken.max(1), "{read} blocks for {taken} chunks");
	}
	drop(body);
	assert!(monitor.counts().bytes_served < 1_000_000);
	// Nor does one that only asks for the headers.
	let before = monitor.counts().blocks_served;
	let uri = format!("/ipfs/{}?format=car", file.cid);
	gateway.ask("HEAD", &uri, &[]).await;
	assert_eq!(monitor.counts().blocks_served, before + 1);
}

#[tokio::test]
async fn paths_cannot_leave_the_dag() {
	let tree = tree();
	let (gateway, _) = Gateway::with(&tree.dag.data(&[])).await;
	let secret = gateway.fixture.folder.path().join("secret");
	std::fs::write(&secret, "what nobody may see").unwrap();
	for path in [
		"/ipfs/../secret?format=raw".to_owned(),
		"/ipfs/%2e%2e%2fsecret?format=raw".to_owned(),
		format!("/ipfs/{}/../../secret?format=car", tree.dag.root),
		format!("/ipfs/{}/%2e%2e/secret?format=car", tree.dag.root),
		"/v1/pieces/..%2fsecret".to_owned(),
		"/v1/pieces/%2fetc%2fpasswd".to_owned(),
		"/v1/deals/..%2f..%2fsecret".to_owned(),
		"//etc/passwd".to_owned(),
	] {
		let answer = gateway.get(&path).await;
		assert!(matches!(answer.status.as_u16(), 400 | 404), "{path}");
		let body = answer.body.unwrap();
		assert!(!body.windows(6).any(|part| part == b"nobody"), "{path}");
	}
}
