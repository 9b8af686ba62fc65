import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { root, run, say, toolEnvironment } from './run.mjs'
import { readStamp, treeFingerprint, writeStamp } from './stamp.mjs'

const folder = 'dist/web'
const stamp = `${folder}/.built`

export function needsWeb() {
  return readStamp(stamp) !== fingerprint()
}

/** Makes the web interface anew, which a Hub serves at /. Types are not looked at here. @returns {Promise<{ ok: boolean, output: string }>} */
export async function buildWeb() {
  const before = fingerprint()
  rmSync(path.join(root, folder), { recursive: true, force: true })
  const { ok, output } = await run('vite', ['build', '--config', 'web/vite.config.ts', '--logLevel', 'warn'], { env: toolEnvironment() })
  if (!ok) return { ok, output }
  await compressAssets()
  writeStamp(stamp, before)
  return { ok, output: '' }
}

/** As {@link buildWeb}, told to a person. @returns {Promise<boolean>} */
export async function buildWebAloud() {
  say('bastion: building the web interface …')
  const { ok, output } = await buildWeb()
  if (!ok) say(`${output}\nbastion: the web interface could not be built (above)`)
  return ok
}

/** Once here instead of for every browser. */
async function compressAssets() {
  const assets = path.join(root, folder, 'assets')
  for (const name of readdirSync(assets)) {
    if (!/[.](js|css|svg)$/.test(name)) continue
    const content = readFileSync(path.join(assets, name))
    writeFileSync(path.join(assets, `${name}.gz`), await promisify(gzip)(content, { level: 9 }))
    writeFileSync(path.join(assets, `${name}.br`), await promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }))
  }
}

function fingerprint() {
  return treeFingerprint([
    'web/src',
    'web/public',
    'web/index.html',
    'web/vite.config.ts',
    'src/core',
    'src/protocol',
    'src/client',
    'scripts/support/build-web.mjs',
    'node_modules/vite/package.json',
    'node_modules/vue/package.json',
    'node_modules/@nuxt/ui/package.json',
  ])
}
