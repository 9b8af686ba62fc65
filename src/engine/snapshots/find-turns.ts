import { lstatSync } from 'node:fs'
import type { PathRules } from '../../core/path-rules.ts'
import { type BytePath, fsPath, pathText } from '../../lib/byte-path.ts'
import { isBelow, kernelFilesystems } from '../sources/filesystem/source-paths.ts'
import { chooseUnit, realPathOf, type UnitChoice } from './choose-unit.ts'
import { isRefusal, type Refusal, type UnitPlace } from './snapshot-provider.ts'

/** A turn that is to be, with the unit behind it; `null` where none is wanted: left out by a rule, or the kernel's. */
export interface FoundTurn {
  logical: BytePath
  real: BytePath
  place: UnitPlace | Refusal | null
}

/** `<run_id>-<n>`, the name of a snapshot: those of other runs are no part of any source. */
const snapshotName = /\/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}-\d+$/

/**
 * Every place below the roots of a source where another unit begins: the roots themselves, mounts, nested units no mount table shows. Changes nothing.
 * @param options.roots absolute, none below another · `own` directories that are no part of any source
 */
export async function findTurns(
  choice: UnitChoice,
  options: { roots: readonly BytePath[]; rules: PathRules | null; oneFileSystem: boolean; own: readonly BytePath[] },
): Promise<FoundTurn[]> {
  const turns = new Map<BytePath, FoundTurn>()
  const own = [...options.own]
  for (const root of options.roots) {
    const real = realPathOf(root)
    if (real === null) continue // not there, or not to be reached: the walk tells
    await add({ logical: root, real, isWanted: true })
    const { dev } = lstatSync(fsPath(real))
    const isWanted = (logical: BytePath, at: BytePath) =>
      options.rules?.decide(pathText(logical).text, true) !== 'skip' && (!options.oneFileSystem || deviceOf(at) === dev)
    const leftOut: BytePath[] = []
    const mounts = [...choice.host.readMounts().values()].filter(({ mountPoint }) => isBelow(mountPoint, real))
    for (const { mountPoint, fsType } of mounts.toSorted((a, b) => (a.mountPoint < b.mountPoint ? -1 : 1))) {
      const logical = renamed(mountPoint, real, root)
      const isTaken = !kernelFilesystems.has(fsType) && isWanted(logical, mountPoint) && !leftOut.some((above) => isBelow(mountPoint, above))
      if (!isTaken) leftOut.push(mountPoint)
      await add({ logical, real: mountPoint, isWanted: isTaken })
    }
    const nested: BytePath[] = []
    for (const turn of turns.values()) {
      if (turn.place === null || isRefusal(turn.place) || (turn.logical !== root && !isBelow(turn.logical, root))) continue
      // What stands where our snapshots stand is theirs, not the source's.
      own.push(turn.place.unit.holder)
      nested.push(...((await choice.providers.byName(turn.place.unit.provider)?.nested?.(turn.real, turn.place)) ?? []))
    }
    for (const path of nested) {
      const logical = renamed(path, real, root)
      if (!turns.has(logical) && !isOwn(path)) await add({ logical, real: path, isWanted: isWanted(logical, path) })
    }
  }
  return withSharedHolders([...turns.values()])

  async function add({ logical, real, isWanted }: { logical: BytePath; real: BytePath; isWanted: boolean }): Promise<void> {
    turns.set(logical, { logical, real, place: isWanted && !isOwn(real) ? await chooseUnit(real, choice) : null })
  }

  function isOwn(path: BytePath): boolean {
    return snapshotName.test(path) || own.some((directory) => path === directory || isBelow(path, directory))
  }
}

/** One directory for all snapshots of a filesystem: what is nested is not touched. */
function withSharedHolders(turns: FoundTurn[]): FoundTurn[] {
  const holders = new Map<string, BytePath>()
  return turns.map((turn) => {
    if (turn.place === null || isRefusal(turn.place)) return turn
    const { unit } = turn.place
    const holder = holders.get(unit.filesystem) ?? unit.holder
    holders.set(unit.filesystem, holder)
    return { ...turn, place: { ...turn.place, unit: { ...unit, holder } } }
  })
}

function renamed(path: BytePath, real: BytePath, logical: BytePath): BytePath {
  const below = real === '/' ? path : path.slice(real.length)
  return logical === '/' ? below : `${logical}${below}`
}

function deviceOf(path: BytePath): number | undefined {
  return lstatSync(fsPath(path), { throwIfNoEntry: false })?.dev
}
