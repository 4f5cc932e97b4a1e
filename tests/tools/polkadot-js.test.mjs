// What a person does in polkadot-js apps, with the library beneath them.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { ApiPromise, HttpProvider, Keyring, WsProvider } from '@polkadot/api'
import { u8aConcat, u8aToHex, u8aWrapBytes } from '@polkadot/util'

import { Chain } from './chain.mjs'
import { HOLD, MIB, ask, proposal } from './deals.mjs'

/** The pallets that are this chain's own. */
const PALLETS = ['Randomness', 'StorageProvider', 'Proofs', 'Market', 'Faucet']

let chain
let api
let client
let provider
let stranger

before(async () => {
	chain = await Chain.start()
	api = await ApiPromise.create({ provider: new WsProvider(chain.url), noInitWarn: true })
	const keyring = new Keyring({ type: 'sr25519', ss58Format: api.registry.chainSS58 })
	client = keyring.addFromUri('//Alice')
	provider = keyring.addFromUri('//Bob')
	stranger = keyring.addFromUri('//Somebody with nothing')
})

after(async () => {
	await api?.disconnect()
	await chain?.end()
})

/** Submits a call and waits for its block; answers with its events, or throws the error by its name. */
function submit(call, signer) {
	return new Promise((resolve, reject) => {
		const watch = ({ status, events, dispatchError }) => {
			// A block of this chain is final at once, and then only that is told.
			if (!status.isInBlock && !status.isFinalized) return
			if (dispatchError) {
				const { section, name, docs } = api.registry.findMetaError(dispatchError.asModule)
				reject(Object.assign(new Error(`${section}.${name}`), { docs: docs.join(' ') }))
			}
			resolve(events.map(({ event }) => event))
		}
		const sent = signer ? call.signAndSend(signer, watch) : call.send(watch)
		sent.catch(reject)
	})
}

const find = (events, section, method) =>
	events.find((event) => event.section === section && event.method === method)

/** The name and the documentation of the error that a call fails with. */
async function failure(call, signer) {
	const error = await submit(call, signer).then(
		() => assert.fail('the call should have failed'),
		(error) => error,
	)
	return { name: error.message, docs: error.docs }
}

/** Signs a proposal as a wallet's extension signs bytes: between `<Bytes>` and `</Bytes>`. */
function sign(proposal, signer) {
	const encoded = api.registry.createType('HoldfastPrimitivesDealDealProposal', proposal)
	const bytes = u8aConcat('holdfast/deal/1', api.genesisHash, encoded.toU8a())
	return { proposal: encoded, signature: { Sr25519: signer.sign(u8aWrapBytes(bytes)) } }
}

/** Asks a view function through the runtime API beneath: this library has no calls for them. */
async function view(pallet, name, args, type) {
	const found = api.runtimeMetadata.asV16.pallets
		.find((entry) => entry.name.eq(pallet))
		.viewFunctions.find((entry) => entry.name.eq(name))
	assert.ok(found, `${pallet}.${name} is in the metadata`)
	const id = found.id.toU8a()
	const result = await api.call.runtimeViewFunction.executeViewFunction(
		{ prefix: id.slice(0, 16), suffix: id.slice(16) },
		u8aToHex(u8aConcat(...args.map((arg) => arg.toU8a()))),
	)
	assert.ok(result.isOk, `${pallet}.${name} answers`)
	return api.registry.createType(type, result.asOk.toU8a(true))
}

test('the chain says what it is called and how its token is written', async () => {
	assert.equal((await api.rpc.system.chain()).toString(), 'Holdfast Development')
	assert.deepEqual(api.registry.chainTokens, ['HOLD'])
	assert.deepEqual(api.registry.chainDecimals, [12])
	assert.equal(api.registry.chainSS58, 42)
	assert.equal(api.runtimeVersion.specName.toString(), 'holdfast')
})

test('its metadata decodes in every version that is asked for', async () => {
	const versions = (await api.call.metadata.metadataVersions()).map(Number)
	for (const version of [14, 15, 16]) {
		assert.ok(versions.includes(version), `version ${version}`)
		const metadata = (await api.call.metadata.metadataAtVersion(version)).unwrap()
		const decoded = api.registry.createType('Metadata', metadata.toU8a(true))
		assert.equal(decoded.version, version)
	}
	assert.equal(api.runtimeMetadata.version, 16)
})

test('every call, event, error and constant of ours says what it is for', () => {
	const undocumented = []
	for (const pallet of PALLETS) {
		const section = pallet[0].toLowerCase() + pallet.slice(1)
		for (const [kind, entries] of Object.entries({
			call: api.tx[section],
			event: api.events[section],
			error: api.errors[section],
			constant: api.consts[section],
		})) {
			for (const [name, entry] of Object.entries(entries ?? {})) {
				const docs = entry.meta.docs.map(String).join('')
				if (!docs.trim()) undocumented.push(`${kind} ${section}.${name}`)
			}
		}
	}
	assert.deepEqual(undocumented, [])
})

