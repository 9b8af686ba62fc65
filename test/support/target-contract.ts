import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isCaseFor, targetContract } from '../../src/engine/targets/contract.ts'
import type { Target, TargetFeatures } from '../../src/engine/targets/target.ts'

/** A feature some case of the contract is about. */
export type ContractFeature = 'atomicPut' | 'rangeReads' | 'conditionalPut' | 'realTree'

/**
 * Every promise of the target contract that a target with these features makes, as a test each; and that it has these and no others.
 * @param cannot promises that a server breaks whoever its client is, by the name of the case, each with the reason its skip says
 */
export function testTargetContract(
  name: string,
  claims: readonly ContractFeature[],
  open: () => Target | Promise<Target>,
  cannot: Readonly<Record<string, string>> = {},
): void {
  const unknown = Object.keys(cannot).filter((known) => !targetContract.some((each) => each.name === known))
  if (unknown.length > 0) throw new Error(`No case of the contract is called "${unknown.join('", "')}"`)
  const features: TargetFeatures = Object.fromEntries(claims.map((feature) => [feature, true]))

  describe(`contract: ${name}`, () => {
    let target: Target
    beforeAll(async () => {
      target = await open()
    })
    afterAll(async () => {
      await target.close()
    })
    test(`it claims ${claims.join(', ')} and nothing else that has cases`, () => {
      const withCases = new Set(targetContract.flatMap(({ needs }) => needs))
      expect([...withCases].filter((feature) => target.features[feature] !== undefined).toSorted()).toEqual([...claims].toSorted())
    })
    for (const contractCase of targetContract.filter((each) => isCaseFor(each, features))) {
      test(contractCase.name, async ({ skip }) => {
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
