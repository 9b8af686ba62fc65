import { existsSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { hooksSchema } from '../../src/core/hooks.ts'
import { nodeCase } from '../support/node-case.ts'

test('a node runs the hooks that it allows itself, and no others, whatever its Hub asks for', async () => {
  await using node = await nodeCase()
  const mark = path.join(node.folder, 'mark')
  const command = ['/usr/bin/touch', mark]
  const plan = () => {
    const made = node.plan()
    return { ...made, source: { ...made.source, hooks: hooksSchema.parse({ before: { command } }) } }
  }
  {
    await using closed = node.start()
    closed.send(node.offer(plan()))
    expect((await closed.next('run.finished')).outcome).toMatchObject({ status: 'failed', error: { code: 'not_allowed' } })
    expect(existsSync(mark)).toBe(false)
  }
  await using open = node.start({ allowedHooks: [command] })
  const allowed = plan()
  open.send(node.offer(allowed))
  expect((await open.next('run.finished', ({ run_id }) => run_id === allowed.run_id)).outcome).toMatchObject({ status: 'success' })
  expect(existsSync(mark)).toBe(true)
})
