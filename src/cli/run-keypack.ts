import { existsSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { BastionError } from '../core/errors.ts'
import { openDataDirectory } from '../hub/open-data-directory.ts'
import { gatherKeypack, noteKept } from '../hub/secrets/export-keypack.ts'
import { boxOf, importAgeKeys, importMasterKey } from '../hub/secrets/import-keypack.ts'
import { type Keypack, keypackCost, openKeypack, passphraseSchema, sealKeypack } from '../hub/secrets/keypack.ts'
import { openMasterBox } from '../hub/secrets/master-key.ts'
import { rotateMasterKey } from '../hub/secrets/rotate-master-key.ts'
import { databaseName, openStore, type Store } from '../hub/store/store.ts'
import { writeDurably } from '../lib/durable-file.ts'
import { askPassphrase } from './ask-passphrase.ts'
import type { CliContext } from './cli-context.ts'
import { dataDirectory } from './data-directory.ts'
import { readNamedFile } from './read-named-file.ts'
import { printJson, printRows } from './rows.ts'
import { systemClock as clock } from './system-clock.ts'

export interface KeypackOptions {
  dataDir?: string
  passphraseFile?: string
  json?: true
}

export interface ImportOptions extends KeypackOptions {
  replace?: true
  ageKeysOnly?: true
}

/** Writes the keypack of a data directory, opens it again to see that it is whole, and only then says of its keys that they are kept elsewhere. */
export async function exportKeypack(name: string, options: KeypackOptions, context: CliContext): Promise<void> {
  const file = resolve(context.cwd, name)
  if (existsSync(file))
    throw new BastionError('conflict', `${file} is there already`, { hint: 'Choose another name: a keypack is not written over another.' })
  const directory = dataDirectory(context, options.dataDir)
  // Not held while somebody types: a Hub may want to start.
  const withStore = async <T>(work: (store: Store) => Promise<T>): Promise<T> => {
    await using store = await openDataDirectory({ dataDirectory: directory, clock, how: 'beside' })
    return await work(store)
  }
  const keypack = await withStore((store) => gatherKeypack({ dataDirectory: directory, store, clock }))
  const passphrase = passphraseSchema.safeParse(await askPassphrase(context, { file: options.passphraseFile, twice: true }))
  if (!passphrase.success) throw new BastionError('invalid_spec', passphrase.error.issues[0]!.message)
  writeDurably(file, await sealKeypack(keypack, passphrase.data, keypackCost))
  const kept = await openKeypack(readFileSync(file, 'utf8'), passphrase.data)
  if (JSON.stringify(kept) !== JSON.stringify(keypack)) throw new Error(`${file} does not hold what was written to it`)
  await withStore((store) => noteKept(keypack, { store, clock }))
  const names = keypack.age_keys.map((key) => key.name)
  if (options.json === true) return printJson(context, { file, age_keys: names })
  await context.out(
    `${file} holds the master key and ${names.length === 0 ? 'no age keys' : `the age keys ${names.join(', ')}`}. Keep it apart from this machine, and its passphrase apart from it.\n`,
  )
}

export async function importKeypack(name: string, options: ImportOptions, context: CliContext): Promise<void> {
  const keypack = await readKeypack(name, options, context)
  const directory = dataDirectory(context, options.dataDir)
  const isLiving = options.ageKeysOnly === true
  await using store = isLiving ? await openDataDirectory({ dataDirectory: directory, clock, how: 'beside' }) : await openOrMake(directory)
  const where = { dataDirectory: directory, store, clock }
  const master_key = isLiving ? null : await importMasterKey(keypack, { ...where, replaces: options.replace === true })
  const box = isLiving ? await boxOf(where) : await openMasterBox(where)
  const age_keys = await importAgeKeys(keypack, { ...where, box })
  if (options.json === true) return await printJson(context, { data_directory: directory, master_key, age_keys })
  if (master_key !== null) {
    const aside = master_key.kept_aside === undefined ? '' : `; the one before is kept as ${master_key.kept_aside}`
    await context.out(`${directory} ${master_key.result === 'kept' ? 'has this master key already' : `has the master key of the keypack${aside}`}\n`)
  }
  await printRows(
    context,
    age_keys.map((key) => [
      key.as,
      key.recipient,
      key.result === 'known' ? 'was there already' : key.as === key.name ? 'added' : `added; ${key.name} is another key here`,
    ]),
  )
}

/** The identities as age and `--identity` read them. */
export async function printIdentities(name: string, options: KeypackOptions, context: CliContext): Promise<void> {
  const { age_keys } = await readKeypack(name, options, context)
  for (const key of age_keys) await context.out(`# key: ${key.name}\n# public key: ${key.recipient}\n${key.identity}\n`)
}

export async function rotateKeys(options: KeypackOptions, context: CliContext): Promise<void> {
  const directory = dataDirectory(context, options.dataDir)
  await using store = await openDataDirectory({ dataDirectory: directory, clock, how: 'alone' })
  const rotated = await rotateMasterKey({ dataDirectory: directory, store, clock })
  if (options.json === true) return await printJson(context, rotated)
  await context.out(
    `A new master key seals ${rotated.secrets} secrets and ${rotated.age_keys} age keys. Keypacks from before still open backups, but not what this Hub has sealed: export another.\n`,
  )
}

async function readKeypack(name: string, options: KeypackOptions, context: CliContext): Promise<Keypack> {
  const text = readNamedFile(resolve(context.cwd, name))
  return openKeypack(text, await askPassphrase(context, { file: options.passphraseFile, twice: false }))
}

/** A data directory that may be fresh. */
async function openOrMake(directory: string): Promise<Store> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  if (!existsSync(join(directory, databaseName))) await (await openStore({ file: join(directory, databaseName), clock }))[Symbol.asyncDispose]()
  return openDataDirectory({ dataDirectory: directory, clock, how: 'alone' })
}
