// A development chain of a test's own: on a free port of 127.0.0.1, ended with the test.

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long the node may take until it has made a block; most of it goes into compiling the runtime. */
const START_LIMIT = 120_000

/** A port that was free a moment ago. */
export async function freePort() {
	const server = net.createServer()
	await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
	const { port } = server.address()
	await new Promise((resolve) => server.close(resolve))
	return port
}

/** Calls a method of a node over HTTP. */
export async function rpc(port, method, ...params) {
	const answer = await fetch(`http://127.0.0.1:${port}`, {
		method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
	})
	const { result, error } = await answer.json()
	if (error) throw new Error(`${method}: ${error.message}`)
	return result
}

/** Waits until `condition` holds; a failure counts as no, the last one is told when it is too late. */
export async function until(what, condition, limit = 60_000) {
	const end = Date.now() + limit
	let problem
	while (Date.now() < end) {
		try {
			const found = await condition()
			if (found) return found
			problem = undefined
		} catch (error) {
			problem = error
		}
		await sleep(250)
	}
	throw new Error(`${what}: not within ${limit / 1000} s`, { cause: problem })
}

/** Starts a program whose output goes to a file, and ends it when this process ends, however. */
export function start(program, args, log, options = {}) {
	const output = fs.openSync(log, 'a')
	const child = spawn(program, args, { ...options, stdio: ['ignore', output, output] })
	fs.closeSync(output)
	const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve))
	const kill = () => child.kill('SIGKILL')
	process.once('exit', kill)
	return {
		running: () => child.exitCode === null && child.signalCode === null && child.pid !== undefined,
		async end() {
			child.kill('SIGTERM')
			const late = setTimeout(kill, 10_000)
			await ended
			clearTimeout(late)
			process.off('exit', kill)
		},
	}
}

/** A development chain with blocks every half second. */
export class Chain {
	/**
	 * Starts the node in the folder that `HOLDFAST_PROGRAMS` names, with a chain that it knows or one of a file,
	 * and waits for its second block.
	 */
	static async start(specification = 'dev') {
		const chain = new Chain()
		const programs = process.env.HOLDFAST_PROGRAMS
		if (!programs) throw new Error('HOLDFAST_PROGRAMS must name their folder: run `make test-tools`')
		chain.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'holdfast-tools-'))
		chain.port = await freePort()
		chain.log = path.join(chain.folder, 'node.log')
		const args = [
			'--dev',
			`--chain=${specification}`,
			'--dev-block-time=500',
			`--base-path=${chain.folder}/chain`,
			`--rpc-port=${chain.port}`,
			'--listen-addr=/ip4/127.0.0.1/tcp/0',
			'--state-pruning=archive',
			'--blocks-pruning=archive',
			'--no-prometheus',
			'--no-telemetry',
			'--no-mdns',
			'--no-hardware-benchmarks',
		]
		chain.node = start(path.join(programs, 'holdfast-node'), args, chain.log)
		try {
			await until('the node makes blocks', () => chain.made(2), START_LIMIT)
		} catch (error) {
			console.error(fs.readFileSync(chain.log, 'utf8').split('\n').slice(-20).join('\n'))
			await chain.end()
			throw error
		}
		return chain
	}

	/** Where tools connect to. */
	get url() {
		return `ws://127.0.0.1:${this.port}`
	}

	/** Calls a method of the node. */
	rpc(method, ...params) {
		return rpc(this.port, method, ...params)
	}

	/** Whether the chain has this many blocks. */
	async made(blocks) {
		if (!this.node.running()) throw new Error('the node has ended')
		return Number((await this.rpc('chain_getHeader')).number) >= blocks
	}

	/** Waits until there are this many blocks more. */
	async advance(blocks) {
		const { number } = await this.rpc('chain_getHeader')
		await until('blocks', () => this.made(Number(number) + blocks))
	}

	/** Ends the node and removes its data. */
	async end() {
		await this.node.end()
		fs.rmSync(this.folder, { recursive: true, force: true })
	}
}
