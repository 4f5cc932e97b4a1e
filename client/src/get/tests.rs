//! Downloads from a provider that misbehaves.

use super::*;
use crate::ticket::TicketShard;
use holdfast_data::pack;
use holdfast_primitives::{CommP, PaddedPieceSize, PieceInfo};
use std::{
	io::{Cursor, Write},
	net::TcpListener,
	sync::{Arc, Mutex},
};

/// A file of three shards, and a server that sends their CARs.
struct Served {
	ticket: Ticket,
	file: Vec<u8>,
	cars: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// Serves pieces over HTTP/1.1. `break_after` closes the first connection after so many bytes.
fn serve(size: usize, break_after: Option<usize>) -> Served {
	let file: Vec<u8> = (0..size)
		.map(|index| (index / 7 % 251).to_le_bytes()[0])
		.collect();
	let package = pack(Cursor::new(&file), 2_200_000, &mut |_| ()).unwrap();
	let cars = package
		.shards
		.iter()
		.map(|shard| {
			let mut car = Vec::new();
			shard
				.layout
				.open_at(Cursor::new(&file), 0)
				.read_to_end(&mut car)
				.unwrap();
			(shard.piece, car)
		})
		.collect();
	let (shards, cars) = serve_cars(cars, break_after);
	let ticket = Ticket {
		root: package.root,
		name: "file".into(),
		size: package.file_bytes,
		shards,
		folder: None,
	};
	Served { ticket, file, cars }
}

type Cars = Arc<Mutex<Vec<Vec<u8>>>>;

fn serve_cars(
	pieces: Vec<(holdfast_data::Piece, Vec<u8>)>,
	break_after: Option<usize>,
) -> (Vec<TicketShard>, Cars) {
	let listener = TcpListener::bind("127.0.0.1:0").unwrap();
	let url = format!("http://{}", listener.local_addr().unwrap());
	let shards = pieces
		.iter()
		.map(|(piece, car)| TicketShard {
			piece: PieceInfo {
				commitment: CommP(piece.commitment),
				size: PaddedPieceSize::new(piece.padded_bytes).unwrap(),
			},
			car_bytes: car.len().try_into().unwrap(),
			provider: [0; 32],
			url: url.clone(),
			deal: 0,
		})
		.collect::<Vec<_>>();
	let cars: Vec<_> = pieces.into_iter().map(|(_, car)| car).collect();
	let names: Vec<String> = shards
		.iter()
		.map(|shard| shard.piece.commitment.to_hex())
		.collect();
	let shared = Arc::new(Mutex::new(cars));
	let served = Arc::clone(&shared);
	std::thread::spawn(move || {
		let mut budget = break_after;
		for stream in listener.incoming() {
			let mut stream = stream.unwrap();
			let mut request = Vec::new();
			let mut byte = [0];
			while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
				request.push(byte[0]);
			}
			let request = String::from_utf8_lossy(&request).to_lowercase();
			let Some(index) = names
				.iter()
				.position(|name| request.contains(name.as_str()))
			else {
				continue;
			};
			let start = request
				.split_once("range: bytes=")
				.and_then(|(_, rest)| rest.split('-').next())
				.map_or(0, |text| text.parse::<usize>().unwrap());
			let body = served.lock().unwrap()[index][start..].to_vec();
			let head = format!(
				"HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
				body.len()
			);
			let end = budget.take().unwrap_or(body.len()).min(body.len());
			let _ = stream.write_all(head.as_bytes());
			let _ = stream.write_all(&body[..end]);
		}
	});
	(shards, shared)
}

/// A folder with a large file, a small one and a link, and its ticket.
fn serve_folder(break_after: Option<usize>) -> (tempfile::TempDir, Ticket, Cars) {
	let folder = tempfile::tempdir().unwrap();
	fs::create_dir(folder.path().join("sub")).unwrap();
	let large: Vec<u8> = (0..3_500_000usize)
		.map(|index| (index / 11 % 241).to_le_bytes()[0])
		.collect();
	fs::write(folder.path().join("a large one"), large).unwrap();
	fs::write(folder.path().join("sub/small"), "small").unwrap();
	std::os::unix::fs::symlink("sub/small", folder.path().join("z")).unwrap();
	let package =
		holdfast_data::folder::pack_folder(folder.path(), false, 2_200_000, &mut |_| ()).unwrap();
	let cars = package.shards.iter().map(|shard| {
		let mut car = Vec::new();
		shard.layout.open_at(0).read_to_end(&mut car).unwrap();
		(shard.piece, car)
	});
	let (shards, cars) = serve_cars(cars.collect(), break_after);
	let ticket = Ticket {
		root: package.root,
		name: "folder".into(),
		size: package.file_bytes,
		shards,
		folder: Some(crate::ticket::FolderNodes {
			shard: package.nodes.shard.try_into().unwrap(),
			offset: package.nodes.offset,
		}),
	};
	(folder, ticket, cars)
}

fn read(path: &Path) -> Vec<u8> {
	fs::read(path).unwrap()
}

