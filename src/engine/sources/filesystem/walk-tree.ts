import { readdirSync } from 'node:fs'
import type { PathRules } from '../../../core/path-rules.ts'
import { type BytePath, fsPath, pathText } from '../../../lib/byte-path.ts'
import { createFileStater, type FileStat, type FileStater } from '../../../lib/file-stat.ts'
import { behindLink, type FrozenView, type ReadPlace } from '../../snapshots/frozen-view.ts'
import type { SourceEntry, SourceItem } from '../source.ts'

export interface WalkOptions {
  /** absolute logical paths, none below another */
  roots: readonly BytePath[]
  /** where a root is read; what is below it is read below that, but for turns */
  placeOfRoot: (logical: BytePath) => ReadPlace
  /** while snapshots are held */
  view?: FrozenView
  rules: PathRules | null
  symlinkPolicy: 'keep' | 'follow' | 'skip'
  hardlinkPolicy: 'keep' | 'copy'
  /** Asked for each directory: whether its content is read. The directory itself is an entry either way, unless `leave`. */
  enter: (directory: ReadPlace & { logical: BytePath; dev: number; ino: number; parentDev: number | null }) => 'enter' | 'stay' | 'leave'
}

interface Level {
  /** absolute, "" for "/" */
  logical: BytePath
  physical: BytePath
  frozen: ReadPlace['frozen']
  dev: number | null
  live: BytePath
  turns: ReadonlySet<BytePath> | undefined
  names: readonly BytePath[]
  next: number
  /** directories listed whose content comes later in byte order, the next one last */
  pending: Directory[]
  /** dev:ino of the directories on the way here, where links are followed */
  trail: readonly string[]
}

interface Directory extends ReadPlace {
  name: BytePath
  dev: number
  ino: number
}

/**
 * Walks trees in ascending byte order of whole paths, so that the archive, the index and any later merge need no sorting. A directory stands at its own
 * name and its content at `name/`: between the two come siblings such as `name-b` and `name.txt`. Siblings waiting that way are prefixes of each other,
 * hence a stack. Holds the names of the directories it is in and nothing else. Every stat and readdir that fails is told, never skipped.
 */
export function* walkTree(options: WalkOptions): Generator<SourceItem> {
  const stater = createFileStater()
  const levels: Level[] = []
  const roots = options.roots.map((root) => root.slice(1)).toSorted(compareBytes)
  levels.push({ logical: '', physical: '', frozen: false, live: '', dev: null, turns: undefined, names: roots, next: 0, pending: [], trail: [] })

  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const name = level.names[level.next]
    const waiting = level.pending.at(-1)
    if (waiting !== undefined && (name === undefined || waiting.name + '/' < name)) {
      level.pending.pop()
      yield* descend(level, waiting)
    } else if (name !== undefined) {
      level.next += 1
      yield* visit(level, name, levels.length === 1)
    } else {
      levels.pop()
    }
  }

  function* visit(level: Level, name: BytePath, isRoot: boolean): Generator<SourceItem> {
    const logical = `${level.logical}/${name}`
    const path = logical.slice(1)
    let place = isRoot ? options.placeOfRoot(logical) : placeIn(level, name, options.view)
    let stat: FileStat
    let followed = false
    try {
      // A source path that is a link means the tree behind it: storing the link alone would lose what was asked for.
      if (isRoot) followed = stater.byPath(place.physical, false).isSymbolicLink
      stat = stater.byPath(place.physical, isRoot)
    } catch (error) {
      yield { problem: { path, error: error as NodeJS.ErrnoException } }
      return
    }
    if (stat.isSymbolicLink && options.symlinkPolicy !== 'keep') {
      if (options.symlinkPolicy === 'skip') return
      const link = stat.copy()
      const there = options.view === undefined ? place : behindLink(place, options.view)
      const behind = there === null ? null : followLink(there.physical, level.trail, stater)
      if (there !== null && behind !== null) {
        place = there
        stat = behind
        followed = true
      } else {
        stat = link
      }
    }

    const { isDirectory } = stat
    const decision = options.rules?.decide(pathText(logical).text, isDirectory) ?? 'take'
    if (decision === 'skip') return
    const kind = kindOf(stat)
    const entry: SourceEntry = {
      path,
      physical: place.physical,
      kind,
      sizeBytes: kind === 'file' ? stat.size : 0,
      stat,
      linkCount: stat.nlink,
      followed,
      frozen: place.frozen,
    }
    if (!isDirectory) {
      // What is read through a link is a copy, whatever other names the file has: nothing could say of the link that it is one of them.
      if (stat.nlink > 1 && kind === 'file' && !followed && options.hardlinkPolicy === 'keep') entry.linkId = stat.fileId
      yield { entry }
      return
    }

    const { dev, ino } = stat
    const enter = options.enter({ ...place, logical, dev, ino, parentDev: level.dev })
    if (enter === 'leave') return
    // The source "/" has no name of its own. A directory that only leads to what is included is an entry too: its content comes later in byte order.
    if (path !== '') yield { entry }
    if (enter === 'enter') level.pending.push({ ...place, name, dev, ino })
  }

  function* descend(parent: Level, directory: Directory): Generator<SourceItem> {
    const logical = `${parent.logical}/${directory.name}`
    let names: string[]
    try {
      names = readdirSync(fsPath(directory.physical), { encoding: 'latin1' }).sort(compareBytes)
    } catch (error) {
      yield { problem: { path: logical.slice(1), error: error as NodeJS.ErrnoException } }
      return
    }
    const trail = options.symlinkPolicy === 'follow' ? [...parent.trail, `${directory.dev}:${directory.ino}`] : parent.trail
    levels.push({
      logical: logical === '/' ? '' : logical,
      physical: directory.physical === '/' ? '' : directory.physical,
      frozen: directory.frozen,
      dev: directory.dev,
      live: directory.live,
      turns: options.view?.turnsIn(directory.live),
      names,
      next: 0,
      pending: [],
      trail,
    })
  }
}

/** Below its directory, unless another mount or subvolume begins there. */
function placeIn(level: Level, name: BytePath, view: FrozenView | undefined): ReadPlace {
  const live = level.live === '/' ? `/${name}` : `${level.live}/${name}`
  if (level.turns?.has(name) === true && view !== undefined) return view.placeOf(live)
  return { physical: `${level.physical}/${name}`, frozen: level.frozen, live }
}

function compareBytes(a: BytePath, b: BytePath): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** What is behind a link; `null` for a link to nowhere or back into the way here, which stays a link. */
function followLink(physical: BytePath, trail: readonly string[], stater: FileStater): FileStat | null {
  let stat: FileStat | null
  try {
    stat = stater.byPathIfThere(physical, true)
  } catch {
    return null // links in a ring, or behind a directory that may not be passed: what is here is the link
  }
  if (stat === null) return null
  return stat.isDirectory && trail.includes(`${stat.dev}:${stat.ino}`) ? null : stat
}

function kindOf(stat: FileStat): SourceEntry['kind'] {
  if (stat.isFile) return 'file'
  if (stat.isDirectory) return 'dir'
  if (stat.isSymbolicLink) return 'symlink'
  if (stat.isFifo) return 'fifo'
  if (stat.isSocket) return 'socket'
  return 'device'
}
