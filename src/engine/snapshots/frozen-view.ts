import type { BytePath } from '../../lib/byte-path.ts'

/** A place in the tree of a source where reading goes to another unit: a source path, a mount, a nested subvolume. */
export interface Turn {
  /** as the source names it */
  logical: BytePath
  /** without links: where it is, live */
  real: BytePath
  unit?: string
  /** where it is read in a snapshot; `null`: live */
  frozen: { path: BytePath; placeholderIno?: number } | null
  /** why it is read live though a snapshot was asked for; absent where that was not wanted */
  reason?: string
}

export interface ReadPlace {
  physical: BytePath
  frozen: boolean
}

/** Where the paths of a source are read while snapshots of its units are held. */
export interface FrozenView {
  /** Of a path as the source names it. */
  placeOf(logical: BytePath): ReadPlace
  /** Of a path without links, wherever in the machine it is: what is behind a link. */
  placeOfReal(real: BytePath): ReadPlace
  /** The names in a directory (absolute, "" for "/") that are turns; `undefined` where there are none. */
  turnsIn(directory: BytePath): ReadonlySet<BytePath> | undefined
  turnAt(logical: BytePath): Turn | undefined
  /** Whether a directory met in a snapshot stands for a unit that is not in it. */
  isPlaceholder(logical: BytePath, ino: number): boolean
}

export function createFrozenView(turns: readonly Turn[]): FrozenView {
  const byLogical = new Map(turns.map((turn) => [turn.logical, turn]))
  const byReal = new Map(turns.map((turn) => [turn.real, turn]))
  const names = new Map<BytePath, Set<BytePath>>()
  for (const { logical } of turns) {
    const slash = logical.lastIndexOf('/')
    const directory = logical.slice(0, slash)
    const set = names.get(directory) ?? new Set()
    names.set(directory, set.add(logical.slice(slash + 1)))
  }

  return {
    placeOf(logical) {
      const found = nearest(byLogical, logical)
      return found === undefined ? { physical: logical, frozen: false } : placeIn(found.turn, found.turn.real, found.below)
    },
    placeOfReal(real) {
      const found = nearest(byReal, real)
      return found === undefined ? { physical: real, frozen: false } : placeIn(found.turn, found.turn.real, found.below)
    },
    turnsIn: (directory) => names.get(directory),
    turnAt: (logical) => byLogical.get(logical),
    isPlaceholder: (logical, ino) => nearest(byLogical, logical)?.turn.frozen?.placeholderIno === ino,
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

function placeIn({ frozen }: Turn, live: BytePath, below: BytePath): ReadPlace {
  const base = frozen?.path ?? live
  return { physical: base === '/' ? below || '/' : `${base}${below}`, frozen: frozen !== null }
}
