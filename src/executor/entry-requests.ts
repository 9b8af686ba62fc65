import { BastionError } from '../core/errors.ts'
import { plainEntry } from '../engine/formats/index-entry.ts'
import { findFile, readEntry } from '../engine/read-entry.ts'
import { fromPathText } from '../lib/byte-path.ts'
import type { NodeReply } from '../protocol/node-replies.ts'
import { entryCursor, readEntryCursor } from './entry-cursor.ts'
import { openArtifactAt } from './open-artifact-at.ts'
import type { RequestWork } from './request-work.ts'

/** What is asked of the entries of one artifact. */
export const entryRequests = {
  async 'entries.list'(request, _means, context) {
    await using opened = await openArtifactAt(request, context)
    const index = await opened.artifact.index()
    const directory = fromPathText(request.prefix, request.prefix_b64)
    const after = request.after === undefined ? undefined : readEntryCursor(request.after)
    const entries: NodeReply<'entries.list'>['entries'] = []
    let next: string | null = null
    for await (const entry of index.children(directory, after)) {
      context.signal.throwIfAborted()
      if (entries.length === request.limit) {
        next = entryCursor(entries.at(-1)!)
        break
      }
      entries.push(plainEntry(entry))
    }
    if (entries.length === 0 && after === undefined && directory !== '' && (await index.find(directory))?.kind !== 'dir')
      throw new BastionError('entry_not_found', `the artifact holds no directory /${request.prefix}`)
    context.answer({ entries, next })
  },

  async 'entries.download'(request, _means, context) {
    await using opened = await openArtifactAt(request, context)
    const path = fromPathText(request.path, request.path_b64)
    const entry = await findFile(opened.artifact, path)
    context.answer({ entry: plainEntry(entry) })
    await readEntry(opened.artifact, path, { signal: context.signal, take: (bytes) => context.write(bytes) })
  },
} as const satisfies RequestWork
