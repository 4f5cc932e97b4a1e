//! A node of few words: one fork, one account, and a script of what becomes of each transaction.

use std::{
	collections::VecDeque,
	sync::{Arc, Mutex, MutexGuard},
};

use codec::{Compact, Decode, Encode};
use futures::{stream, FutureExt, StreamExt};
use serde_json::{json, value::RawValue, Value};
use subxt::rpcs::{
	client::{RawRpcFuture, RawRpcSubscription, RpcClient, RpcClientT},
	Error, UserError,
};

use crate::{sender::LIFETIME, ChainClient};

const METADATA: &[u8] = include_bytes!("../../../metadata.scale");

/// What becomes of a transaction.
#[derive(Clone, Debug)]
pub(super) enum Then {
	/// It is in the next block, and the pool says so.
	Include,
	/// It is in the next block and fails with this dispatch error.
	Fail(Vec<u8>),
	/// It is in the next block, but the connection is lost before that is said.
	IncludeUnseen,
	/// Another transaction with its nonce is in the next block.
	Usurp,
	/// The pool drops it.
	Forget,
	/// Nothing, until it cannot be included any more.
	Expire,
	/// The pool refuses it with this code and detail.
	Refuse(i32, &'static str),
}

#[derive(Default)]
struct State {
	/// The extrinsics and events of each block.
	blocks: Vec<(Vec<Vec<u8>>, Vec<u8>)>,
	/// The account's nonce after each block.
	nonces: Vec<u32>,
	script: VecDeque<Then>,
	sent: Vec<Vec<u8>>,
	included: usize,
	/// Whether the pool's count does not see what the pool holds.
	lags: bool,
}

#[derive(Clone)]
pub(super) struct Node {
	state: Arc<Mutex<State>>,
}

impl Node {
	/// A node whose chain has some blocks. What the script does not say is [`Then::Include`].
	pub(super) fn new(script: impl IntoIterator<Item = Then>) -> Self {
		let node = Self {
			state: Arc::default(),
		};
		node.state().script = script.into_iter().collect();
		for _ in 0..=20 {
			node.state().make_block(None, None);
		}
		node
	}

	pub(super) async fn connect(&self) -> ChainClient {
		ChainClient::over("test", RpcClient::new(self.clone()))
			.await
			.unwrap()
	}

	pub(super) fn lag(&self) {
		self.state().lags = true;
	}

	pub(super) fn best(&self) -> u32 {
		self.state().best()
	}

	/// The hash of a block.
	pub(super) fn hash(number: u32) -> [u8; 32] {
		let mut hash = [0xbb; 32];
		hash[..4].copy_from_slice(&number.to_le_bytes());
		hash
	}

	/// What was handed to the pool.
	pub(super) fn sent(&self) -> Vec<Vec<u8>> {
		self.state().sent.clone()
	}

	/// The nonces of what was handed to the pool.
	pub(super) fn nonces(&self) -> Vec<u64> {
		self.sent().iter().map(|bytes| nonce(bytes)).collect()
	}

	/// How many transactions are in the chain.
	pub(super) fn included(&self) -> usize {
		self.state().included
	}

	fn state(&self) -> MutexGuard<'_, State> {
		self.state.lock().unwrap()
	}
}

impl State {
	fn best(&self) -> u32 {
		u32::try_from(self.blocks.len()).unwrap() - 1
	}

	/// Makes a block with an inherent, and with a transaction, which may fail.
	fn make_block(&mut self, transaction: Option<&[u8]>, failure: Option<&[u8]>) -> u32 {
		let mut extrinsics = vec![vec![4, 4]];
		let mut events = Vec::new();
		let mut nonce = self.nonces.last().copied().unwrap_or_default();
		if let Some(bytes) = transaction {
			extrinsics.push(bytes.to_vec());
			self.included += 1;
			nonce += 1;
			// `System.ExtrinsicSuccess` or `System.ExtrinsicFailed` of extrinsic 1.
			let info = (Compact(1u64), Compact(2u64), 0u8, 0u8);
			events = (Compact(1u32), 0u8, 1u32, 0u8, u8::from(failure.is_some())).encode();
			events.extend_from_slice(failure.unwrap_or_default());
			info.encode_to(&mut events);
			Vec::<[u8; 32]>::new().encode_to(&mut events);
		}
		self.blocks.push((extrinsics, events));
		self.nonces.push(nonce);
		self.best()
	}

	/// What the pool says after it has taken a transaction.
	fn take(&mut self, bytes: &[u8]) -> Result<Vec<Value>, UserError> {
		self.sent.push(bytes.to_vec());
		let in_block = |number| json!({"inBlock": hex(&Node::hash(number))});
		let then = self.script.pop_front().unwrap_or(Then::Include);
		Ok(match then {
			Then::Include => vec![json!("ready"), in_block(self.make_block(Some(bytes), None))],
			Then::Fail(error) => vec![in_block(self.make_block(Some(bytes), Some(&error)))],
			Then::IncludeUnseen => {
				self.make_block(Some(bytes), None);
				vec![json!("ready")]
			},
			Then::Usurp => {
				self.make_block(Some(b"another"), None);
				vec![json!("ready"), json!({"usurped": hex(&[7; 32])})]
			},
			Then::Forget => vec![json!("ready"), json!("dropped")],
			Then::Expire => {
				for _ in 0..=LIFETIME {
					self.make_block(None, None);
				}
				vec![json!("ready"), json!("invalid")]
			},
			Then::Refuse(code, detail) => {
				return Err(serde_json::from_value(json!({
					"code": code,
					"message": "Invalid Transaction",
					"data": detail,
				}))
				.unwrap());
			},
		})
	}

