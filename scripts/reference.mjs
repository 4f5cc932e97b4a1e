// Writes the reference pages of the book.
// Usage: node reference.mjs PROGRAMS OPENAPI METADATA FOLDER

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

import { Metadata, TypeRegistry } from '@polkadot/types'

const [programs, openapi, metadata, folder] = process.argv.slice(2)

/** The pallets of this chain's own, in the order of a deal's way. */
const PALLETS = ['Market', 'StorageProvider', 'Proofs', 'Randomness', 'Faucet']

const write = (name, title, parts) =>
	fs.writeFileSync(path.join(folder, name), `# ${title}\n\n${parts.flat().join('\n\n')}\n`)

/** Text that is neither a link, a table's border nor HTML. */
const plain = (text) =>
	text
		.replace(/\[`([^`\]]+)`\](\([^)]*\))?/g, '`$1`')
		.replace(/\|/g, '\\|')
		.replace(/</g, '&lt;')
		.trim()

const table = (head, rows) =>
	[head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')

// Commands

/** A command's help, and that of its subcommands. */
function commands(program, words = []) {
	const environment = { ...process.env, HOME: '/home/you', COLUMNS: '100' }
	const help = execFileSync(path.join(programs, program), [...words, '--help'], {
		env: environment,
		encoding: 'utf8',
	}).replaceAll(programs, '')
	const [, listed = ''] = /\nCommands:\n([\s\S]*?)\n\n/.exec(help) ?? []
	const subcommands = [...listed.matchAll(/^ {2}([a-z][a-z0-9-]*) /gm)].map(([, name]) => name)
	return [
		`${'#'.repeat(Math.min(words.length + 2, 4))} ${[program, ...words].join(' ')}`,
		`\`\`\`text\n${help.trimEnd().replace(/[ \t]+$/gm, '')}\n\`\`\``,
		...subcommands
			.filter((name) => name !== 'help')
			.flatMap((name) => commands(program, [...words, name])),
	]
}

write('commands.md', 'Commands', [
	'What `--help` says. The node has all options of a Substrate collator; `holdfast-node --help` lists them.',
	commands('holdfast'),
	commands('holdfast-provider'),
])

// HTTP API

const api = JSON.parse(fs.readFileSync(openapi))

function body(content = {}) {
	return Object.entries(content)
		.map(([type, { schema }]) => {
			const name = schema?.$ref?.split('/').at(-1)
			return name ? `[${name}](#${name.toLowerCase()})` : `\`${type}\``
		})
		.join(' or ')
}

function route(address, method, operation) {
	const parameters = (operation.parameters ?? []).map(({ name, in: where, required, description }) => [
		`\`${name}\``,
		where,
		required ? 'yes' : 'no',
		plain(description ?? ''),
	])
	const responses = Object.entries(operation.responses).map(([status, { description, content }]) => [
		status,
		plain(description),
		body(content),
	])
	return [
		`### \`${method.toUpperCase()} ${address}\``,
		plain(operation.summary),
		operation.security?.length ? 'Needs a token: `Authorization: Bearer …`.' : [],
		parameters.length ? table(['parameter', 'in', 'required', ''], parameters) : [],
		operation.requestBody ? `The body: ${body(operation.requestBody.content)}.` : [],
		table(['status', 'means', 'body'], responses),
	].flat()
}

function shape({ type, items, $ref, format, description }) {
	if ($ref) return `[${$ref.split('/').at(-1)}](#${$ref.split('/').at(-1).toLowerCase()})`
	if (type === 'array') return `list of ${shape(items ?? {})}`
	return [format ?? type ?? 'anything', description && plain(description)].filter(Boolean).join('; ')
}

write('http-api.md', "The provider's HTTP API", [
	plain(api.info.description),
	'Made of the OpenAPI document that every provider has at `/v1/openapi.json`.',
	'## Routes',
	Object.entries(api.paths).flatMap(([address, methods]) =>
		Object.entries(methods)
			.filter(([, operation]) => operation.responses)
			.flatMap(([method, operation]) => route(address, method, operation)),
	),
	'## Bodies',
	Object.entries(api.components.schemas).flatMap(([name, schema]) => [
		`### ${name}`,
		table(
			['field', 'is', 'required'],
			Object.entries(schema.properties ?? {}).map(([field, value]) => [
				`\`${field}\``,
				shape(value),
				schema.required?.includes(field) ? 'yes' : 'no',
			]),
		),
	]),
])

// Pallets

const registry = new TypeRegistry()
const decoded = new Metadata(registry, `0x${fs.readFileSync(metadata).toString('hex')}`)
registry.setMetadata(decoded)
const { pallets } = decoded.asLatest

/** Documentation's first paragraph. */
function docs(lines) {
	const text = lines.map((line) => String(line).trim())
	const end = text.indexOf('')
	return plain(text.slice(0, end < 0 ? undefined : end).join(' '))
}
const name = (type) => registry.lookup.getTypeDef(type).lookupName ?? registry.lookup.getTypeDef(type).type
const variants = (entry) =>
	entry.isSome ? registry.lookup.getSiType(entry.unwrap().type).def.asVariant.variants : []

function fields(list) {
	return list
		.map((field) => {
			const written = field.typeName.unwrapOr(name(field.type)).toString().replace(/T::|\n/g, '')
			return `${field.name.unwrapOr('')}: ${written}`
		})
		.join(', ')
}

const section = (title, rows, head) => (rows.length ? [`### ${title}`, table(head, rows)] : [])

function storage(item) {
	const { type } = item
	if (type.isPlain) return name(type.asPlain)
	return `${name(type.asMap.key)} → ${name(type.asMap.value)}`
}

function pallet(entry) {
	const described = (list) =>
		[...list].map((variant) => [`\`${variant.name}\``, plain(fields(variant.fields)), docs(variant.docs)])
	return [
		`## ${entry.name}`,
		`Its place in the runtime is ${entry.index}.`,
		...section('Calls', described(variants(entry.calls)), ['call', 'arguments', '']),
		...section('Events', described(variants(entry.events)), ['event', 'fields', '']),
		...section(
			'Errors',
			[...variants(entry.errors)].map((variant) => [`\`${variant.name}\``, docs(variant.docs)]),
			['error', ''],
		),
		...section(
			'View functions',
			[...entry.viewFunctions].map((view) => [
				`\`${view.name}\``,
				view.inputs.map((input) => `${input.name}: ${plain(name(input.type))}`).join(', '),
				plain(name(view.output)),
				docs(view.docs),
			]),
			['view function', 'arguments', 'answer', ''],
		),
		...section(
			'Storage',
			entry.storage.isSome
				? [...entry.storage.unwrap().items].map((item) => [
						`\`${item.name}\``,
						plain(storage(item)),
						docs(item.docs),
					])
				: [],
			['item', 'type', ''],
		),
		...section(
			'Constants',
			[...entry.constants].map((constant) => [
				`\`${constant.name}\``,
				registry.createType(name(constant.type), constant.value.toU8a(true)).toString(),
				docs(constant.docs),
			]),
			['constant', 'value', ''],
		),
	]
}

write('pallets.md', 'Calls, events, errors, constants', [
	"The pallets that are Holdfast's own, as the chain's metadata describes them. The others are polkadot-sdk's. Constants of the protocol are no constants of pallets: `StorageProvider.policy` has them.",
	PALLETS.map((wanted) => pallet(pallets.find((entry) => entry.name.eq(wanted)))).flat(),
])
