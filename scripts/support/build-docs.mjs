import { rmSync } from 'node:fs'
import path from 'node:path'
import { root, run, say, toolEnvironment } from './run.mjs'
import { readStamp, treeFingerprint, writeStamp } from './stamp.mjs'

const folder = 'dist/docs'
const stamp = `${folder}/.built`

export function needsDocs() {
  return readStamp(stamp) !== fingerprint()
}

/** Makes the site of docs/ anew, which a Hub serves at /docs/. @returns {Promise<{ ok: boolean, output: string }>} */
export async function buildDocs() {
  const before = fingerprint()
  rmSync(path.join(root, folder), { recursive: true, force: true })
  const { ok, output } = await run('vitepress', ['build', 'docs'], { env: toolEnvironment() })
  if (ok) writeStamp(stamp, before)
  return { ok, output: ok ? '' : output }
}

/** As {@link buildDocs}, told to a person. @returns {Promise<boolean>} */
export async function buildDocsAloud() {
  say('bastion: building the documentation …')
  const { ok, output } = await buildDocs()
  if (!ok) say(`${output}\nbastion: the documentation could not be built (above)`)
  return ok
}

function fingerprint() {
  return treeFingerprint(['docs', 'scripts/support/build-docs.mjs', 'node_modules/vitepress/package.json'])
}
