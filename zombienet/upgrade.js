// Replaces the parachain's code by that of a next version while deals are live, as governance would: Root
// authorises a hash, somebody sends the code, the relay chain's validators check it and say when. Answers 1
// once the new version runs.

const fs = require('fs')

/** How long the relay chain may take: it votes on the code, and then waits for its delay. */
const LIMIT = 840_000

exports.run = async (name, network) => {
	const api = await zombie.connect(network.nodesByName[name].wsUri)
	const root = new zombie.Keyring({ type: 'sr25519' }).addFromUri('//Alice')
	const version = async () => (await api.rpc.state.getRuntimeVersion()).specVersion.toNumber()
	const before = await version()
	const current = (await api.rpc.state.getStorage('0x3a636f6465')).unwrap().toHex()
	const next = `0x${fs.readFileSync(`${process.env.HOLDFAST_NETWORK}/next-runtime.wasm`).toString('hex')}`

	// The code that runs is no upgrade.
	const refused = await upgrade(api, current, root)
	const error = refused.find(({ event }) => api.events.system.RejectedInvalidAuthorizedUpgrade.is(event))
	const reason = error && api.registry.findMetaError(error.event.data.error.asModule).name
	if (reason !== 'SpecVersionNeedsToIncrease') throw new Error(`the same version is answered with ${reason}`)

	const sent = await upgrade(api, next, root)
	if (!sent.some(({ event }) => api.events.parachainSystem.ValidationFunctionStored.is(event))) {
		throw new Error('the next version is not taken')
	}
	console.log(`\t version ${before + 1}, ${api.registry.hash(next)}, is sent`)

	const end = Date.now() + LIMIT
	while (Date.now() < end) {
		// Written by the first block that the new version makes.
		const last = (await api.query.system.lastRuntimeUpgrade()).unwrap().specVersion.toNumber()
		if (last !== before) {
			const { number } = await api.rpc.chain.getHeader()
			console.log(`\t by block ${number} version ${last} runs`)
			const now = await version()
			await api.disconnect()
			return last === before + 1 && now === last ? 1 : 0
		}
		await new Promise((resolve) => setTimeout(resolve, 3000))
	}
	throw new Error('the new code does not run yet')
}

/** Authorises a code and applies it; answers with the events of the second call. */
async function upgrade(api, code, root) {
	const authorize = api.tx.system.authorizeUpgrade(api.registry.hash(code))
	await included(api, api.tx.sudo.sudo(authorize), root)
	return included(api, api.tx.system.applyAuthorizedUpgrade(code), root)
}

/** Submits a call, waits for its block, and answers with its events. */
function included(api, call, signer) {
	return new Promise((resolve, reject) => {
		const watch = ({ status, dispatchError, events }) => {
			if (!status.isInBlock && !status.isFinalized) return
			const inner = events.find(({ event }) => api.events.sudo.Sudid.is(event))
			const error = dispatchError ?? (inner?.event.data[0].isErr ? inner.event.data[0].asErr : undefined)
			if (error) reject(new Error(error.isModule ? api.registry.findMetaError(error.asModule).name : `${error}`))
			resolve(events)
		}
		call.signAndSend(signer, watch).catch(reject)
	})
}
