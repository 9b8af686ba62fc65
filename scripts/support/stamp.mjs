import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './run.mjs'

/** @param {string} stamp @returns {string | undefined} */
export function readStamp(stamp) {
  try {
    return readFileSync(path.join(root, stamp), 'utf8')
  } catch {
    return undefined
  }
}

/** @param {string} stamp @param {string} value */
export function writeStamp(stamp, value) {
  mkdirSync(path.dirname(path.join(root, stamp)), { recursive: true })
  writeFileSync(path.join(root, stamp), value)
}

/** By content: these files are few, and a checkout of an older commit gives them new times. @param {readonly string[]} files */
export function contentFingerprint(files) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`)
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(path.join(root, file)))
  return hash.digest('hex')
}

/** By name, size and mtime, so that a removed or renamed file counts as well as a changed one. @param {readonly string[]} paths folders or files */
export function treeFingerprint(paths) {
  const hash = createHash('sha256')
  for (const file of paths) addTree(hash, file)
  return hash.digest('hex')
}

/** @param {import('node:crypto').Hash} hash @param {string} name */
function addTree(hash, name) {
  const stat = statSync(path.join(root, name), { bigint: true })
  if (stat.isDirectory()) for (const child of readdirSync(path.join(root, name)).toSorted()) addTree(hash, `${name}/${child}`)
  else hash.update(`${name} ${stat.size} ${stat.mtimeNs}\n`)
}
