import { BastionError } from '../core/errors.ts'
import type { FileVersion } from '../core/file-version.ts'
import { failureOf } from '../core/run.ts'
import type { BytePath } from '../lib/byte-path.ts'
import { type ArtifactRef, openArtifact } from './open-artifact.ts'
import type { Target } from './targets/target.ts'

/**
 * What an artifact holds at `path`. Of its index it reads the tables and the frame the path is in, of a hard link that of its content too.
 * @throws only when it is aborted: why an artifact cannot be read is a version as well
 */
export async function fileVersion(
  target: Target,
  ref: ArtifactRef,
  path: BytePath,
  options: { identities: readonly string[]; signal: AbortSignal },
): Promise<FileVersion> {
  try {
    const index = await (await openArtifact(target, ref, options)).index()
    const named = await index.find(path)
    const entry = named?.kind === 'hardlink' && named.targetBytes !== undefined ? await index.find(named.targetBytes) : named
    if (entry === null) return { state: 'absent' }
    if (entry.kind !== 'file') return { state: 'other', kind: entry.kind }
    const { size = 0, hash, mtime_ns, sparse, grade } = entry
    return { state: 'file', size, mtime_ns, ...(hash && { hash }), ...(sparse && { sparse }), ...(grade && { grade }) }
  } catch (error) {
    if (options.signal.aborted || !(error instanceof BastionError) || error.code === 'canceled') throw error
    return { state: 'unreadable', error: failureOf(error) }
  }
}
