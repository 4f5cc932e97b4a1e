// Has the chain do curve arithmetic in a block, without waiting for a sector: Root sets the verifying key that
// there is once more, and setting a key computes a pairing. Answers 1 once the block is final, which it becomes
// when the relay chain's validators have checked it, and 0 if it does not become that.

const fs = require('fs')

/** How long a block may take until it is final. */
const LIMIT = 150_000

exports.run = async (name, network) => {
	const api = await zombie.connect(network.nodesByName[name].wsUri)
	const root = new zombie.Keyring({ type: 'sr25519' }).addFromUri('//Alice')
	const file = `${process.env.HOLDFAST_SOURCES}/runtime/keys/devnet/porep-8MiB.vk`
	const key = `0x${fs.readFileSync(file).toString('hex')}`
	const id = { kind: 'PoRep', sectorSize: 'MiB8' }
	const set = api.tx.proofs.setVerifyingKey(id, 'V1_2_0', 'Devnet', key, api.registry.hash(key))

	const done = new Promise((resolve, reject) => {
		const watch = ({ status, events }) => {
			if (status.isInBlock) console.log(`\t it is in block ${status.asInBlock}`)
			if (!status.isFinalized) return
			const outcome = events.find(({ event }) => api.events.proofs.VerifyingKeySet.is(event))
			if (outcome) resolve(1)
			else reject(new Error('the key was not set'))
		}
		api.tx.sudo.sudo(set).signAndSend(root, watch).catch(reject)
	})
	const late = new Promise((resolve) => setTimeout(resolve, LIMIT, 0))
	const answer = await Promise.race([done, late])
	await api.disconnect()
	return answer
}
