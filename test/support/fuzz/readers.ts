import { openAgeHeaderReader, openAgePayloadReader } from './fuzz-age.ts'
import { openArtifactReader } from './fuzz-artifact.ts'
import { openFrameDecoder, openFrameFinder, openSeekTableReader } from './fuzz-frames.ts'
import { openIndexReader } from './fuzz-index.ts'
import { openJsonReader } from './fuzz-json.ts'
import type { FuzzReader } from './fuzz-reader.ts'
import { openRawTreeReader } from './fuzz-raw-tree.ts'
import { openTarReader } from './fuzz-tar.ts'

/** Every reader of untrusted bytes, and how many cases it gets in the short form and in the full one. */
export const readers = {
  tar: { title: 'tar headers and streams, both ways', open: openTarReader, cases: [1500, 440_000] },
  json: { title: 'manifest, markers, target identity', open: openJsonReader, cases: [1000, 200_000] },
  'age-header': { title: 'age headers', open: openAgeHeaderReader, cases: [500, 110_000] },
  'age-payload': { title: 'age payloads, streamed and at any place', open: openAgePayloadReader, cases: [150, 23_000] },
  'seek-table': { title: 'seek tables', open: openSeekTableReader, cases: [500, 100_000] },
  'frame-finder': { title: 'frames without a table', open: openFrameFinder, cases: [300, 40_000] },
  frame: { title: 'zstd frames', open: openFrameDecoder, cases: [300, 40_000] },
  index: { title: 'entries index', open: openIndexReader, cases: [300, 40_000] },
  'raw-tree': { title: 'whole trees: the same', open: openRawTreeReader, cases: [36, 10_000] },
  artifact: { title: 'whole archives: list, ls, cat, find, diff, verify, restore', open: openArtifactReader, cases: [36, 12_000] },
} as const satisfies Record<string, { title: string; open: () => FuzzReader | Promise<FuzzReader>; cases: readonly [short: number, full: number] }>

export type ReaderName = keyof typeof readers
