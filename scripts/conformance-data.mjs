// Compares `holdfast car` with the JavaScript implementations of CAR and UnixFS, in both directions.
// Usage: node conformance-data.mjs HOLDFAST MODULES WORK [RECORD]

import { execFileSync } from 'node:child_process'
import { createCipheriv, createHash } from 'node:crypto'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [holdfast, modules, work, record] = process.argv.slice(2)
const require = createRequire(path.join(modules, 'package.json'))
const load = async (name) => {
	const root = path.join(modules, 'node_modules', name)
	const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json')))
	const entry = manifest.exports['.']?.import ?? manifest.exports['.'] ?? manifest.main
	return import(pathToFileURL(path.join(root, entry.default ?? entry)))
}
const { importer, importByteStream } = await load('ipfs-unixfs-importer')
const { exporter } = await load('ipfs-unixfs-exporter')
const { MemoryBlockstore, BlackHoleBlockstore } = await load('blockstore-core')
const { CarReader, CarBlockIterator } = await load('@ipld/car')
const ipfsCar = path.join(modules, 'node_modules/ipfs-car/bin.js')

const profiles = ['unixfs-v1-2025', 'unixfs-v0-2015']
const MiB = 1 << 20
const sizes = [0, 1, 127, 1023, 262144, 262145, MiB - 1, MiB, MiB + 1, 5 * MiB + 17, 45 * MiB]
if (process.env.HOLDFAST_LARGE) sizes.push(1024 * MiB, 1024 * MiB + 1)
const counts = [1, 2, 10, 100, 1000, 3000, 4700, 5000, 10000]
let checks = 0
const failures = []
const recorded = []

function check(what, ours, theirs) {
	checks += 1
	if (ours !== theirs) failures.push(`${what}: ${ours} is not ${theirs}`)
}

// A ChaCha20 stream whose key is the hash of a text, as the profiles' published fixtures have it.
function* seeded(seed, size) {
	const key = createHash('sha256').update(seed).digest()
	const cipher = createCipheriv('chacha20', key, Buffer.alloc(16))
	for (let left = size; left > 0; ) {
		const length = Math.min(left, 4 * MiB)
		yield cipher.update(Buffer.alloc(length))
		left -= length
	}
}

function write(file, chunks) {
	const out = fs.openSync(file, 'w')
	for (const chunk of chunks) fs.writeSync(out, chunk)
	fs.closeSync(out)
}

