import { realpathSync } from 'node:fs'
import type { FrozenGrade } from '../../core/grade.ts'
import { type BytePath, fsPath } from '../../lib/byte-path.ts'

/** A place in the tree of a source where reading goes to another unit: a source path, a mount, a nested subvolume. */
export interface Turn {
  /** as the source names it */
  logical: BytePath
  /** without links: where it is, live */
  real: BytePath
  unit?: string
  /** where it is read in a snapshot; `null`: live */
  frozen: { path: BytePath; grade: FrozenGrade; placeholderIno?: number } | null
  /** copies its files instead: everything else of it is read live */
  copyFile?: (live: BytePath, followed: boolean) => BytePath | null
  /** why it is read live though a snapshot was asked for; absent where that was not wanted */
  reason?: string
}

/** Where something is read. */
export interface ReadPlace {
  physical: BytePath
  /** how far what is read there belongs to one moment; `false`: live */
  frozen: FrozenGrade | false
  /** the same place as it is now, without links */
  live: BytePath
}

/** Where the paths of a source are read while snapshots of its units are held. All but the roots go by live paths: behind a link a tree has other logical names. */
export interface FrozenView {
  /** Of a source path. */
  placeOfRoot(logical: BytePath): ReadPlace
  placeOf(live: BytePath): ReadPlace
  /** The names in a directory that are turns; `undefined` where there are none. */
  turnsIn(live: BytePath): ReadonlySet<BytePath> | undefined
  turnAt(live: BytePath): Turn | undefined
  /** Copies a file, where that is how it is frozen: `undefined` where it is not, `null` when this one cannot be. */
  copyFile(live: BytePath, followed: boolean): BytePath | null | undefined
  /** whether anything is frozen by copying */
  readonly copiesFiles: boolean
  /** Whether a directory met in a snapshot stands for a unit that is not in it. */
  isPlaceholder(live: BytePath, ino: number): boolean
}

export function createFrozenView(turns: readonly Turn[]): FrozenView {
  const rootsByName = new Map(turns.map((turn) => [turn.logical, turn]))
  const byPlace = new Map(turns.map((turn) => [turn.real, turn]))
  const names = new Map<BytePath, Set<BytePath>>()
  for (const { real } of turns) {
    const slash = real.lastIndexOf('/')
    const directory = real.slice(0, slash) || '/'
    const set = names.get(directory) ?? new Set()
    names.set(directory, set.add(real.slice(slash + 1)))
  }
  const placeOf = (live: BytePath): ReadPlace => {
    const found = nearest(byPlace, live)
    const frozen = found?.turn.frozen ?? null
    if (found === undefined || frozen === null) return { physical: live, frozen: false, live }
    const base = frozen.path
    return { physical: base === '/' ? found.below || '/' : `${base}${found.below}`, frozen: frozen.grade, live }
  }

  return {
    placeOfRoot: (logical) => placeOf(rootsByName.get(logical)?.real ?? logical),
    placeOf,
    turnsIn: (live) => names.get(live),
    turnAt: (live) => byPlace.get(live),
    copyFile: (live, followed) => nearest(byPlace, live)?.turn.copyFile?.(live, followed),
    copiesFiles: turns.some(({ copyFile }) => copyFile !== undefined),
    isPlaceholder: (live, ino) => nearest(byPlace, live)?.turn.frozen?.placeholderIno === ino,
  }
}

/** Where a link leads: by what is live, for that is what its target names, and then to where that is read. `null`: nowhere. */
export function behindLink(link: ReadPlace, view: FrozenView): ReadPlace | null {
  try {
    return view.placeOf(realpathSync.native(fsPath(link.live), { encoding: 'latin1' }))
  } catch {
    return null
  }
}

/** The turn a path lies behind, and the way from there: "" or "/a/b". */
function nearest(turns: ReadonlyMap<BytePath, Turn>, path: BytePath): { turn: Turn; below: BytePath } | undefined {
  for (let end = path.length; ; end = path.lastIndexOf('/', end - 1)) {
    const turn = turns.get(end <= 0 ? '/' : path.slice(0, end))
    if (turn !== undefined) return { turn, below: path === '/' ? '' : path.slice(Math.max(0, end)) }
    if (end <= 0) return undefined
  }
}
