import { existsSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { root, run, say, toolEnvironment } from './run.mjs'
import { readStamp, treeFingerprint, writeStamp } from './stamp.mjs'

const stamp = 'dist/.built'

export function needsBuild() {
  return readStamp(stamp) !== fingerprint()
}

/** Compiles what changed, and removes from dist what has no source any more. @returns {Promise<{ ok: boolean, output: string }>} */
export async function build() {
  const before = fingerprint() // a file saved while the compiler runs then counts as a change
  rmSync(path.join(root, stamp), { force: true }) // a build that fails may leave a part of itself
  const result = await run('tsc', ['-b'], { env: toolEnvironment() })
  if (!result.ok) return result
  removeOrphans('')
  writeStamp(stamp, before)
  return result
}

/** As {@link build}, told to a person. @returns {Promise<boolean>} */
export async function buildAloud() {
  say('bastion: building …')
  const { ok, output } = await build()
  if (!ok) say(`${output}\nbastion: the build failed (above)`)
  return ok
}

function fingerprint() {
  return treeFingerprint(['src', 'tsconfig.json', 'tsconfig.base.json', 'node_modules/typescript/package.json'])
}

/** @param {string} folder below dist */
function removeOrphans(folder) {
  for (const entry of readdirSync(path.join(root, 'dist', folder), { withFileTypes: true })) {
    const name = path.join(folder, entry.name)
    const source = path.join(root, 'src', name.replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts'))
    const ours = entry.isDirectory() || /(\.d\.ts|\.js)(\.map)?$/.test(entry.name)
    if (ours && !existsSync(source)) rmSync(path.join(root, 'dist', name), { recursive: true })
    else if (entry.isDirectory()) removeOrphans(name)
  }
}
