import type { FileVersion } from './file-version.ts'

/** How a version stands to the next older one. `appeared`: the older one has no such file · `unknown`: what is known of them does not tell */
export type VersionStep = 'same' | 'changed' | 'appeared' | 'unknown'

/**
 * Whether the content changed, by BLAKE3. The hash of a sparse file is of its map too, which the same content may have in another way: of those only the same hash, or another size,
 * says something.
 */
export function versionStep(version: FileVersion & { state: 'file' }, older: FileVersion): VersionStep {
  if (older.state === 'unreadable') return 'unknown'
  if (older.state !== 'file') return 'appeared'
  if (version.size !== older.size) return 'changed'
  const [isSparse, wasSparse] = [version.sparse === true, older.sparse === true]
  if (version.hash === undefined || older.hash === undefined || isSparse !== wasSparse) return 'unknown'
  if (version.hash === older.hash) return 'same'
  return isSparse ? 'unknown' : 'changed'
}

/** What is the same is one span. */
type SpanStep = Exclude<VersionStep, 'same'>

/** Neighbours of which the same is to be said. */
export interface VersionSpan<Found> {
  /** newest first, at least one */
  readonly versions: readonly Found[]
  /** of files, to the next older one; null where nobody has looked at an older one */
  readonly step: SpanStep | null
}

/** Folds versions, newest first, into spans: those of the same content, those that have no such file, those that cannot be asked for one reason. */
export function versionSpans<Found extends { version: FileVersion }>(found: readonly Found[]): VersionSpan<Found>[] {
  const spans: { versions: Found[]; step: SpanStep | null }[] = []
  for (const one of found) {
    const span = spans.at(-1)
    const newer = span?.versions.at(-1)?.version
    const step = newer?.state === 'file' ? versionStep(newer, one.version) : null
    if (span !== undefined && newer !== undefined) {
      if (step === 'same' || isTheSameLack(newer, one.version)) {
        span.versions.push(one)
        continue
      }
      span.step = step
    }
    spans.push({ versions: [one], step: null })
  }
  return spans
}

function isTheSameLack(a: FileVersion, b: FileVersion): boolean {
  if (a.state === 'absent') return b.state === 'absent'
  if (a.state === 'other') return b.state === 'other' && a.kind === b.kind
  return a.state === 'unreadable' && b.state === 'unreadable' && a.error.code === b.error.code && a.error.message === b.error.message
}