const run = (...args) => execFileSync(holdfast, ['car', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
const create = (profile, source, car, ...more) =>
	run('create', '--profile', profile, '-f', car, source, ...more).toString().trim()
const digest = (file) => {
	const hash = createHash('sha256')
	const input = fs.openSync(file, 'r')
	const buffer = Buffer.alloc(4 * MiB)
	for (let read; (read = fs.readSync(input, buffer)) > 0; ) hash.update(buffer.subarray(0, read))
	fs.closeSync(input)
	return hash.digest('hex')
}
const at = (name) => path.join(work, name)
const fresh = (name) => {
	fs.rmSync(at(name), { recursive: true, force: true })
	return at(name)
}

// A blockstore over a CAR that is read whole.
async function stored(car) {
	const store = new MemoryBlockstore()
	const reader = await CarReader.fromBytes(fs.readFileSync(car))
	for await (const { cid, bytes } of reader.blocks()) await store.put(cid, bytes)
	return { store, roots: await reader.getRoots() }
}

for (const size of sizes) {
	const source = at('file')
	write(source, seeded(`file-${size}`, size))
	for (const profile of profiles) {
		const what = `${profile}, file of ${size} bytes`
		const ours = create(profile, source, at('ours.car'), '--no-wrap')
		const theirs = await importByteStream(fs.createReadStream(source), new BlackHoleBlockstore(), { profile })
		check(`${what}: CID`, ours, theirs.cid.toString())
		if (size <= 5 * MiB + 17) recorded.push(`${profile} file ${size} ${theirs.cid}`)
		// Our CAR, read by them.
		if (size <= 45 * MiB) {
			const { store, roots } = await stored(at('ours.car'))
			check(`${what}: root`, roots.join(), ours)
			const hash = createHash('sha256')
			for await (const chunk of (await exporter(roots[0], store)).content()) hash.update(chunk)
			check(`${what}: read by them`, hash.digest('hex'), digest(source))
		}
	}
	// Their CAR, byte for byte, and read by us. Repeated blocks they write again.
	execFileSync('node', [ipfsCar, 'pack', source, '--no-wrap', '--output', at('theirs.car')], { stdio: 'pipe' })
	const theirRoot = run('root', at('theirs.car')).toString().trim()
	const ourRoot = create(profiles[0], source, at('ours.car'), '--no-wrap')
	// Theirs is not the profile above 1024 leaves by other names; the CIDs tell.
	check(`file of ${size} bytes: ipfs-car's root`, ourRoot, theirRoot)
	// A node with all its links we write at once, ipfs-car after one more leaf: above 1024 leaves only the order differs.
	const content = (car) => (size <= 1024 * MiB ? digest(car) : run('list', car).toString().trim().split('\n').sort().join())
	check(`file of ${size} bytes: ipfs-car's CAR`, content(at('ours.car')), content(at('theirs.car')))
	run('extract', at('theirs.car'), fresh('out'))
	check(`file of ${size} bytes: extracted`, digest(path.join(at('out'), theirRoot)), digest(source))
	execFileSync('node', [ipfsCar, 'unpack', at('ours.car'), '--output', fresh('unpacked')], { stdio: 'pipe' })
	if (size > 0) check(`file of ${size} bytes: unpacked by ipfs-car`, digest(at('unpacked')), digest(source))
}

for (const count of counts) {
	const folder = fresh('folder')
	fs.mkdirSync(folder)
	const entries = []
	for (let index = 0; index < count; index++) {
		const name = `entry-${String(index).padStart(5, '0')}`
		fs.writeFileSync(path.join(folder, name), String(index))
		entries.push({ path: `folder/${name}`, content: Buffer.from(String(index)) })
	}
	for (const profile of profiles) {
		const what = `${profile}, directory of ${count}`
		const ours = create(profile, folder, at('ours.car'), '--no-wrap')
		const store = new MemoryBlockstore()
		let last
		for await (const entry of importer(entries, store, { profile })) last = entry
		check(`${what}: CID`, ours, last.cid.toString())
		recorded.push(`${profile} directory ${count} ${last.cid}`)
		const theirs = await stored(at('ours.car'))
		let names = 0
		for await (const entry of (await exporter(theirs.roots[0], theirs.store)).entries()) names += entry.name ? 1 : 0
		check(`${what}: entries read by them`, names, count)
		run('verify', at('ours.car'))
		run('extract', at('ours.car'), fresh('out'))
		check(`${what}: extracted`, fs.readdirSync(at('out')).length, count)
	}
}

// A folder within a folder, by ipfs-car.
const nested = fresh('nested')
fs.mkdirSync(path.join(nested, 'a/b'), { recursive: true })
write(path.join(nested, 'a/b/large'), seeded('large', 3 * MiB))
write(path.join(nested, 'a/one'), seeded('one', 1))
// With one entry alone ipfs-car would take that for the root.
write(path.join(nested, 'top'), seeded('top', 2))
execFileSync('node', [ipfsCar, 'pack', nested, '--no-wrap', '--output', at('theirs.car')], { stdio: 'pipe' })
const ours = create(profiles[0], nested, at('ours.car'), '--no-wrap')
check("nested folders: ipfs-car's root", ours, run('root', at('theirs.car')).toString().trim())
check("nested folders: ipfs-car's CAR", digest(at('ours.car')), digest(at('theirs.car')))
run('verify', at('theirs.car'))
run('extract', at('theirs.car'), fresh('out'))
check('nested folders: extracted', digest(path.join(at('out'), 'a/b/large')), digest(path.join(nested, 'a/b/large')))

// The second version.
for (const codec of ['car-index-sorted', 'car-multihash-index-sorted', 'none']) {
	run('index', at('ours.car'), at('v2.car'), '--codec', codec)
	run('verify', at('v2.car'))
	let blocks = 0
	for await (const block of await CarBlockIterator.fromBytes(fs.readFileSync(at('v2.car')))) blocks += block.cid ? 1 : 0
	const listed = run('list', at('ours.car')).toString().trim().split('\n').length
	check(`CARv2 with ${codec}: blocks read by them`, blocks, listed)
	run('index', at('v2.car'), at('v1.car'), '--version', '1')
	check(`CARv2 with ${codec}: back to the first`, digest(at('v1.car')), digest(at('ours.car')))
}

if (record) fs.writeFileSync(record, recorded.join('\n') + '\n')
for (const failure of failures) console.error(`FAILED ${failure}`)
console.log(`${checks - failures.length} of ${checks} comparisons agree`)
process.exitCode = failures.length > 0 ? 1 : 0