test('the faucet gives without a signature, and once', async () => {
	const drip = () => api.tx.faucet.drip(stranger.address)
	const events = await submit(drip())
	const dripped = find(events, 'faucet', 'Dripped')
	assert.equal(dripped.data.who.toString(), stranger.address)
	assert.ok(dripped.data.amount.toBigInt() >= HOLD)
	assert.match(dripped.meta.docs.join(' '), /An account got tokens/)
	const { data } = await api.query.system.account(stranger.address)
	assert.equal(data.free.toBigInt(), dripped.data.amount.toBigInt())
	const now = (await api.rpc.chain.getHeader()).number.toNumber()
	const from = await view('Faucet', 'available_from', [api.createType('AccountId', stranger.address)], 'u32')
	assert.ok(from.toNumber() > now)

	// Whether the pool refuses it or still knows the first one: nothing is given again.
	await api.rpc.author.submitExtrinsic(drip()).catch(() => {})
	await chain.advance(3)
	const after = await api.query.system.account(stranger.address)
	assert.equal(after.data.free.toBigInt(), data.free.toBigInt())
})

test('a fee is known before a call is signed', async () => {
	const { partialFee } = await api.tx.market.deposit(HOLD).paymentInfo(client)
	assert.ok(partialFee.toBigInt() > 0n && partialFee.toBigInt() < HOLD)
})

test('escrow takes and gives, and says why it does not', async () => {
	const deposited = find(await submit(api.tx.market.deposit(50n * HOLD), client), 'market', 'Deposited')
	assert.equal(deposited.data.who.toString(), client.address)
	assert.equal(deposited.data.amount.toBigInt(), 50n * HOLD)
	await submit(api.tx.market.withdraw(10n * HOLD), client)
	assert.deepEqual(await failure(api.tx.market.withdraw(41n * HOLD), client), {
		name: 'market.InsufficientEscrow',
		docs: 'The escrow is smaller than the withdrawal.',
	})
	const balance = await view('Market', 'balance', [api.createType('AccountId', client.address)], 'PalletMarketDealMarketBalance')
	assert.equal(balance.escrow.toBigInt(), 40n * HOLD)
	const holds = await api.query.balances.holds(client.address)
	assert.ok(holds.some(({ id, amount }) => id.isMarket && amount.toBigInt() === 40n * HOLD))
})

test('a provider registers, and changes what it asks', async () => {
	const call = () =>
		api.tx.storageProvider.register('MiB8', ['http://127.0.0.1:8400'], ask(), 10n * MIB)
	const registered = find(await submit(call(), provider), 'storageProvider', 'ProviderRegistered')
	assert.equal(registered.data.sectorSize.toString(), 'MiB8')
	assert.equal((await failure(call(), provider)).name, 'storageProvider.AlreadyRegistered')
	await submit(api.tx.storageProvider.setAsk({ ...ask(), accepting: false }), provider)
	const record = (await api.query.storageProvider.providers(provider.address)).unwrap()
	assert.equal(record.ask.accepting.isTrue, false)
	assert.equal(record.addresses[0].toUtf8(), 'http://127.0.0.1:8400')
	await submit(api.tx.storageProvider.setAsk(ask()), provider)
})

test('a deal is quoted, signed as wallets sign, published once and cancelled', async () => {
	const now = (await api.rpc.chain.getHeader()).number.toNumber()
	const offer = proposal({ client: client.address, provider: provider.address, now })
	const encoded = api.registry.createType('HoldfastPrimitivesDealDealProposal', offer)
	const quote = (await view('Market', 'quote', [encoded], 'Option<PalletMarketQuote>')).unwrap()
	assert.equal(quote.refusal.unwrap().toString(), 'InsufficientProviderEscrow')
	assert.ok(quote.objection.isNone)

	await submit(api.tx.market.deposit(10n * HOLD), provider)
	const forged = sign(offer, stranger)
	assert.deepEqual(await failure(api.tx.market.publishDeals([forged]), provider), {
		name: 'market.InvalidSignature',
		docs: "A refusal: the signature is not the client's on this proposal and this chain.",
	})

	const signed = sign(offer, client)
	const published = find(
		await submit(api.tx.market.publishDeals([signed, forged]), provider),
		'market',
		'DealPublished',
	)
	const deal = published.data.deal
	const record = (await api.query.market.deals(deal)).unwrap()
	assert.equal(record.client.toString(), client.address)
	assert.ok(record.state.isPublished)
	assert.equal((await failure(api.tx.market.publishDeals([signed]), provider)).name, 'market.NonceUsed')

	assert.equal((await failure(api.tx.market.cancelDeal(deal), stranger)).name, 'market.NotTheDealsClient')
	const cancelled = find(await submit(api.tx.market.cancelDeal(deal), client), 'market', 'DealCancelled')
	const total = offer.pricePerBlock * BigInt(offer.end - offer.start)
	assert.equal(cancelled.data.refunded.toBigInt() + cancelled.data.fee.toBigInt(), total)
})

test('one signature sends several calls', async () => {
	const calls = [api.tx.market.deposit(HOLD), api.tx.market.withdraw(HOLD)]
	const events = await submit(api.tx.utility.batchAll(calls), client)
	assert.ok(find(events, 'market', 'Deposited') && find(events, 'market', 'Withdrawn'))
})

test('without a subscription it works over HTTP', async () => {
	const http = await ApiPromise.create({
		provider: new HttpProvider(`http://127.0.0.1:${chain.port}`),
		noInitWarn: true,
	})
	assert.equal((await http.query.storageProvider.policyValue()).acceptDevnetKeys.isTrue, true)
	await http.disconnect()
})
