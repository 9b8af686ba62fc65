import { existsSync } from 'node:fs'
import path from 'node:path'
import { root, run, say } from './run.mjs'
import { contentFingerprint, readStamp, writeStamp } from './stamp.mjs'

/** The lockfile is this version's; `npm ci` cannot read what several of our tools publish for other platforms. */
const pnpm = 'pnpm@12.21.0'
const stamp = 'node_modules/.cache/bastion/installed'
const inputs = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc']

export function needsInstall() {
  return !existsSync(path.join(root, 'node_modules', '.modules.yaml')) || readStamp(stamp) !== contentFingerprint(inputs)
}

/** Brings node_modules to what the lockfile says. @returns {Promise<boolean>} false when it could not; the reason has been printed */
export async function install() {
  const fingerprint = contentFingerprint(inputs)
  say('bastion: installing packages …')
  const { ok, output } = await run('npx', ['-y', pnpm, 'install', '--frozen-lockfile'])
  if (ok) writeStamp(stamp, fingerprint)
  else say(`${output}\nbastion: the packages could not be installed (above)`)
  return ok
}
