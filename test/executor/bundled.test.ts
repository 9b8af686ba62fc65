import { existsSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { nodeCase } from '../support/node-case.ts'

const root = path.join(import.meta.dirname, '..', '..')

test.for(['dist/main.js', 'bin/bastion.mjs'])('a runner is started as it is installed, with its threads: %s', async (program, context) => {
  if (!existsSync(path.join(root, 'dist/main.js'))) context.skip('not built: npm run build')
  await using node = await nodeCase()
  await using executor = node.start({ runnerCommand: [process.execPath, path.join(root, program), 'runner'] })
  for (const format of ['archive_v1', 'raw_tree_v1'] as const) {
    const plan = node.plan()
    executor.send(node.offer({ ...plan, pipeline: { ...plan.pipeline, format } }))
    await executor.next('run.finished', ({ run_id }) => run_id === plan.run_id)
    expect(node.kept.outcomes.get(plan.run_id)).toMatchObject({ status: 'success', artifact: { format, totals: { files: 21 } } })
  }
})
