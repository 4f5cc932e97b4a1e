// What a hardware wallet relies on (RFC-0078): it shows a call by the metadata that it is given, and signs
// that metadata's digest with the call. Only a runtime that knows the digest of its own can check it: the code
// of a release, which HOLDFAST_RELEASE_RUNTIME names.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'

import { ApiPromise, Keyring, WsProvider } from '@polkadot/api'
import { u8aToHex } from '@polkadot/util'
import { merkleizeMetadata } from '@polkadot-api/merkleize-metadata'

import { Chain } from './chain.mjs'

const { HOLDFAST_PROGRAMS: programs, HOLDFAST_SOURCES: sources, HOLDFAST_RELEASE_RUNTIME: code } = process.env

/** A chain and its metadata, as a wallet sees them. */
class Wallet {
	/** Starts a chain for as long as the test runs. */
	static async on(specification, context) {
		const wallet = new Wallet()
		const chain = await Chain.start(specification)
		context.after(async () => {
			await wallet.api?.disconnect()
			await chain.end()
		})
		wallet.api = await ApiPromise.create({ provider: new WsProvider(chain.url), noInitWarn: true })
		const ss58Format = wallet.api.registry.chainSS58
		wallet.alice = new Keyring({ type: 'sr25519', ss58Format }).addFromUri('//Alice')
		wallet.metadata = (await wallet.api.call.metadata.metadataAtVersion(15)).unwrap().toU8a(true)
		return wallet
	}

	/** The digest of the metadata and of how the token is called, but for what is said to be otherwise. */
	digest(changes = {}) {
		const { registry, runtimeVersion } = this.api
		const digest = merkleizeMetadata(this.metadata, {
			base58Prefix: registry.chainSS58,
			decimals: registry.chainDecimals[0],
			specName: runtimeVersion.specName.toString(),
			specVersion: runtimeVersion.specVersion.toNumber(),
			tokenSymbol: registry.chainTokens[0],
			...changes,
		}).digest()
		return u8aToHex(digest)
	}

	/** Sends a call that is signed together with a digest, and waits for its block. */
	submit(metadataHash) {
		return new Promise((resolve, reject) => {
			const watch = ({ status, dispatchError }) => {
				if (dispatchError) reject(new Error(dispatchError.toString()))
				else if (status.isInBlock || status.isFinalized) resolve()
			}
			const call = this.api.tx.system.remark('shown on a small screen')
			call.signAndSend(this.alice, { mode: 1, metadataHash }, watch).catch(reject)
		})
	}
}

/** A chain that begins with the release's code, specified as one that is released. */
function released(context) {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-release-'))
	context.after(() => fs.rmSync(folder, { recursive: true, force: true }))
	const options = { id: 'release', name: 'Release', 'relay-chain': 'westend-local', preset: 'development', runtime: code }
	options.node = path.join(programs, 'holdfast-node')
	const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
	execFileSync(path.join(sources, 'scripts/release-chain-spec'), [folder, ...args])
	return path.join(folder, 'release-raw.json')
}

test('a release takes what is signed for its metadata, and nothing else', { skip: !code && 'no release' }, async (context) => {
	const wallet = await Wallet.on(released(context), context)
	await wallet.submit(wallet.digest())
	for (const changes of [{ tokenSymbol: 'WND' }, { decimals: 10 }]) {
		await assert.rejects(wallet.submit(wallet.digest(changes)), /bad signature/, JSON.stringify(changes))
	}
})

test('a development build refuses what it cannot check', async (context) => {
	const wallet = await Wallet.on('dev', context)
	await assert.rejects(wallet.submit(wallet.digest()), /CannotLookup/)
})
