import type { RunDetail } from '../../../../src/core/run-detail.ts'

/** What the end of a run said, whatever source it read. */
export function runSummary({ summary }: Pick<RunDetail, 'summary'>) {
  const source = summary?.filesystem ?? summary?.vaultwarden ?? summary?.sqlite
  return { ...source, artifact: summary?.artifact, issues: summary?.issues }
}
