import { BastionError, hasCode } from '../../core/errors.ts'
import type { ConflictPolicy } from '../../core/operation.ts'
import type { Body, Target } from '../targets/target.ts'
import type { ExtractOutcome } from './extract-protocol.ts'
import { createTargetLook, type ExistingKey } from './look-at-target.ts'

/** Puts entries at their keys on a target under the conflict policy. Nothing that is there is removed, but an object that is to be overwritten by a file. */
export interface TargetPlacer {
  putFile(key: string, body: Body, sizeBytes: number): Promise<PlaceOutcome>
  /** What `make` makes at a key that is free: a link. `null`: the target makes none. */
  makeLink(key: string, make: (key: string) => Promise<boolean>): Promise<PlaceOutcome | null>
}

/** @param key where it stands */
export type PlaceOutcome = { kind: 'placed'; key: string } | Extract<ExtractOutcome, { kind: 'skipped' | 'conflict' | 'failed' }>

type Existing = ExistingKey['kind']

export function createTargetPlacer(target: Target, options: { conflict: ConflictPolicy; signal: AbortSignal }): TargetPlacer {
  const { conflict, signal } = options
  // Directories that are made meanwhile are the artifact's own, which has no file of the same name.
  const look = createTargetLook(target, signal)
  const lookAt = async (key: string): Promise<Existing | null> => (await look(key))?.kind ?? null

  /** What the policy says to what is there: an outcome, or `null` to go on. */
  function inTheWay(key: string, existing: Existing | null, mayReplace: boolean): PlaceOutcome | null {
    if (existing === null) return null
    if (conflict === 'skip') return { kind: 'skipped' }
    if (conflict === 'fail') throw new BastionError('restore_conflict', `${key} exists already`)
    if (conflict === 'rename' || (mayReplace && existing === 'an object')) return null
    return { kind: 'conflict', message: `${key}: ${existing} is in the way and is not replaced` }
  }

  /** The key and, under the policy `rename`, further names, until `place` finds one that is free. */
  async function atFreeKey(key: string, taken: boolean, place: (key: string) => Promise<boolean>): Promise<PlaceOutcome> {
    for (let n = taken ? 1 : 0; ; n++) {
      const candidate = n === 0 ? key : `${key}.restored-${n}`
      if (n > 0 && (await lookAt(candidate)) !== null) continue
      if (await place(candidate)) return { kind: 'placed', key: candidate }
      const refused = inTheWay(key, 'an object', false)
      if (refused !== null) return refused
    }
  }

  async function told(key: string, work: () => Promise<PlaceOutcome>): Promise<PlaceOutcome> {
    try {
      return await work()
    } catch (error) {
      if (hasCode(error, 'target_rejected')) return { kind: 'failed', message: `${key}: ${error.message}` }
      throw error
    }
  }

  return {
    putFile: (key, body, sizeBytes) =>
      told(key, async () => {
        const existing = await lookAt(key)
        const refused = inTheWay(key, existing, true)
        if (refused !== null) return refused
        if (conflict === 'overwrite') {
          await target.put(key, body, { sizeBytes, signal })
          return { kind: 'placed', key }
        }
        return await atFreeKey(key, existing !== null, async (candidate) => {
          try {
            await target.put(candidate, body, { sizeBytes, ifAbsent: true, signal })
            return true
          } catch (error) {
            if (hasCode(error, 'target_rejected') && error.details['exists'] === true) return false
            throw error
          }
        })
      }),

    async makeLink(key, make) {
      let isMade = true
      const outcome = await told(key, async () => {
        const existing = await lookAt(key)
        const refused = inTheWay(key, existing, false)
        if (refused !== null) return refused
        return await atFreeKey(key, existing !== null, async (candidate) => {
          isMade = await make(candidate)
          return true
        })
      })
      return isMade ? outcome : null
    },
  }
}
