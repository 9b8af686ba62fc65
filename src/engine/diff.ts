import type { EntryChange } from '../core/entry-change.ts'
import type { BytePath } from '../lib/byte-path.ts'
import type { IndexedEntry } from './formats/entries-index-reader.ts'
import type { Artifact } from './open-artifact.ts'

export type Difference =
  | { kind: 'added'; entry: IndexedEntry }
  | { kind: 'removed'; entry: IndexedEntry }
  | { kind: 'changed'; before: IndexedEntry; entry: IndexedEntry; what: EntryChange[] }

interface DiffOptions {
  /** where it starts: at this path, or at the next one */
  from?: BytePath
  signal?: AbortSignal
}

/** What differs from one artifact to another, in path order: both indexes are read once, side by side. */
export async function* diffArtifacts(before: Artifact, after: Artifact, options: DiffOptions = {}): AsyncGenerator<Difference> {
  const old = entriesOf(before, options)
  const now = entriesOf(after, options)
  let a = await old.next()
  let b = await now.next()
  while (a.done !== true || b.done !== true) {
    if (b.done === true || (a.done !== true && a.value.bytes < b.value.bytes)) {
      yield { kind: 'removed', entry: a.value as IndexedEntry }
      a = await old.next()
    } else if (a.done === true || b.value.bytes < a.value.bytes) {
      yield { kind: 'added', entry: b.value }
      b = await now.next()
    } else {
      const what = changesOf(a.value, b.value)
      if (what.length > 0) yield { kind: 'changed', before: a.value, entry: b.value, what }
      a = await old.next()
      b = await now.next()
    }
  }
}

async function* entriesOf(artifact: Artifact, options: DiffOptions): AsyncGenerator<IndexedEntry> {
  const index = await artifact.index()
  for await (const entries of index.scan(options)) yield* entries
}

function changesOf(a: IndexedEntry, b: IndexedEntry): EntryChange[] {
  const what: EntryChange[] = []
  // Which name of a file holds its content is no property of the file.
  const plain = (entry: IndexedEntry) => (entry.kind === 'hardlink' ? 'file' : entry.kind)
  if (plain(a) !== plain(b)) what.push('kind')
  if (a.kind === 'file' && b.kind === 'file' && (a.hash !== b.hash || a.size !== b.size)) what.push('content')
  if (a.kind === b.kind && a.targetBytes !== b.targetBytes) what.push('target')
  if (a.mode !== b.mode) what.push('mode')
  if (a.uid !== b.uid || a.gid !== b.gid) what.push('owner')
  if (a.mtime_ns !== b.mtime_ns && a.kind !== 'dir') what.push('mtime')
  // The names of one file share its attributes, and the first has them.
  if (a.kind === b.kind && xattrsText(a) !== xattrsText(b)) what.push('xattrs')
  return what
}

function xattrsText({ xattrs = {} }: IndexedEntry): string {
  return JSON.stringify(Object.entries(xattrs).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
