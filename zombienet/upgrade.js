// Replaces the parachain's code while deals are live, as governance would: Root authorises a hash, somebody
// sends the code, the relay chain's validators check it and say when. Answers 1 once the new code runs.

// A frame of zstd that decoders skip. Behind the compressed code it makes another code of it, with another
// hash, that does the same: what is tested is the way of an upgrade.
const SKIPPED_FRAME = '502a4d18' + '04000000' + '686f6c64'
/** How long the relay chain may take: it votes on the code, and then waits for its delay. */
const LIMIT = 840_000

exports.run = async (name, network) => {
	const api = await zombie.connect(network.nodesByName[name].wsUri)
	const root = new zombie.Keyring({ type: 'sr25519' }).addFromUri('//Alice')
	const before = await api.rpc.state.getStorageHash('0x3a636f6465')
	const code = (await api.rpc.state.getStorage('0x3a636f6465')).unwrap().toHex() + SKIPPED_FRAME
	const hash = api.registry.hash(code)

	await included(api, api.tx.sudo.sudo(api.tx.system.authorizeUpgradeWithoutChecks(hash)), root)
	await included(api, api.tx.system.applyAuthorizedUpgrade(code), root)
	console.log(`\t the upgrade to ${hash} is sent`)

	const end = Date.now() + LIMIT
	while (Date.now() < end) {
		const now = await api.rpc.state.getStorageHash('0x3a636f6465')
		if (!now.eq(before)) {
			const { number } = await api.rpc.chain.getHeader()
			console.log(`\t block ${number} is made with the new code`)
			await api.disconnect()
			return now.eq(hash) ? 1 : 0
		}
		await new Promise((resolve) => setTimeout(resolve, 3000))
	}
	throw new Error('the new code does not run yet')
}

/** Submits a call and waits for its block. */
function included(api, call, signer) {
	return new Promise((resolve, reject) => {
		const watch = ({ status, dispatchError, events }) => {
			if (!status.isInBlock && !status.isFinalized) return
			const inner = events.find(({ event }) => api.events.sudo.Sudid.is(event))
			const error = dispatchError ?? (inner?.event.data[0].isErr ? inner.event.data[0].asErr : undefined)
			if (error) reject(new Error(error.isModule ? api.registry.findMetaError(error.asModule).name : `${error}`))
			resolve()
		}
		call.signAndSend(signer, watch).catch(reject)
	})
}
