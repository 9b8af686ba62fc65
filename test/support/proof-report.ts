import type { Scale } from './scale.ts'

/** What a file `test/proof/<name>.proof.ts` exports. */
export interface Proof {
  /** the claim, as a sentence */
  title: string
  /** Shows that the claim holds. Throwing, or one failed check, refutes it. */
  prove(report: ProofReport, scale: Scale): Promise<void>
}

/** How a proof says what it found; in the order of the calls, this is the body of `docs/proof/<name>.md`. */
export interface ProofReport {
  /** A paragraph, in Markdown. */
  line(text: string): void
  /** A table; every row has a cell for each header. */
  table(headers: readonly string[], rows: readonly (readonly (string | number)[])[]): void
  /** One claim, with what was seen. A failed one is recorded and the proof goes on, so that its page tells everything. */
  check(claim: string, holds: boolean, detail?: string): void
}

/** A report that is kept. */
export interface RecordedProof extends ProofReport {
  readonly markdown: string
  readonly failures: readonly string[]
}

export function recordProof(): RecordedProof {
  const blocks: string[] = []
  const failures: string[] = []
  return {
    line(text) {
      blocks.push(text)
    },
    table(headers, rows) {
      const lines = [headers, headers.map((_, column) => (isNumeric(rows, column) ? '--:' : '---')), ...rows.map((row) => row.map(cell))]
      blocks.push(lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n'))
    },
    check(claim, holds, detail) {
      const said = detail === undefined ? claim : `${claim}: ${detail}`
      if (!holds) failures.push(said)
      const item = `- ${holds ? 'holds' : '**does not hold**'}: ${said}`
      const last = blocks.at(-1)
      if (last?.startsWith('- ')) blocks[blocks.length - 1] = `${last}\n${item}`
      else blocks.push(item)
    },
    get markdown() {
      return blocks.join('\n\n')
    },
    failures,
  }
}

function isNumeric(rows: readonly (readonly (string | number)[])[], column: number): boolean {
  return rows.length > 0 && rows.every((row) => typeof row[column] === 'number')
}

function cell(value: string | number): string {
  return String(value).replaceAll('|', '\\|').replaceAll('\n', ' ')
}
