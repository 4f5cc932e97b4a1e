// What the tutorial docs/tutorials/run-a-collator.md has a person do in polkadot-js apps: Bob owns the session
// key of the file, and becomes a candidate. Needs the tutorial's network.

import assert from 'node:assert/strict'
import fs from 'node:fs'

import { ApiPromise, Keyring, WsProvider } from '@polkadot/api'

const { keys, proof } = JSON.parse(fs.readFileSync(process.argv[2])).result
const api = await ApiPromise.create({ provider: new WsProvider('ws://127.0.0.1:9944'), noInitWarn: true })
const keyring = new Keyring({ type: 'sr25519', ss58Format: api.registry.chainSS58 })
const [alice, bob] = ['//Alice', '//Bob'].map((uri) => keyring.addFromUri(uri))

/** Sends a call and waits until its block is final, which the relay chain's validators decide. */
function send(call, signer) {
	return new Promise((resolve, reject) => {
		const watch = ({ status, dispatchError, events }) => {
			if (!status.isFinalized) return
			const inner = events.find(({ event }) => api.events.sudo.Sudid.is(event))?.event.data[0]
			const error = dispatchError ?? (inner?.isErr ? inner.asErr : undefined)
			if (error) reject(new Error(error.isModule ? api.registry.findMetaError(error.asModule).name : `${error}`))
			resolve()
		}
		call.signAndSend(signer, watch).catch(reject)
	})
}

await send(api.tx.session.setKeys(keys, proof), bob)
await send(api.tx.sudo.sudo(api.tx.collatorSelection.setDesiredCandidates(1)), alice)
await send(api.tx.collatorSelection.registerAsCandidate(), bob)

const candidates = await api.query.collatorSelection.candidateList()
assert.deepEqual(candidates.map(({ who }) => who.toString()), [bob.address])
const next = await api.query.session.nextKeys(bob.address)
assert.equal(next.unwrap().toHex(), keys)
await api.disconnect()
