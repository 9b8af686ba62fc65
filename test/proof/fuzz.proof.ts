import { readers } from '../support/fuzz/readers.ts'
import { runFuzz } from '../support/fuzz/run-fuzz.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'

export const title =
  'Whatever stands at a target is read or refused: no crash, no hang, no memory for lies, nothing written outside of the destination'

const mebibyte = 1024 * 1024
const maxPeakMebibytes = 400
const fullCases = 1_000_000
/** Of fewer, all may be refused by chance: one harmed artifact in ten is still read. */
const casesThatTell = 100

/** Grammars that mean ill and mutations of what is well made, through every reader of untrusted bytes; each case a matter of the seed, the reader and its number. */
export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const summaries = await runFuzz(scale)
  const cases = summaries.reduce((sum, each) => sum + each.cases, 0)
  report.line(
    `${cases} hostile inputs. Each is read every way there is, and must be read to its end or refused with an error of the closed list; what is read must keep the ` +
      'promises of its reader: names that stay below the directory they are joined to, the same from a stream as from a buffer, only bytes that were encrypted, ' +
      'contents with the hashes that were promised. Times are of the processor, for one operation.',
  )
  report.table(
    ['what reads', 'cases', 'read', 'refused', 'slowest ms', 'peak MiB'],
    summaries.map(({ reader, cases: count, outcomes, slowestMs, peakBytes }) => {
      const read = outcomes.read ?? 0
      const refused = Object.values(outcomes).reduce((sum, each) => sum + each, 0) - read
      return [readers[reader].title, count, read, refused, Math.round(slowestMs), Math.round(peakBytes / mebibyte)]
    }),
  )
  report.line(
    'Whole artifacts have objects harmed as a disk harms them, the same under a chain of hashes made anew, or are made by somebody who means ill: entries that lead out, ' +
      'links to be gone through, members that are not what the index says, tables and manifests that lie. Of raw trees in a folder objects are also replaced by links that lead ' +
      'out, pipes, directories and other objects. Each is listed, shown, searched, compared, verified, and restored among traps and to a target, in every conflict policy. What lies beside the destination, and what was in it before, is looked at to the inode and the change time.',
  )
  const finds = summaries.flatMap((each) => each.finds)
  report.check('every case was read or refused, and kept every promise', finds.length === 0, finds.slice(0, 3).join('\n') || undefined)
  const slowest = Math.max(...summaries.map((each) => each.slowestMs))
  report.check('no operation took a second', slowest < 1000, `${Math.round(slowest)} ms`)
  const peak = Math.max(...summaries.map((each) => each.peakBytes)) / mebibyte
  report.check(`no process took ${maxPeakMebibytes} MiB`, peak < maxPeakMebibytes, `${Math.round(peak)} MiB`)
  const idle = summaries.filter(({ cases: count, outcomes }) => count >= casesThatTell && (outcomes.read ?? 0) === 0)
  report.check('every reader got what it could read to its end, too', idle.length === 0, idle.map((each) => each.reader).join(', ') || undefined)
  if (scale === 'full') report.check(`there were ${fullCases} cases`, cases >= fullCases, String(cases))
}
