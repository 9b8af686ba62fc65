import { existsSync, readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { artifactOf, bastion, type BastionOptions, jsonLines, type ProcessEnd, runBastion } from './bastion-process.ts'
import { type SourceTree, sourceTree } from './source-tree.ts'
import { temporaryFolder } from './temporary-folder.ts'

type ExitingOptions = BastionOptions & { codes?: readonly number[] }

/** A folder to stand in on the command line, with a data directory of its own. */
export interface CliFolder extends AsyncDisposable {
  readonly path: string
  at(...names: string[]): string
  /** A tree to back up, below the folder. */
  tree(name: string): SourceTree
  /** `bastion ARGS…` in this folder, whatever it exits with. */
  run(args: readonly string[], options?: BastionOptions): Promise<ProcessEnd>
  /** As `run`. @throws unless it exits with one of `codes` (0) */
  ok(args: readonly string[], options?: ExitingOptions): Promise<ProcessEnd>
  /** Backs `sources` up to `target` as `JOB`. @returns `TARGET/JOB/RUN` */
  backup(
    sources: readonly string[],
    options?: { target?: string; job?: string; args?: readonly string[]; codes?: readonly number[] },
  ): Promise<string>
  text(...names: string[]): string
}

export async function cliFolder(): Promise<CliFolder> {
  const folder = await temporaryFolder()
  const at = (...names: string[]) => path.join(folder.path, ...names)
  const here = (options: ExitingOptions): ExitingOptions => ({
    cwd: folder.path,
    ...options,
    env: { BASTION_DATA_DIR: at('data'), NO_COLOR: '1', ...options.env },
  })
  return {
    path: folder.path,
    at,
    tree: (name) => sourceTree(at(name)),
    run: (args, options = {}) => runBastion(args, here(options)),
    ok: (args, options = {}) => bastion(args, here(options)),
    async backup(sources, { target = 'backups', job = 'docs', args = [], codes = [0] } = {}) {
      const options = ['--to', target, '--job-id', job, '--snapshot', 'off', '--json', ...args]
      return `${target}/${artifactOf(await bastion(['backup', ...sources, ...options], here({ codes })))}`
    },
    text: (...names) => readFileSync(at(...names), 'utf8'),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

/** The one JSON value a command printed. */
export function jsonOf(end: ProcessEnd): Record<string, unknown> {
  const [value, ...more] = jsonLines(end.stdout)
  if (value === undefined || more.length > 0) throw new Error(`not one JSON value: ${end.stdout}${end.stderr}`)
  return value
}

/** The names below a directory that are no directories, in order; none where it is not there. */
export async function filesBelow(directory: string): Promise<string[]> {
  if (!existsSync(directory)) return []
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
    .toSorted()
}
