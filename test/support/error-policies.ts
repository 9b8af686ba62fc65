import { chmodSync } from 'node:fs'
import path from 'node:path'
import { BastionError } from '../../src/core/errors.ts'
import { errorPolicySchema } from '../../src/core/filesystem-source.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { entriesBelow, objectsOf, runBackup } from './engine.ts'
import { sourceTree } from './source-tree.ts'

export interface ErrorPolicyOutcome {
  status?: string
  code?: string
  issues: number
  sample: string[]
  readErrors?: number
  grade?: string
  events: string[]
  /** what is stored on the target when it failed */
  left?: string[]
  /** the paths stored when it did not */
  restored?: string[]
}

/** Backs a tree up in which its owner, who must not be root, may not read everything; once under each error policy. */
export async function backUpUnreadable({ folder }: { folder: string }): Promise<Record<string, ErrorPolicyOutcome>> {
  const tree = sourceTree(path.join(folder, 'source'))
    .file('readable', 'r')
    .file('unreadable', 'u', { mode: 0 })
    .file('large unreadable', 200_000, { mode: 0o200 })
    .file('dir unreadable/file', 'f')
    .dir('dir unreadable', { mode: 0o300 })
    .file('dir unsearchable/file', 'f')
    .dir('dir unsearchable', { mode: 0o400 })
    .file('z', 'z')
    .finish()
  const inTree = (name: string) => name.slice(tree.root.length)
  const outcomes: Record<string, ErrorPolicyOutcome> = {}
  for (const error_policy of errorPolicySchema.options) {
    const target = createMemoryTarget()
    const events: string[] = []
    try {
      const run = await runBackup({ target, sources: [tree.root], spec: { error_policy }, onEvent: ({ kind }) => events.push(kind) })
      const { outcome } = run
      outcomes[error_policy] = {
        status: outcome.status,
        issues: outcome.issues.total,
        sample: outcome.issues.sample.map((issue) => inTree(issue.path)).toSorted(),
        readErrors: outcome.source.consistency.read_error_total,
        grade: outcome.summary.grade,
        events,
        restored: [...(await entriesBelow(run, tree.root)).keys()],
      }
    } catch (error) {
      if (!(error instanceof BastionError)) throw error
      const issues = error.details['issues'] as { total: number; sample: { path: string }[] }
      outcomes[error_policy] = {
        code: error.code,
        issues: issues.total,
        sample: issues.sample.map((issue) => inTree(issue.path)).toSorted(),
        events,
        left: [...(await objectsOf(target)).keys()],
      }
    }
  }
  for (const name of ['dir unreadable', 'dir unsearchable']) chmodSync(path.join(tree.root, name), 0o700)
  return outcomes
}
