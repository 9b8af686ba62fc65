import { delimiter, resolve } from 'node:path'
import { BastionError } from '../core/errors.ts'
import type { CliContext } from './cli-context.ts'
import { type ConfigFile, readConfigFile } from './config-file.ts'
import { hookCommand } from './hook-options.ts'
import { describeSetting, type SettingKind, type SettingName, settingNames, type SettingValue, usualDataDirectory } from './settings-table.ts'

export type SettingSource = 'flag' | 'environment' | 'file' | 'stored' | 'default'

/** A setting as it holds, and who has decided it. `from`: the flag, the variable or the file. */
export interface FoundSetting<Value = unknown> {
  value: Value
  source: SettingSource
  from?: string
}

export type FoundSettings = { readonly [Name in SettingName]: FoundSetting<SettingValue<Name>> }

/** What flags of the command line say; those that were not given are absent. */
export type GivenFlags = Partial<Record<SettingName, string | boolean | readonly string[]>>

interface ReadOptions {
  flags?: GivenFlags
  /** see {@link readConfigFile}; read when absent */
  file?: ConfigFile | null
  /** what the Hub's database says */
  stored?: Partial<Record<SettingName, unknown>>
}

/** Every setting: a flag before the environment, before the configuration file, before what is stored, before the default. @throws invalid_spec for one that cannot be meant */
export function readSettings(context: CliContext, options: ReadOptions = {}): FoundSettings {
  const given = { ...options, file: options.file === undefined ? readConfigFile(context) : options.file }
  return Object.fromEntries(settingNames.map((name) => [name, find(name, context, given)])) as unknown as FoundSettings
}

/** One of them. */
export function readSetting<Name extends SettingName>(name: Name, context: CliContext, options: ReadOptions = {}): FoundSetting<SettingValue<Name>> {
  return find(name, context, {
    ...options,
    file: options.file === undefined ? readConfigFile(context) : options.file,
  }) as FoundSetting<SettingValue<Name>>
}

function find(name: SettingName, context: CliContext, { flags = {}, file, stored = {} }: ReadOptions): FoundSetting {
  const { flag = '', env, kind, fallback } = describeSetting(name)
  const byFlag = flags[name]
  if (byFlag !== undefined) return checked(name, 'flag', flag.split(' ', 1)[0]!, () => fromFlag(kind, byFlag, context.cwd))
  const byEnvironment = context.env[env]
  // A variable that is empty says nothing, but for a list: it is empty too.
  if (byEnvironment !== undefined && (byEnvironment !== '' || kind === 'paths' || kind === 'texts'))
    return checked(name, 'environment', env, () => fromText(kind, byEnvironment, context.cwd))
  const byFile = file?.values[name]
  if (file && byFile !== undefined) return checked(name, 'file', file.path, () => fromFile(kind, byFile, file.directory))
  if (stored[name] !== undefined) return { value: stored[name], source: 'stored' }
  return { value: name === 'data_dir' ? usualDataDirectory(context.env) : fallback, source: 'default' }
}

function checked(name: SettingName, source: SettingSource, from: string, read: () => unknown): FoundSetting {
  const where = source === 'file' ? `${name} in ${from}` : from
  let value: unknown
  try {
    value = read()
  } catch (error) {
    if (error instanceof BastionError) throw error
    throw new BastionError('invalid_spec', `${where} is not as JSON is written`)
  }
  const parsed = describeSetting(name).schema.safeParse(value)
  if (parsed.success) return { value: parsed.data, source, from }
  throw new BastionError(
    'invalid_spec',
    `${where}: ${parsed.error.issues.map(({ path, message }) => [...path.map(String), message].join(': ')).join('; ')}`,
  )
}

function fromFlag(kind: SettingKind, given: string | boolean | readonly string[], base: string): unknown {
  if (typeof given === 'boolean') return given
  if (typeof given === 'string') return fromText(kind, given, base)
  if (kind === 'hooks') return given.map((text) => hookCommand(text))
  return kind === 'paths' ? given.map((path) => resolve(base, path)) : given
}

function fromText(kind: SettingKind, text: string, base: string): unknown {
  switch (kind) {
    case 'text':
      return text
    case 'path':
      return resolve(base, text)
    case 'number':
      return /^-?\d+$/.test(text) ? Number(text) : text
    case 'switch':
      return text === '1' || text === 'true' ? true : text === '0' || text === 'false' ? false : text
    case 'paths':
      return split(text, delimiter).map((path) => resolve(base, path))
    case 'texts':
      return split(text, ',')
    case 'hooks':
    case 'json':
      return JSON.parse(text)
  }
}

function fromFile(kind: SettingKind, value: unknown, base: string): unknown {
  if (kind === 'path' && typeof value === 'string') return resolve(base, value)
  if (kind === 'paths' && Array.isArray(value)) return value.map((path: unknown) => (typeof path === 'string' ? resolve(base, path) : path))
  return value
}

function split(text: string, separator: string): string[] {
  return text.split(separator).filter((part) => part !== '')
}
