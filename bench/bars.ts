import type { PeerName } from './pairings.ts'

export const rowNames = ['store', 'restore'] as const
/** What is timed of a peer: a first backup, or the way back. */
export type RowName = (typeof rowNames)[number]

/** What the wall time of ours divided by the peer's is to be, over all corpora. */
export interface Bar {
  /** a bar that has to be reached; `null` for figures that are only reported */
  gate: { geometricMean: number; worst: number | null } | null
  /** what we are here for */
  aim: number | null
}

const reported: Bar = { gate: null, aim: null }

/** `restore: null` where it is compared and not timed. */
export const bars: Record<PeerName, { store: Bar; restore: Bar | null }> = {
  tar: { store: { gate: { geometricMean: 1.05, worst: 1.2 }, aim: 0.8 }, restore: { gate: null, aim: 0.6 } },
  'tar-age': { store: { gate: { geometricMean: 1.15, worst: 1.25 }, aim: 0.85 }, restore: { gate: { geometricMean: 1, worst: null }, aim: 0.6 } },
  restic: { store: { gate: { geometricMean: 0.4, worst: null }, aim: 0.22 }, restore: reported },
  borg: { store: { gate: { geometricMean: 0.5, worst: null }, aim: 0.3 }, restore: reported },
  'borg-encrypted': { store: { gate: { geometricMean: 0.5, worst: null }, aim: 0.3 }, restore: reported },
  cp: { store: { gate: { geometricMean: 0.9, worst: null }, aim: 0.55 }, restore: null },
  rsync: { store: { gate: { geometricMean: 0.75, worst: null }, aim: 0.45 }, restore: null },
  'rclone-webdav': { store: { gate: { geometricMean: 0.8, worst: null }, aim: 0.4 }, restore: null },
  'rclone-sftp': { store: { gate: { geometricMean: 0.8, worst: null }, aim: 0.4 }, restore: null },
  'rclone-s3': { store: { gate: { geometricMean: 0.8, worst: null }, aim: 0.4 }, restore: null },
}

/** Of ours, in every row. */
export const maxPeakBytes = 400 * 1024 * 1024

/** What is only reported needs no more rounds than show that it is no accident. */
const maxReportedRounds = 3

export function roundsOf({ gate }: Bar, rounds: number): number {
  return gate === null ? Math.min(rounds, maxReportedRounds) : rounds
}
