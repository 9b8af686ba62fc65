import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** Kind, mode, owner, mtime to the ninth digit, size, link target, other names, SHA-256: what `find` and `sha256sum` say of each path, which is a latin1 string. */
export type TreeFacts = ReadonlyMap<string, string>

/** Everything below `folder`, seen by other programs than ours. */
export async function treeFacts(folder: string): Promise<TreeFacts> {
  const fields = '%P\\0%y %m %U:%G %T@\\0%y %s\\0%l\\0%D:%i\\0'
  const listed = split(await run(`find . -mindepth 1 -printf '${fields}'`, folder))
  const sums = split(await run('find . -type f -print0 | sort -z | xargs -0 -r sha256sum -z', folder))
  const hashes = new Map(sums.map((line) => [line.slice(66 + 2), line.slice(0, 64)]))
  const found: { path: string; text: string; inode: string }[] = []
  for (let i = 0; i + 4 < listed.length; i += 5) {
    const [path, facts, size, link, inode] = listed.slice(i, i + 5) as [string, string, string, string, string]
    // How large a directory is, is its filesystem's affair, and so are a directory's names.
    const isDirectory = facts.startsWith('d')
    found.push({ path, text: [facts, isDirectory ? '' : size, link, hashes.get(path) ?? ''].join('|'), inode: isDirectory ? '' : inode })
  }
  found.sort((a, b) => (a.path < b.path ? -1 : 1))
  const firstNames = new Map<string, string>()
  for (const { path, inode } of found) if (!firstNames.has(inode)) firstNames.set(inode, path)
  // The first name of a file stands for all; names outside the tree do not count.
  return new Map(found.map(({ path, text, inode }) => [path, inode === '' ? text : `${text}|${firstNames.get(inode)!}`]))
}

/** Sentences on what is not the same, at most `limit`. */
export function factsThatDiffer(expected: TreeFacts, actual: TreeFacts, limit = 20): string[] {
  const differences: string[] = []
  const told = (path: string): string => JSON.stringify(Buffer.from(path, 'latin1').toString())
  for (const [path, facts] of expected) {
    const other = actual.get(path)
    if (other === undefined) differences.push(`${told(path)} is missing`)
    else if (other !== facts) differences.push(`${told(path)} is ${other} instead of ${facts}`)
    if (differences.length >= limit) return differences
  }
  for (const path of actual.keys()) if (!expected.has(path)) differences.push(`${told(path)} should not be there`)
  return differences.slice(0, limit)
}

async function run(command: string, folder: string): Promise<string> {
  const { stdout } = await exec('sh', ['-c', command], { cwd: folder, encoding: 'latin1', maxBuffer: 2 ** 30, env: { ...process.env, LC_ALL: 'C' } })
  return stdout
}

/** What ends with NUL. */
function split(text: string): string[] {
  return text.split('\0').slice(0, -1)
}
