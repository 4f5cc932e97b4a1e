// Chopsticks forks the chain with the configuration beside this file, and builds blocks on the fork.

import assert from 'node:assert/strict'
import path from 'node:path'
import { after, before, test } from 'node:test'

import { ApiPromise, Keyring, WsProvider } from '@polkadot/api'

import { Chain, freePort, rpc, start, until } from './chain.mjs'
import { HOLD } from './deals.mjs'

let chain
let fork
let port
let api

before(async () => {
	chain = await Chain.start()
	port = await freePort()
	const program = path.join(import.meta.dirname, 'node_modules/.bin/chopsticks')
	const args = [
		`--config=${import.meta.dirname}/chopsticks.yml`,
		`--endpoint=${chain.url}`,
		`--port=${port}`,
	]
	fork = start(program, args, path.join(chain.folder, 'chopsticks.log'))
	await until('the fork answers', () => fork.running() && rpc(port, 'chain_getHeader'))
	api = await ApiPromise.create({
		provider: new WsProvider(`ws://127.0.0.1:${port}`),
		noInitWarn: true,
	})
})

after(async () => {
	await api?.disconnect()
	await fork?.end()
	await chain?.end()
})

const number = async (of) => Number((await rpc(of, 'chain_getHeader')).number)

test('the fork begins with a block of the chain', async () => {
	const head = await number(port)
	assert.equal(
		await rpc(port, 'chain_getBlockHash', head),
		await rpc(chain.port, 'chain_getBlockHash', head),
	)
})

test('a block is built on the fork, and not on the chain', async () => {
	const head = await number(port)
	const hash = await rpc(port, 'dev_newBlock')
	assert.equal(await number(port), head + 1)
	await chain.advance(2)
	assert.notEqual(await rpc(chain.port, 'chain_getBlockHash', head + 1), hash)
})

test('a call is tried on the fork with anybody for its sender', async () => {
	const alice = new Keyring({ type: 'sr25519' }).addFromUri('//Alice')
	const call = api.tx.market.deposit(1_000_000n * HOLD)
	const { nonce } = await api.query.system.account(alice.address)
	call.signFake(alice.address, {
		blockHash: api.genesisHash,
		genesisHash: api.genesisHash,
		nonce,
		runtimeVersion: api.runtimeVersion,
	})
	const mocked = new Uint8Array(64).fill(0xcd)
	mocked.set([0xde, 0xad, 0xbe, 0xef])
	call.signature.set(mocked)
	await rpc(port, 'author_submitExtrinsic', call.toHex())
	const holds = await until('the deposit', async () => {
		const found = await api.query.balances.holds(alice.address)
		return found.length > 0 && found
	})
	assert.equal(holds[0].amount.toBigInt(), 1_000_000n * HOLD)
	const original = await ApiPromise.create({ provider: new WsProvider(chain.url), noInitWarn: true })
	assert.equal((await original.query.balances.holds(alice.address)).length, 0)
	await original.disconnect()
})
