import type { Command } from 'commander'
import { BastionError } from '../core/errors.ts'
import type { Source } from '../core/source.ts'
import { hooksOf } from './hook-options.ts'

/** The options of `bastion backup` that say what is read, as they are given. */
export interface SourceOptions {
  sourceType: string
  include: string[]
  exclude: string[]
  symlinks: string
  hardlinks?: string
  errorPolicy: string
  consistency: string
  consistencyThreshold: string
  oneFileSystem?: true
  sqliteCapture: string
  integrityCheck: boolean
  iconCache?: true
  snapshot: string
  snapshotProvider?: string
  hookBefore?: string
  hookAfter?: string
  hookTimeout: string
}

const treeOnly = ['include', 'exclude', 'symlinks', 'hardlinks', 'oneFileSystem', 'sqliteCapture'] as const
const filesOnly = ['errorPolicy', 'consistency', 'consistencyThreshold'] as const

/** What would do nothing with a kind of source is refused. */
const unfit: Record<Source['type'], readonly (keyof SourceOptions)[]> = {
  filesystem: ['integrityCheck', 'iconCache'],
  sqlite: [...treeOnly, ...filesOnly, 'iconCache'],
  vaultwarden: treeOnly,
}

/**
 * @param command tells which options were given
 * @param paths absolute
 * @returns what `sourceSchema` is to check
 * @throws invalid_spec
 */
export function sourceOf(paths: readonly string[], options: SourceOptions, command: Command, preScan: boolean): unknown {
  const type = options.sourceType
  if (!Object.hasOwn(unfit, type))
    throw new BastionError('invalid_spec', `--source-type is filesystem, sqlite or vaultwarden, and not ${JSON.stringify(type)}`)
  const given = unfit[type as Source['type']].find((name) => command.getOptionValueSource(name) === 'cli')
  if (given !== undefined) throw new BastionError('invalid_spec', `${flagOf(command, given)} does not go with --source-type ${type}`)
  const [path = '', ...others] = paths
  if (type !== 'filesystem' && others.length > 0) throw new BastionError('invalid_spec', `--source-type ${type} takes one source`)
  const shared = { ...(options.snapshotProvider === undefined ? {} : { snapshot_provider: options.snapshotProvider }), ...hooksOf(options) }
  const files = {
    error_policy: options.errorPolicy,
    pre_scan: preScan,
    snapshot_mode: options.snapshot,
    ...shared,
    consistency_policy: options.consistency,
    consistency_fail_threshold: Number(options.consistencyThreshold),
  }
  switch (type as Source['type']) {
    case 'sqlite': {
      const mode = command.getOptionValueSource('snapshot') === 'cli' ? { snapshot_mode: options.snapshot } : {}
      return { type, path, integrity_check: options.integrityCheck, ...mode, ...shared }
    }
    case 'vaultwarden':
      return { type, data_dir: path, icon_cache: options.iconCache ?? false, integrity_check: options.integrityCheck, ...files }
    case 'filesystem':
      return {
        type,
        paths,
        include: options.include,
        exclude: options.exclude,
        symlink_policy: options.symlinks,
        ...(options.hardlinks === undefined ? {} : { hardlink_policy: options.hardlinks }),
        one_file_system: options.oneFileSystem ?? false,
        sqlite_capture: options.sqliteCapture,
        ...files,
      }
  }
}

function flagOf(command: Command, name: string): string {
  return command.options.find((option) => option.attributeName() === name)?.long ?? name
}
