import path from 'node:path'
import { expect, test } from 'vitest'
import { normalUser } from '../../support/as-user.ts'
import { bastion } from '../../support/bastion-process.ts'
import { startSqliteApplication } from '../../support/sqlite-application.ts'
import { applicationFolder } from '../../support/sqlite-case.ts'
import { pathsOf, readTrace, whyNoStrace } from '../../support/strace.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const skipReason = await whyNoStrace()

test('the process that packs opens a database once, for its first bytes and before it is captured; all else is done by a process that does nothing besides', async ({
  skip,
}) => {
  skip(skipReason !== undefined, skipReason)
  await using folder = await applicationFolder()
  await using work = await temporaryFolder()
  await using application = await startSqliteApplication(normalUser)
  const open = await application.open(path.join(folder.path, 'open.db'), 'wal')
  await open.insertEvery(5)
  const closed = await application.open(path.join(folder.path, 'closed.db'), 'wal')
  await closed.insert(50)
  await closed.close()

  const trace = path.join(work.path, 'trace')
  const under = ['strace', '-f', '-y', '-s', '4096', '-o', trace, '-e', 'trace=openat,open,execve']
  const folders = ['--to', path.join(work.path, 'target'), '--data-dir', path.join(work.path, 'data')]
  await bastion(['backup', folder.path, ...folders, '--snapshot', 'off'], { under })

  const calls = readTrace(trace).filter(({ succeeded }) => succeeded)
  const reader = calls.find(({ name, args }) => name === 'execve' && args.includes('capture-worker'))!
  for (const name of ['open.db', 'closed.db']) {
    const opens = calls.filter((call) => call.name !== 'execve' && pathsOf(call).includes(path.join(folder.path, name)))
    const byPacker = opens.filter(({ pid }) => pid !== reader.pid)
    expect(byPacker).toHaveLength(1)
    const first = opens.find(({ pid }) => pid === reader.pid)
    expect(byPacker[0]!.endedAt).toBeLessThan(first!.startedAt)
  }
})
