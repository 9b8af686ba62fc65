import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { isCaseFor, targetContract } from '../../src/engine/targets/contract.ts'
import type { Target } from '../../src/engine/targets/target.ts'

/**
 * Every promise of the target contract, as a test each; cases a target does not claim are skipped, saying so.
 * @param cannot promises that a server breaks whoever its client is, by the name of the case, each with the reason its skip says
 */
export function testTargetContract(name: string, open: () => Target | Promise<Target>, cannot: Readonly<Record<string, string>> = {}): void {
  const unknown = Object.keys(cannot).filter((known) => !targetContract.some((each) => each.name === known))
  if (unknown.length > 0) throw new Error(`No case of the contract is called "${unknown.join('", "')}"`)

  describe(`contract: ${name}`, () => {
    let target: Target
    beforeAll(async () => {
      target = await open()
    })
    afterAll(async () => {
      await target.close()
    })
    for (const contractCase of targetContract) {
      test(contractCase.name, async ({ skip }) => {
        if (!isCaseFor(contractCase, target.features)) skip(`the target does not claim ${contractCase.needs.join(', ')}`)
        const why = cannot[contractCase.name]
        if (why !== undefined) skip(why)
        const prefix = `contract/${randomUUID()}`
        try {
          await contractCase.run(target, { prefix })
        } finally {
          await target.removeTree(prefix)
        }
      })
    }
  })
}
