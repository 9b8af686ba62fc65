import { BastionError } from '../core/errors.ts'
import { createNameSet } from '../lib/name-set.ts'
import { tarHeaderBound, type TarMember, tarPadding, writeTarHeader } from './formats/archive-v1/tar-header.ts'
import type { IndexedEntry } from './formats/index-entry.ts'
import type { Artifact } from './open-artifact.ts'
import { createEntryContent } from './restoring/entry-content.ts'
import { extractItemOf } from './restoring/extract-item.ts'
import type { Selection } from './selection.ts'

/** So much is collected before it is given away. */
const chunkBytes = 256 * 1024

/**
 * Writes entries as a tar stream (POSIX.1-2017, pax), whatever the format they are stored in. Sockets are left out, holes are written as zeros, and a hard link whose
 * first name is not among them has its content. It ends with two blocks of zeros when every file was whole, and with an error before them otherwise.
 * @param options.onBegin something is selected, and its first bytes come
 * @param options.write waits while nobody takes what it is given
 * @throws entry_not_found when nothing is selected · artifact_damaged · encryption_key_missing · the target's errors · canceled
 */
export async function packSelection(
  artifact: Artifact,
  options: { selection: Selection; onBegin: () => void; write: (bytes: Uint8Array) => Promise<void>; signal: AbortSignal },
): Promise<void> {
  const { selection, onBegin, write, signal } = options
  const index = await artifact.index()
  const content = createEntryContent(artifact, { damaged: false, signal })
  /** files with more than one name that were written under their first */
  const written = createNameSet()
  let begun = false
  let waiting: Uint8Array[] = []
  let waitingBytes = 0

  async function give(bytes: Uint8Array): Promise<void> {
    waiting.push(bytes)
    waitingBytes += bytes.length
    if (waitingBytes >= chunkBytes) await flush()
  }

  async function flush(): Promise<void> {
    const chunk = Buffer.concat(waiting)
    waiting = []
    waitingBytes = 0
    if (chunk.length > 0) await write(chunk)
  }

  async function putFile(entry: IndexedEntry, member: TarMember): Promise<void> {
    const body = await content.of(entry)
    await give(headerOf({ ...member, kind: 'file', sizeBytes: entry.size ?? 0 }))
    if (body instanceof Uint8Array) await give(body)
    else for await (const chunk of body) await give(chunk)
    await give(Buffer.alloc(tarPadding(entry.size ?? 0)))
  }

  for await (const entries of index.scan({ signal })) {
    for (const entry of entries) {
      signal.throwIfAborted()
      if (entry.kind === 'socket' || !selection.takes(entry)) continue
      if (!begun) onBegin()
      begun = true
      const member = memberOf(entry)
      const first = entry.kind === 'hardlink' && !written.has(entry.targetBytes!) ? await index.find(entry.targetBytes!) : null
      if (first !== null) await putFile(first, { ...memberOf(first), path: entry.bytes })
      else if (entry.kind === 'file') await putFile(entry, member)
      else await give(headerOf(member))
      if (entry.hardlink_group !== undefined && entry.kind === 'file') written.add(entry.bytes)
    }
  }
  if (!begun) throw new BastionError('entry_not_found', 'the artifact holds nothing of what was selected')
  await give(Buffer.alloc(1024))
  await flush()
}

function memberOf(entry: IndexedEntry): TarMember {
  const { path, kind, mode, uid, gid, mtimeNs, xattrs, target, device } = extractItemOf(entry)
  return {
    path,
    kind,
    sizeBytes: 0,
    mode,
    uid,
    gid,
    user: entry.user,
    group: entry.group,
    mtimeNs,
    ...(target !== undefined && { linkPath: target }),
    ...(xattrs !== undefined && { xattrs }),
    ...(device !== undefined && { device }),
  }
}

function headerOf(member: TarMember): Uint8Array {
  const header = Buffer.alloc(tarHeaderBound(member))
  return header.subarray(0, writeTarHeader(header, 0, member))
}
