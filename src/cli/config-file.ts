import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { BastionError } from '../core/errors.ts'
import type { CliContext } from './cli-context.ts'
import { type SettingName, settingsTable } from './settings-table.ts'

/** What a configuration file says: one JSON object, with the names of `bastion config`. Relative paths in it are meant from its own directory. */
export interface ConfigFile {
  path: string
  directory: string
  values: Readonly<Partial<Record<SettingName, unknown>>>
}

/**
 * The configuration file named by `--config` or BASTION_CONFIG, which must be there; without either `$XDG_CONFIG_HOME/bastion/config.json` (in `~/.config`), for root
 * `/etc/bastion/config.json`, if it is there.
 * @returns null when there is none
 * @throws invalid_spec when it cannot be read, or names something that is no setting
 */
export function readConfigFile(context: Pick<CliContext, 'cwd' | 'env'>, named?: string): ConfigFile | null {
  const chosen = named ?? (context.env['BASTION_CONFIG'] || undefined)
  const path = chosen === undefined ? usualFile(context.env) : resolve(context.cwd, chosen)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    if (chosen === undefined && (code === 'ENOENT' || code === 'ENOTDIR')) return null
    throw new BastionError('invalid_spec', `the configuration file ${path} cannot be read (${code})`, { cause: error })
  }
  return { path, directory: dirname(path), values: parse(text, path) }
}

function parse(text: string, path: string): ConfigFile['values'] {
  let values: unknown
  try {
    values = JSON.parse(text)
  } catch (error) {
    // The parser's message repeats what stands there, and a token may.
    throw new BastionError('invalid_spec', `the configuration file ${path} is no JSON`, {
      hint: `${positionOf(error)}"bastion config" lists what it may hold.`,
    })
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw new BastionError('invalid_spec', `the configuration file ${path} is no JSON object`)
  const unknown = Object.keys(values).filter((name) => !Object.hasOwn(settingsTable, name))
  if (unknown.length > 0) {
    throw new BastionError('invalid_spec', `the configuration file ${path} has what is no setting: ${unknown.join(', ')}`, {
      hint: '"bastion config" lists what it may hold.',
    })
  }
  return values
}

function positionOf(error: unknown): string {
  const found = /at position \d+(?: \(line \d+ column \d+\))?/.exec((error as Error).message)?.[0]
  return found === undefined ? '' : `It goes wrong ${found}. `
}

function usualFile({ XDG_CONFIG_HOME: xdg, HOME: home = homedir() }: NodeJS.ProcessEnv): string {
  if (xdg !== undefined && xdg !== '') return join(xdg, 'bastion', 'config.json')
  return process.getuid?.() === 0 ? '/etc/bastion/config.json' : join(home, '.config', 'bastion', 'config.json')
}
