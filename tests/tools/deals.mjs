// What the tests of all tools register and propose.

/** One token in its smallest unit. */
export const HOLD = 1_000_000_000_000n
/** Bytes in a MiB. */
export const MIB = 1n << 20n

/** What the provider asks for. */
export const ask = () => ({
	pricePerGibBlock: 1_000_000_000n,
	minPieceBytes: 128n,
	maxPieceBytes: 8n * MIB,
	accepting: true,
})

/** A proposal that the chain and the provider take, in block `now` or soon after. */
export const proposal = ({ client, provider, now, nonce = 1n }) => ({
	piece: {
		// Any commitment will do until its sector is to be proven; it must be a field element.
		commitment: Uint8Array.from({ length: 32 }, (_, index) => (index < 31 ? index + 1 : 0)),
		size: 1n * MIB,
	},
	client,
	provider,
	start: now + 200,
	end: now + 400,
	pricePerBlock: 10_000_000n,
	providerCollateral: 1_000_000_000n,
	nonce,
	expires: now + 100,
})
