import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import { objectNames, runPrefix } from '../../../src/core/artifact.ts'
import { isSafePath } from '../../../src/engine/formats/index-entry.ts'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import type { StoredRun } from '../engine.ts'
import { forgedRef } from './forge-artifact.ts'
import { broken } from './fuzz-reader.ts'
import { removeTree, snapshotOf } from './outside-tree.ts'
import type { Random } from './random.ts'

/** A folder with a raw tree in it whose objects somebody has replaced by what leads elsewhere. */
export interface PlantedTarget extends Disposable {
  run: StoredRun
  /** Of {@link plantedContent}, when it is to be had through a link only. */
  outsideHash?: string
  /** whether the artifact itself, or what it is opened by, stands behind a link */
  isBehindLink: boolean
  /** Whatever was read, neither the folder nor what lies beside it was changed. */
  check(): void
}

/** What nothing else in an artifact is. */
export const plantedContent = 'the content of the file that was planted\n'

/** @param folder which is made, and removed · `objects` those a folder cannot hold are left out */
export function plantTarget(folder: string, objects: ReadonlyMap<string, Buffer>, random: Random): PlantedTarget {
  const root = path.join(folder, 'target')
  const outside = path.join(folder, 'outside')
  const prefix = runPrefix(forgedRef.jobId, forgedRef.runId)
  const directory = path.join(root, prefix)
  mkdirSync(outside, { recursive: true })
  mkdirSync(directory, { recursive: true })
  for (const [name, bytes] of objects) storeIn(directory, name, bytes)
  const planted = [...objects].find(([, bytes]) => bytes.equals(Buffer.from(plantedContent)))?.[0]

  const files = [...objects.keys()].filter((name) => isFile(path.join(directory, name)))
  const movable = [prefix, path.dirname(prefix), ...waysTo(planted), ...waysTo(planted), ...files].filter((name) => name !== '.')
  const name = random.pick(movable)
  const victim = name === prefix || name === path.dirname(prefix) ? path.join(root, name) : path.join(directory, name)
  const isMoved = random.chance(0.6)
  if (isMoved) leadOut(victim, path.join(outside, 'moved'), random)
  else if (files.length > 0) spoil(path.join(directory, random.pick(files)), path.join(directory, random.pick(files)), random)
  const isOnWay = isMoved && (victim === path.join(root, name) || (planted !== undefined && (planted === name || planted.startsWith(`${name}/`))))
  const isEssential = new Set<string>([prefix, path.dirname(prefix), objectNames.manifest, objectNames.complete, objectNames.run, objectNames.index])
  const before = [snapshotOf(outside), snapshotOf(root)]

  return {
    run: { target: createLocalDirTarget({ path: root }), ref: forgedRef },
    ...(isOnWay ? { outsideHash: new Blake3Hasher().update(Buffer.from(plantedContent)).digest('hex') } : {}),
    isBehindLink: isMoved && isEssential.has(name),
    check() {
      const after = [snapshotOf(outside), snapshotOf(root)]
      if (after.join() !== before.join()) throw broken('reading changes nothing in a target or beside it', [before, after])
    },
    [Symbol.dispose]: () => removeTree(folder),
  }
}

function storeIn(directory: string, name: string, bytes: Buffer): void {
  if (!isSafePath(name)) return
  try {
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true })
    writeFileSync(path.join(directory, name), bytes, { flag: 'wx' })
  } catch {
    // A name that no folder holds, or one of two that do not go together.
  }
}

function isFile(file: string): boolean {
  try {
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/** An object and the directories it stands in. */
function waysTo(name: string | undefined): string[] {
  if (name === undefined) return []
  return [...name].flatMap((character, at) => (character === '/' ? [name.slice(0, at)] : [])).concat(name)
}

const maxNameBytes = 255
const besides = ' too'

/** Puts a link in the place of what was there, and that where the link leads. */
function leadOut(victim: string, aside: string, random: Random): void {
  // Nor is there anything under a name that no folder holds.
  if (!existsSync(victim)) return
  // There is no room in its name for that of a second one.
  const way = random.below(Buffer.byteLength(path.basename(victim)) > maxNameBytes - besides.length ? 2 : 3)
  renameSync(victim, aside)
  const relative = path.relative(path.dirname(victim), aside)
  if (way < 2) symlinkSync(way === 0 ? aside : relative, victim)
  else {
    // Through a second one, which stands beside it.
    symlinkSync(aside, `${victim}${besides}`)
    symlinkSync(`${path.basename(victim)}${besides}`, victim)
  }
}

/** Puts something else in the place of a file. */
function spoil(file: string, other: string, random: Random): void {
  const way = random.below(6)
  if (way === 0) return appendFileSync(file, 'more')
  if (way === 1) return truncateSync(file, 2 ** 40)
  if (way === 2) return truncateSync(file, random.below(readFileSync(file).length + 1))
  rmSync(file)
  if (way === 3) mkdirSync(file)
  else if (way === 4) spawnSync('mkfifo', [file])
  else if (other !== file) linkSync(other, file)
}
