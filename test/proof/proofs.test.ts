import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { recordProof, type Proof } from '../support/proof-report.ts'
import { currentScale } from '../support/scale.ts'

const suffix = '.proof.ts'
/** Some are minutes of work, and the machine may be busy. */
const patiently = { timeout: 400_000 }
const proofs = readdirSync(import.meta.dirname).filter((file) => file.endsWith(suffix))

describe('what `npm run prove` shows at full scale holds in its short form', () => {
  test.each(proofs.map((file) => file.slice(0, -suffix.length)))('%s', patiently, async (name) => {
    const proof = (await import(`./${name}.proof.ts`)) as Proof
    const report = recordProof()
    await proof.prove(report, currentScale)
    expect(report.failures).toEqual([])
    expect(report.markdown).not.toBe('')
  })
})
