// The tutorial docs/tutorials/propose-a-deal.md, with a provider of a development network: what it has for
// the console of polkadot-js apps is run as it is written there.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'

import { ApiPromise, Keyring, WsProvider } from '@polkadot/api'
import * as util from '@polkadot/util'

import { freePort, start, until } from './chain.mjs'
import { HOLD } from './deals.mjs'

const { HOLDFAST_PROGRAMS: programs, HOLDFAST_SOURCES: sources } = process.env
const holdfast = path.join(programs, 'holdfast')

let folder
let network
let api
let provider

before(async () => {
	folder = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-propose-'))
	const [node, listen] = [await freePort(), await freePort()]
	provider = `http://127.0.0.1:${listen}`
	const args = ['devnet', `--base=${folder}/net`, `--node-port=${node}`, `--provider-port=${listen}`]
	network = start(holdfast, args, path.join(folder, 'log'))
	await until('the provider answers', () => network.running() && fetch(`${provider}/v1/info`), 180_000)
	api = await ApiPromise.create({
		provider: new WsProvider(`ws://127.0.0.1:${node}`),
		noInitWarn: true,
	})
})

after(async () => {
	await api?.disconnect()
	await network?.end()
	fs.rmSync(folder, { recursive: true, force: true })
})

test('a deal that a wallet signed is taken, and its file comes back', async () => {
	const file = path.join(folder, 'photo.jpg')
	const car = path.join(folder, 'photo.car')
	fs.writeFileSync(file, 'all of a photograph '.repeat(5000))
	const json = (...args) => JSON.parse(execFileSync(holdfast, [...args, '--json'], { encoding: 'utf8' }))
	const { root } = json('car', 'create', '--no-wrap', '--file', car, file)
	const piece = json('piece', 'commitment', car)

	const alice = new Keyring({ type: 'sr25519', ss58Format: 42 }).addFromUri('//Alice')
	await new Promise((resolve, reject) => {
		const deposited = ({ status }) => status.isFinalized && resolve()
		api.tx.market.deposit(5n * HOLD).signAndSend(alice, deposited).catch(reject)
	})
	const [account] = await until('the provider registers', async () => {
		const keys = await api.query.storageProvider.providers.keys()
		return keys.length > 0 && keys[0].args
	})

	const tutorial = fs.readFileSync(path.join(sources, 'docs/tutorials/propose-a-deal.md'), 'utf8')
	const script = /```js\n([\s\S]*?)```/
		.exec(tutorial)[1]
		.replace("commitment: '0x…', size: 8388608", `commitment: '0x${piece.commitment}', size: ${piece.paddedBytes}`)
		.replace("client: '5…'", `client: '${alice.address}'`)
		.replace("provider: '5…'", `provider: '${account}'`)
	assert.doesNotMatch(script, /…/)
	const said = {}
	const log = (name, value) => (said[name] = value)
	const AsyncFunction = (async () => {}).constructor
	await new AsyncFunction('api', 'util', 'console', script)(api, util, { log })

	const signature = alice.sign(util.u8aWrapBytes(said['to sign']))
	const offered = await fetch(`${provider}/v1/deals`, {
		method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: JSON.stringify({
			proposal: said.proposal,
			signature: util.u8aToHex(signature),
			root,
			payloadBytes: piece.payloadBytes,
		}),
	})
	const { id, uploadToken, error } = await offered.json()
	assert.equal(offered.status, 201, error)
	const uploaded = await fetch(`${provider}/v1/deals/${id}/data`, {
		method: 'PATCH',
		headers: {
			authorization: `Bearer ${uploadToken}`,
			'upload-offset': '0',
			'content-type': 'application/octet-stream',
		},
		body: fs.readFileSync(car),
	})
	assert.equal(uploaded.status, 200, await uploaded.text())

	const deal = await until('the deal is published', async () => {
		const { dealId } = await (await fetch(`${provider}/v1/deals/${id}`)).json()
		return dealId !== undefined && (await api.query.market.deals(dealId)).unwrapOr(undefined)
	})
	assert.equal(deal.client.toString(), alice.address)

	const fetched = path.join(folder, 'fetched')
	execFileSync(holdfast, ['get', root, '--from', provider, '--output', fetched])
	assert.deepEqual(fs.readFileSync(fetched), fs.readFileSync(file))
})
