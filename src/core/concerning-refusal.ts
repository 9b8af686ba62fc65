import type { CaptureRefusal } from './sqlite-capture.ts'

/** Those that say nothing about this run: the file would be read like this at any time. */
const expectedRefusals: ReadonlySet<CaptureRefusal> = new Set(['damaged', 'several_names'])

/** Whether a refusal deserves a look. */
export function isConcerning(refusal: CaptureRefusal): boolean {
  return !expectedRefusals.has(refusal)
}