	fn number(&self, hash: &Value) -> Option<usize> {
		let hash = bytes(hash);
		(0..=self.best())
			.find(|number| Node::hash(*number)[..] == hash)
			.map(|number| number as usize)
	}

	fn header(&self, number: usize) -> Value {
		let zero = hex(&[0; 32]);
		json!({
			"parentHash": zero,
			"number": format!("{number:#x}"),
			"stateRoot": zero,
			"extrinsicsRoot": zero,
			"digest": {"logs": []},
		})
	}

	fn answer(&self, method: &str, params: &[Value]) -> Value {
		let best_hash = || json!(hex(&Node::hash(self.best())));
		match method {
			"chain_getBlockHash" => match params.first().and_then(Value::as_u64) {
				None => best_hash(),
				Some(number) if number <= self.best().into() => {
					json!(hex(&Node::hash(u32::try_from(number).unwrap())))
				},
				Some(_) => Value::Null,
			},
			"chain_getFinalizedHead" => best_hash(),
			"chain_getHeader" => self
				.number(&params[0])
				.map_or(Value::Null, |number| self.header(number)),
			"chain_getBlock" => self.number(&params[0]).map_or(Value::Null, |number| {
				let extrinsics: Vec<String> = self.blocks[number]
					.0
					.iter()
					.map(|bytes| hex(bytes))
					.collect();
				json!({
					"block": {"header": self.header(number), "extrinsics": extrinsics},
					"justifications": null,
				})
			}),
			"state_getStorage" => {
				let number = self.number(&params[1]).unwrap();
				json!(hex(&self.blocks[number].1))
			},
			"system_accountNextIndex" => match self.lags {
				true => json!(0),
				false => json!(self.nonces.last()),
			},
			"state_call" => {
				let at = self.number(&params[2]).unwrap();
				json!(hex(&self.runtime(params[0].as_str().unwrap(), at)))
			},
			other => panic!("the test node does not know {other}"),
		}
	}

	fn runtime(&self, function: &str, at: usize) -> Vec<u8> {
		match function {
			"Core_version" => (
				("holdfast", "holdfast", 1u32, 1u32, 1u32),
				Vec::<([u8; 8], u32)>::new(),
				1u32,
				1u8,
			)
				.encode(),
			// The version is the byte after the magic number.
			"Metadata_metadata_versions" => vec![u32::from(METADATA[4])].encode(),
			"Metadata_metadata_at_version" => Some(METADATA.to_vec()).encode(),
			"AccountNonceApi_account_nonce" => self.nonces[at].encode(),
			other => panic!("the test node does not know {other}"),
		}
	}
}

impl RpcClientT for Node {
	fn request_raw<'a>(
		&'a self,
		method: &'a str,
		params: Option<Box<RawValue>>,
	) -> RawRpcFuture<'a, Box<RawValue>> {
		let answer = self.state().answer(method, &list(params));
		async move { Ok(serde_json::value::to_raw_value(&answer).unwrap()) }.boxed()
	}

	fn subscribe_raw<'a>(
		&'a self,
		method: &'a str,
		params: Option<Box<RawValue>>,
		_: &'a str,
	) -> RawRpcFuture<'a, RawRpcSubscription> {
		assert_eq!(method, "author_submitAndWatchExtrinsic");
		let taken = self.state().take(&bytes(&list(params)[0]));
		async move {
			let statuses = taken.map_err(Error::User)?;
			let lost = Error::DisconnectedWillReconnect("lost".to_owned());
			let statuses = statuses
				.into_iter()
				.map(|status| Ok(serde_json::value::to_raw_value(&status).unwrap()))
				.chain([Err(lost)]);
			Ok(RawRpcSubscription {
				stream: stream::iter(statuses.collect::<Vec<_>>()).boxed(),
				id: None,
			})
		}
		.boxed()
	}
}

fn list(params: Option<Box<RawValue>>) -> Vec<Value> {
	params.map_or_else(Vec::new, |params| {
		serde_json::from_str(params.get()).unwrap()
	})
}

fn hex(bytes: &[u8]) -> String {
	format!("0x{}", const_hex::encode(bytes))
}

fn bytes(value: &Value) -> Vec<u8> {
	const_hex::decode(value.as_str().unwrap()).unwrap()
}

/// The nonce of a signed transaction of version 4: after its length, version, address, signature and
/// era.
fn nonce(bytes: &[u8]) -> u64 {
	let mut input = bytes;
	Compact::<u32>::decode(&mut input).unwrap();
	let mut input = &input[1 + 33 + 65 + 2..];
	Compact::<u64>::decode(&mut input).unwrap().0
}
