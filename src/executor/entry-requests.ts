import { compileEntrySearch } from '../core/entry-search.ts'
import { BastionError } from '../core/errors.ts'
import { diffArtifacts } from '../engine/diff.ts'
import { fileVersion } from '../engine/file-version.ts'
import { plainEntry } from '../engine/formats/index-entry.ts'
import { packSelection } from '../engine/pack-selection.ts'
import { findFile, readEntry } from '../engine/read-entry.ts'
import { selectEntries } from '../engine/selection.ts'
import { proveIdentity } from '../engine/targets/target-identity.ts'
import { type BytePath, fromPathText } from '../lib/byte-path.ts'
import { createOrderedLane } from '../lib/ordered-lane.ts'
import type { NodeReply } from '../protocol/node-replies.ts'
import { entryCursor, readEntryCursor } from './entry-cursor.ts'
import { openArtifactAt } from './open-artifact-at.ts'
import { openedTarget, type RequestWork } from './request-work.ts'

/** On a target far away most of the time is waiting. */
const artifactsAtOnce = 8

/** What is asked of the entries of artifacts. */
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

  async 'entries.pack'(request, _means, context) {
    await using opened = await openArtifactAt(request, context)
    await packSelection(opened.artifact, {
      selection: selectEntries(request.only),
      onBegin: () => context.answer({}),
      write: (bytes) => context.write(bytes),
      signal: context.signal,
    })
  },

  async 'entries.search'({ query, after, limit, ...place }, _means, context) {
    const isWanted = compileEntrySearch(query)
    await using opened = await openArtifactAt(place, context)
    const index = await opened.artifact.index()
    const entries: NodeReply<'entries.search'>['entries'] = []
    for await (const frame of index.scan({ ...behind(after), signal: context.signal })) {
      for (const entry of frame) {
        if (!isWanted(entry.path, entry.kind === 'dir')) continue
        if (entries.length === limit) return context.answer({ entries, next: entryCursor(entries.at(-1)!) })
        entries.push(plainEntry(entry))
      }
    }
    context.answer({ entries, next: null })
  },

  async 'entries.diff'({ before, after, limit, ...place }, _means, context) {
    await using old = await openArtifactAt(before, context)
    await using now = await openArtifactAt(place, context)
    const changes: NodeReply<'entries.diff'>['changes'] = []
    for await (const change of diffArtifacts(old.artifact, now.artifact, { ...behind(after), signal: context.signal })) {
      if (changes.length === limit) return context.answer({ changes, next: entryCursor(changes.at(-1)!.entry) })
      const entry = plainEntry(change.entry)
      changes.push(change.kind === 'changed' ? { ...change, entry, before: plainEntry(change.before) } : { ...change, entry })
    }
    context.answer({ changes, next: null })
  },

  async 'entries.history'({ artifacts, path, path_b64, ...place }, _means, context) {
    const { signal } = context
    await using target = await openedTarget(place, context)
    await proveIdentity(target, place.expected_target_id, signal)
    const wanted = fromPathText(path, path_b64)
    const lane = createOrderedLane(artifactsAtOnce)
    const versions: NodeReply<'entries.history'>['versions'] = []
    for (const { job_id: jobId, run_id: runId, identities } of artifacts) {
      await lane.push(
        () => fileVersion(target, { jobId, runId }, wanted, { identities, signal }),
        (version) => void versions.push(version),
      )
    }
    await lane.drain()
    context.answer({ versions })
  },
} as const satisfies RequestWork

/** Where a scan goes on that has ended at `after`. */
function behind(after: string | undefined): { from?: BytePath } {
  return after === undefined ? {} : { from: `${readEntryCursor(after).bytes}\0` }
}
