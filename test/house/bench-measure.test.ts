import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { measure } from '../../bench/measure.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const burn = 'import time\nwhile time.process_time() < 0.2: pass'

test('CPU of a child that a stage has started and waited for counts, and so does that of a thread', async () => {
  const child = await measure({ stages: [['sh', '-c', 'python3 -c "$1"; :', 'sh', burn]] })
  expect(child.cpuS).toBeGreaterThanOrEqual(0.2)
  const thread = await measure({
    stages: [['python3', '-c', 'import sys, threading\nt = threading.Thread(target=exec, args=(sys.argv[1],))\nt.start()\nt.join()', burn]],
  })
  expect(thread.cpuS).toBeGreaterThanOrEqual(0.2)
})

test('memory is that of all stages together, the most a child of theirs had included', async () => {
  const hold = (mebibytes: number) => ['sh', '-c', 'python3 -c "b = bytes(range(256)) * ($1 << 12)"; :', 'sh', String(mebibytes)]
  const { peakBytes } = await measure({ stages: [hold(60), hold(90)] })
  expect(peakBytes).toBeGreaterThan(150 * 2 ** 20)
})

test('a stage that fails fails the measurement, wherever it stands', async () => {
  await expect(measure({ stages: [['sh', '-c', 'echo it is broken >&2; exit 7'], ['cat']] })).rejects.toThrow(/ended with 7: it is broken/)
})

test('settings of programs that stand in the environment do not reach what is measured; what is given does', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'env')
  process.env['RESTIC_REPOSITORY'] = '/somewhere'
  try {
    await measure({ stages: [['sh', '-c', 'env > env']], cwd: folder.path, env: { RESTIC_PASSWORD: 'given' } })
  } finally {
    delete process.env['RESTIC_REPOSITORY']
  }
  const seen = readFileSync(file, 'utf8')
  expect(seen).toContain('RESTIC_PASSWORD=given')
  expect(seen).not.toContain('RESTIC_REPOSITORY')
})

test('one that is interrupted leaves no stage behind', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'pid')
  const interrupted = new AbortController()
  const stages = [['sh', '-c', 'echo $$ > pid.new; mv pid.new pid; exec sleep 600']]
  const ended = measure({ stages, cwd: folder.path }, interrupted.signal).catch((error: unknown) => error)
  while (!existsSync(file)) await delay(10)
  const pid = readFileSync(file, 'utf8').trim()
  interrupted.abort()
  expect(await ended).toMatchObject({ name: 'AbortError' })
  while (isRunning(pid)) await delay(10)
})

/** One that ended and that nobody has collected yet has no command line any more. */
function isRunning(pid: string): boolean {
  const file = `/proc/${pid}/cmdline`
  return existsSync(file) && readFileSync(file, 'utf8').includes('sleep')
}
