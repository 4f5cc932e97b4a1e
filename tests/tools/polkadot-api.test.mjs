// What a program does over polkadot-api (PAPI), with descriptors made from the committed metadata.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { Keyring } from '@polkadot/api'
import { CompatibilityLevel, createClient, getTypedCodecs } from 'polkadot-api'
import { getPolkadotSigner } from 'polkadot-api/signer'
import { getWsProvider } from 'polkadot-api/ws'
import WebSocket from 'ws'

import { Chain } from './chain.mjs'
import { HOLD, MIB, ask, proposal } from './deals.mjs'
import { holdfast } from './descriptors/dist/index.js'

let chain
let papi
let api
let client
let provider

/** A development account and what signs for it. */
function account(uri) {
	const pair = new Keyring({ type: 'sr25519' }).addFromUri(uri)
	const signer = getPolkadotSigner(pair.publicKey, 'Sr25519', async (bytes) => pair.sign(bytes))
	return { address: pair.address, pair, signer }
}

before(async () => {
	chain = await Chain.start()
	papi = createClient(getWsProvider(chain.url, { websocketClass: WebSocket }))
	api = papi.getTypedApi(holdfast)
	client = account('//Charlie')
	provider = account('//Dave')
})

after(async () => {
	papi?.destroy()
	await chain?.end()
})

/** Submits a call and answers with its events; throws the error as `Pallet.Name`. */
async function submit(call, { signer }) {
	const { ok, events, dispatchError } = await call.signAndSubmit(signer)
	if (!ok) throw new Error(`${dispatchError.value.type}.${dispatchError.value.value.type}`)
	return events
}

const find = (events, pallet, name) =>
	events.find((event) => event.type === pallet && event.value.type === name)?.value.value

/** A proposal with its client's signature. */
async function sign(offer, { pair }) {
	const { Market } = (await getTypedCodecs(holdfast)).view
	const [proposalCodec] = Market.quote.args.inner
	const { genesisHash } = await papi.getChainSpecData()
	const genesis = Buffer.from(genesisHash.slice(2), 'hex')
	const bytes = Buffer.concat([Buffer.from('holdfast/deal/1'), genesis, proposalCodec.enc(offer)])
	return { proposal: offer, signature: { type: 'Sr25519', value: hex(pair.sign(bytes)) } }
}

const hex = (bytes) => `0x${Buffer.from(bytes).toString('hex')}`

/** A proposal under the names and types of the metadata. */
const offer = (parties) => {
	const { pricePerBlock, providerCollateral, piece, ...rest } = proposal(parties)
	return {
		...rest,
		piece: { ...piece, commitment: hex(piece.commitment) },
		price_per_block: pricePerBlock,
		provider_collateral: providerCollateral,
	}
}

const offered = {
	price_per_gib_block: ask().pricePerGibBlock,
	min_piece_bytes: ask().minPieceBytes,
	max_piece_bytes: ask().maxPieceBytes,
	accepting: true,
}

test('the committed metadata fits the running chain', async () => {
	const { compat } = await api.getStaticApis()
	const calls = {
		Faucet: ['drip'],
		Market: ['deposit', 'withdraw', 'publish_deals', 'settle_deals', 'cancel_deal', 'extend_deal'],
		StorageProvider: ['register', 'set_ask', 'set_addresses', 'set_free_space', 'deregister'],
	}
	for (const [pallet, names] of Object.entries(calls)) {
		for (const name of names) {
			const { level } = compat.tx[pallet][name]
			assert.equal(level, CompatibilityLevel.Identical, `${pallet}.${name}`)
		}
	}
})

test('the chain says how its token is written', async () => {
	const { name, properties } = await papi.getChainSpecData()
	assert.equal(name, 'Holdfast Development')
	assert.deepEqual(properties, { ss58Format: 42, tokenDecimals: 12, tokenSymbol: 'HOLD' })
})

test('view functions answer by their names', async () => {
	const policy = await api.view.StorageProvider.policy()
	assert.equal(policy.proving_period % policy.deadlines, 0)
	assert.equal(policy.accept_devnet_keys, true)
	assert.ok((await api.view.Faucet.amount()) >= HOLD)
	assert.equal(await api.view.StorageProvider.provider(client.address), undefined)
	assert.deepEqual(await api.view.Market.balance(client.address), {
		escrow: 0n,
		payment: 0n,
		collateral: 0n,
	})
})

test('constants and storage read', async () => {
	assert.ok((await api.constants.Faucet.Period()) > 0)
	assert.equal(await api.query.ParachainInfo.ParachainId.getValue(), 2000)
	assert.deepEqual(
		await api.query.StorageProvider.PolicyValue.getValue(),
		await api.view.StorageProvider.policy(),
	)
})

test('the faucet gives without a signature', async () => {
	const { address } = account('//Nobody')
	const call = await api.tx.Faucet.drip({ account: address }).getBareTx()
	const { ok, events } = await papi.submit(call)
	assert.ok(ok)
	assert.equal(find(events, 'Faucet', 'Dripped').who, address)
	await assert.rejects(papi.submit(call), ({ error }) => {
		assert.equal(`${error.type}.${error.value.type}`, 'Invalid.Stale')
		return true
	})
})

test('a deal is quoted, published once and cancelled, and errors have names', async () => {
	await submit(api.tx.Market.deposit({ amount: 20n * HOLD }), client)
	await submit(api.tx.Market.deposit({ amount: 10n * HOLD }), provider)
	await assert.rejects(submit(api.tx.Market.withdraw({ amount: 21n * HOLD }), client), {
		message: 'Market.InsufficientEscrow',
	})
	const registered = await submit(
		api.tx.StorageProvider.register({
			sector_size: { type: 'MiB8', value: undefined },
			addresses: [new TextEncoder().encode('http://127.0.0.1:8400')],
			ask: offered,
			free_space: 10n * MIB,
		}),
		provider,
	)
	assert.equal(find(registered, 'StorageProvider', 'ProviderRegistered').provider, provider.address)

	const { number } = await papi.getBestBlocks().then(([best]) => best)
	const proposed = offer({ client: client.address, provider: provider.address, now: number })
	const quote = await api.view.Market.quote(proposed)
	assert.equal(quote.refusal, undefined)
	assert.equal(quote.cost.total_price, 200n * proposed.price_per_block)

	const signed = await sign(proposed, client)
	const published = await submit(api.tx.Market.publish_deals({ proposals: [signed] }), provider)
	const { deal } = find(published, 'Market', 'DealPublished')
	const status = await api.view.Market.deal_status(deal)
	assert.equal(status.deal.client, client.address)
	assert.equal(status.deal.state.type, 'Published')
	await assert.rejects(submit(api.tx.Market.publish_deals({ proposals: [signed] }), provider), {
		message: 'Market.NonceUsed',
	})
	const cancelled = find(await submit(api.tx.Market.cancel_deal({ deal }), client), 'Market', 'DealCancelled')
	assert.equal(cancelled.refunded + cancelled.fee, quote.cost.total_price)
	assert.equal(cancelled.fee, quote.cost.cancellation_fee)
})
