import { writeFileSync } from 'node:fs'
import type { SerializedError } from 'vitest'
import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node'

/** What `scripts/test.mjs` adds to its own counts and prints. */
export interface Outcome {
  passed: number
  failed: number
  /** each with its reason, as given to `ctx.skip(reason)` */
  skipped: { test: string; reason: string | undefined }[]
}

/**
 * Writes the outcome to the file that `BASTION_TEST_OUTCOME` names. Vitest's own JSON lacks the reasons of skipped tests, and counts a file
 * that does not load, or an error outside any test, nowhere.
 */
export class OutcomeReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[], reason: TestRunEndReason): void {
    const file = process.env['BASTION_TEST_OUTCOME']
    if (file === undefined) return
    const outcome: Outcome = { passed: 0, failed: errors.length, skipped: [] }
    for (const module of modules) countModule(outcome, module)
    if (reason === 'interrupted') outcome.failed += 1
    writeFileSync(file, JSON.stringify(outcome))
  }
}

function countModule(outcome: Outcome, module: TestModule): void {
  const suites = [module, ...module.children.allSuites()]
  outcome.failed += suites.filter((suite) => suite.errors().length > 0).length
  for (const test of module.children.allTests()) {
    const result = test.result()
    if (result.state === 'passed') outcome.passed += 1
    else if (result.state === 'failed') outcome.failed += 1
    else
      outcome.skipped.push({
        test: `${module.relativeModuleId} > ${test.fullName}`,
        reason: result.state === 'skipped' ? result.note : 'did not run',
      })
  }
}
