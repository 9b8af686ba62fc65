import { isDeepStrictEqual } from 'node:util'
import type { JobTarget } from '../../protocol/job-spec.ts'
import { mostDeletesAtOnce } from '../../protocol/node-requests.ts'
import type { DeleteTaskRecord } from '../store/delete-task-store.ts'

/** Something to be removed: where it is stored, as described at that time, and how much it is. */
export interface DeleteCandidate {
  task: DeleteTaskRecord
  target: JobTarget
  bytes: number
  /** that are removed one by one */
  objects: number
}

/** How much one request is worth: what it has done is known when all of it is. */
const mostBytes = 2 ** 30
const mostObjects = 5000

/** The first, and those behind it that can go with it: to the same place, as described in the same words, and not too much in all. */
export function chooseBatch(candidates: readonly DeleteCandidate[]): DeleteCandidate[] {
  const [first] = candidates
  if (first === undefined) return []
  const chosen: DeleteCandidate[] = []
  let bytes = 0
  let objects = 0
  for (const candidate of candidates) {
    if (chosen.length === mostDeletesAtOnce) break
    if (!isDeepStrictEqual(candidate.target, first.target)) continue
    bytes += candidate.bytes
    objects += candidate.objects
    if (chosen.length > 0 && (bytes > mostBytes || objects > mostObjects)) break
    chosen.push(candidate)
  }
  return chosen
}
