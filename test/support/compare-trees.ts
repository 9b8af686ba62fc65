import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A fact the comparer knows, as its lines name it. */
export type TreeFact = 'mode' | 'uid' | 'gid' | 'mtime_ns' | 'xattrs' | 'data' | 'one file with'

export interface CompareOptions {
  /** facts that may differ */
  ignore?: readonly TreeFact[]
  /** facts of directories that may differ */
  ignoreOfDirs?: readonly TreeFact[]
}

const script = fileURLToPath(new URL('compare-trees.py', import.meta.url))
/** The system's own, which every user of the machine may run. */
const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'

/** Every difference between two trees, one a line; none when they are the same. @throws Error when they could not be compared */
export function compareTrees(left: string, right: string, options: CompareOptions = {}): string[] {
  const flags = [
    ...(options.ignore ?? []).flatMap((fact) => ['--ignore', fact]),
    ...(options.ignoreOfDirs ?? []).flatMap((fact) => ['--ignore-of-dirs', fact]),
  ]
  const { status, stdout, stderr } = spawnSync(python, [script, ...flags, left, right], { encoding: 'utf8', maxBuffer: 64 * 2 ** 20 })
  // Python's own failures end with 1 as well, without saying what was compared.
  if ((status !== 0 && status !== 1) || !/^\d+ and \d+ entries compared$/m.test(stderr)) throw new Error(`compare-trees.py failed: ${stderr}`)
  const lines = stdout.split('\n').filter((line) => line !== '')
  if ((status === 1) !== lines.length > 0) throw new Error(`compare-trees.py ended with ${status} and ${lines.length} differences`)
  return lines
}