fn options(folder: &Path) -> GetOptions {
	GetOptions {
		output: Some(folder.join("file")),
		..GetOptions::default()
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_several_pieces_comes_back_as_one() {
	let served = serve(5_000_000, None);
	let folder = tempfile::tempdir().unwrap();
	assert!(served.ticket.shards.len() > 2);
	let path = get(&served.ticket, &options(folder.path()), &|_| ())
		.await
		.unwrap();
	assert_eq!(read(&path), served.file);
	assert!(!partial_path(&path).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_is_taken_up_where_it_broke() {
	let served = serve(3_000_000, Some(1_500_000));
	let folder = tempfile::tempdir().unwrap();
	let retries = Mutex::new(0);
	let path = get(&served.ticket, &options(folder.path()), &|event| {
		if matches!(event, GetEvent::Retrying { .. }) {
			*retries.lock().unwrap() += 1;
		}
	})
	.await
	.unwrap();
	assert_eq!(read(&path), served.file);
	assert_eq!(*retries.lock().unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_download_keeps_what_is_whole() {
	let served = serve(5_000_000, None);
	let folder = tempfile::tempdir().unwrap();
	let target = folder.path().join("file");
	fs::write(partial_path(&target), &served.file[..2_500_000]).unwrap();
	let resumed = Mutex::new(0);
	let path = get(&served.ticket, &options(folder.path()), &|event| {
		if let GetEvent::Resumed { bytes } = event {
			*resumed.lock().unwrap() = bytes;
		}
	})
	.await
	.unwrap();
	assert_eq!(read(&path), served.file);
	assert_eq!(*resumed.lock().unwrap(), 2 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_byte_is_refused_and_no_file_appears() {
	let served = serve(3_000_000, None);
	served.cars.lock().unwrap()[1][100_000] ^= 1;
	let folder = tempfile::tempdir().unwrap();
	let error = get(&served.ticket, &options(folder.path()), &|_| ())
		.await
		.unwrap_err();
	assert!(error.is_refusal(), "{error}");
	assert!(!folder.path().join("file").exists());
	// Once the provider sends the right bytes, the same download succeeds.
	served.cars.lock().unwrap()[1][100_000] ^= 1;
	let path = get(&served.ticket, &options(folder.path()), &|_| ())
		.await
		.unwrap();
	assert_eq!(read(&path), served.file);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_not_replaced_unasked() {
	let served = serve(10, None);
	let folder = tempfile::tempdir().unwrap();
	fs::write(folder.path().join("file"), b"mine").unwrap();
	let error = get(&served.ticket, &options(folder.path()), &|_| ())
		.await
		.unwrap_err();
	assert!(matches!(error, GetError::Exists(_)));
	assert_eq!(read(&folder.path().join("file")), b"mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_comes_back_and_so_does_what_a_path_names() {
	for break_after in [None, Some(1_000_000)] {
		let (source, ticket, _) = serve_folder(break_after);
		let folder = tempfile::tempdir().unwrap();
		let options = |path: &str, name: &str| GetOptions {
			path: path.into(),
			output: Some(folder.path().join(name)),
			overwrite: false,
		};
		let all = get(&ticket, &options("", "all"), &|_| ()).await.unwrap();
		for name in ["a large one", "sub/small"] {
			assert_eq!(read(&all.join(name)), read(&source.path().join(name)));
		}
		let target = fs::read_link(all.join("z")).unwrap();
		assert_eq!(target, Path::new("sub/small"));
		assert!(!partial_path(&all).exists());
		let one = get(&ticket, &options("sub/small", "one"), &|_| ())
			.await
			.unwrap();
		assert_eq!(read(&one), b"small");
		let none = get(&ticket, &options("sub/none", "none"), &|_| ()).await;
		assert!(matches!(none, Err(GetError::Folder(_))));
		assert!(!folder.path().join("none").exists());
		let again = get(&ticket, &options("", "all"), &|_| ()).await;
		assert!(matches!(again, Err(GetError::Exists(_))));
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_byte_in_a_folder_is_refused() {
	let (_source, ticket, cars) = serve_folder(None);
	cars.lock().unwrap()[0][1_000_000] ^= 1;
	let folder = tempfile::tempdir().unwrap();
	let error = get(&ticket, &options(folder.path()), &|_| ())
		.await
		.unwrap_err();
	assert!(error.is_refusal(), "{error}");
	assert!(!folder.path().join("file").exists());
	// What was whole is kept, and the rest comes once the provider sends the right bytes.
	cars.lock().unwrap()[0][1_000_000] ^= 1;
	let path = get(&ticket, &options(folder.path()), &|_| ())
		.await
		.unwrap();
	assert_eq!(read(&path.join("sub/small")), b"small");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_files_ticket_has_no_paths() {
	let served = serve(10, None);
	let options = GetOptions {
		path: "a".into(),
		..GetOptions::default()
	};
	let error = get(&served.ticket, &options, &|_| ()).await.unwrap_err();
	assert!(matches!(error, GetError::Path(_)), "{error}");
}
