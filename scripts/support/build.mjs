import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { root, say } from './run.mjs'
import { readStamp, treeFingerprint, writeStamp } from './stamp.mjs'

const folder = 'dist'
const stamp = `${folder}/.built`

export function needsBuild() {
  return readStamp(stamp) !== fingerprint()
}

/**
 * Makes dist anew: the program and one file for each kind of thread, side by side, with what they share. One file is loaded in half the time of two hundred.
 * Types are not looked at here. @returns {Promise<{ ok: boolean, output: string }>}
 */
export async function build() {
  const before = fingerprint() // a file saved meanwhile then counts as a change
  try {
    await bundle()
  } catch (error) {
    return { ok: false, output: String(error) }
  }
  writeStamp(stamp, before)
  return { ok: true, output: '' }
}

/** As {@link build}, told to a person. @returns {Promise<boolean>} */
export async function buildAloud() {
  say('bastion: building …')
  const { ok, output } = await build()
  if (!ok) say(`${output}\nbastion: the build failed (above)`)
  return ok
}

async function bundle() {
  // Installed by now; this module itself is loaded before.
  const { rolldown } = await import('rolldown')
  const threads = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('-worker.ts'))
  const bundled = await rolldown({
    cwd: root,
    input: Object.fromEntries(['cli/main.ts', ...threads].map((file) => [path.basename(file, '.ts'), `./src/${file}`])),
    platform: 'node',
    // Packages stay where they are installed, for some have native code. Of zod a hundred small files are loaded where one would do.
    external: (id) => !/^([./]|\w:|zod(\/|$))/.test(id),
  })
  clear()
  await bundled.write({ dir: path.join(root, folder), format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' })
  await bundled.close()
}

/** The documentation and the web interface have builds of their own (build-docs.mjs, build-web.mjs). */
function clear() {
  const dist = path.join(root, folder)
  mkdirSync(dist, { recursive: true })
  for (const name of readdirSync(dist)) if (name !== 'docs' && name !== 'web') rmSync(path.join(dist, name), { recursive: true })
}

function fingerprint() {
  return treeFingerprint(['src', 'scripts/support/build.mjs', 'node_modules/rolldown/package.json', 'node_modules/zod/package.json'])
}
