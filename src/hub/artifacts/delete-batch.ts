import { isDeepStrictEqual } from 'node:util'
import { mostDeletesAtOnce } from '../../protocol/node-requests.ts'
import type { ArtifactRecord } from '../store/artifact-store.ts'
import type { DeleteTaskRecord } from '../store/delete-task-store.ts'

export interface DeleteCandidate {
  task: DeleteTaskRecord
  artifact: ArtifactRecord
}

/** How much one request is worth: what it has done is known when all of it is. */
const mostBytes = 2 ** 30
const mostTreeFiles = 5000

/** The first, and those behind it that can go with it: to the same place, as described in the same words, and not too much in all. */
export function chooseBatch(candidates: readonly DeleteCandidate[]): DeleteCandidate[] {
  const [first] = candidates
  if (first === undefined) return []
  const chosen: DeleteCandidate[] = []
  let bytes = 0
  let treeFiles = 0
  for (const candidate of candidates) {
    const { artifact } = candidate
    if (chosen.length === mostDeletesAtOnce) break
    if (!isDeepStrictEqual(artifact.target_snapshot, first.artifact.target_snapshot)) continue
    bytes += artifact.stored_bytes
    treeFiles += artifact.artifact_format === 'raw_tree_v1' ? artifact.files : 0
    if (chosen.length > 0 && (bytes > mostBytes || treeFiles > mostTreeFiles)) break
    chosen.push(candidate)
  }
  return chosen
}
