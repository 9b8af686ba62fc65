import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RunEvent } from '../../src/core/run-event.ts'
import type { RunOutcome } from '../../src/core/run.ts'
import { openJournal } from '../../src/executor/journal.ts'
import { journalEnd, journalStart, mendJournal, readJournal } from '../../src/executor/read-journal.ts'
import { soon } from '../support/node-case.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { mountTmpfs, whyNoTmpfs } from '../support/tmpfs.ts'

const event = (kind: RunEvent['kind'], message = ''): RunEvent => ({ ts: 1, level: 'info', kind, message, fields: {} })
const canceled: RunOutcome = { status: 'canceled' }

async function emptyJournal() {
  const folder = await temporaryFolder()
  const file = path.join(folder.path, 'journal.ndjson')
  writeFileSync(file, '')
  return { file, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

test('what is written is read: events, then the outcome', async () => {
  await using place = await emptyJournal()
  using journal = openJournal({ file: place.file, lastSeq: 0 })
  journal.append(event('started'))
  journal.append(event('complete'))
  expect(await readJournal(place.file, journalStart)).toMatchObject({ events: [event('started'), event('complete')], outcome: null })
  journal.end(canceled)
  expect(await readJournal(place.file, journalStart)).toMatchObject({ outcome: canceled, next: { seq: 2 } })
})

test('parts are durable together and soon, everything else at once, and only then it is told', async () => {
  await using place = await emptyJournal()
  const told: number[] = []
  using journal = openJournal({ file: place.file, lastSeq: 0, onDurable: () => told.push(journal.durableSeq) })
  journal.append(event('started'))
  journal.append(event('part_stored'))
  journal.append(event('part_stored'))
  expect(told).toEqual([1])
  await soon(() => (told.length > 1 ? true : undefined))
  expect(told).toEqual([1, 3])
  journal.append(event('part_stored'))
  journal.append(event('complete'))
  expect(told).toEqual([1, 3, 5])
  journal.end(canceled)
  expect([told, journal.ended]).toEqual([[1, 3, 5, 5], true])
})

test('no more is read than is durable', async () => {
  await using place = await emptyJournal()
  using journal = openJournal({ file: place.file, lastSeq: 0 })
  journal.append(event('started'))
  journal.append(event('complete'))
  journal.end(canceled)
  const first = await readJournal(place.file, journalStart, { seq: 1, ended: false })
  expect(first).toMatchObject({ events: [event('started')], outcome: null, next: { seq: 1 } })
  const second = await readJournal(place.file, first.next, { seq: 2, ended: false })
  expect(second).toMatchObject({ events: [event('complete')], outcome: null })
  expect(await readJournal(place.file, second.next, { seq: 2, ended: true })).toMatchObject({ events: [], outcome: canceled })
})

test('a journal of any length is read in pages, none left out', async () => {
  await using place = await emptyJournal()
  const lines = Array.from({ length: 5000 }, (_, i) => JSON.stringify({ seq: i + 1, event: event('part_stored', 'x'.repeat(i % 997)) }))
  const long = JSON.stringify({ seq: 5001, event: event('coverage', 'y'.repeat(1_000_000)) })
  writeFileSync(place.file, `${[...lines, long].join('\n')}\n`)
  const messages: string[] = []
  let pages = 0
  for (let at = journalStart; ; pages++) {
    const { events, next } = await readJournal(place.file, at)
    if (events.length === 0) break
    messages.push(...events.map(({ message }) => message))
    at = next
  }
  expect(messages.map((message) => message.length)).toEqual([...lines.map((_, i) => i % 997), 1_000_000])
  expect(pages).toBeGreaterThan(3)
})

test('wherever a journal is cut, what is whole before the cut counts, and it can be gone on with', async () => {
  await using place = await emptyJournal()
  {
    using journal = openJournal({ file: place.file, lastSeq: 0 })
    for (const kind of ['started', 'planning', 'packaging', 'complete'] as const) journal.append(event(kind, 'ä'))
    journal.end(canceled)
  }
  const whole = readFileSync(place.file)
  const lineEnds = [...whole.entries()].filter(([, byte]) => byte === 10).map(([at]) => at + 1)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), fc.uint8Array({ maxLength: 20 }), async (cut, garbage) => {
      writeFileSync(place.file, whole.subarray(0, cut))
      if (cut < whole.length) appendFileSync(place.file, garbage)
      const linesLeft = lineEnds.filter((end) => end <= cut).length
      const { end, outcome } = await journalEnd(place.file)
      expect(end.seq).toBe(Math.min(linesLeft, 4))
      expect(outcome).toEqual(linesLeft === 5 ? canceled : null)
      await mendJournal(place.file, end)
      expect(readFileSync(place.file)).toEqual(whole.subarray(0, lineEnds[linesLeft - 1] ?? 0))
    }),
    { numRuns: 200 },
  )
})

const noTmpfs = await whyNoTmpfs()
describe.skipIf(noTmpfs !== undefined)(`on a disk that is full${noTmpfs === undefined ? '' : `: ${noTmpfs}`}`, () => {
  test('an event that does not fit fails, leaves nothing of itself, and none follows it', async () => {
    await using folder = await temporaryFolder()
    await using disk = await mountTmpfs(path.join(folder.path, 'disk'), 64 * 1024)
    const file = path.join(disk.path, 'journal.ndjson')
    writeFileSync(file, '')
    using journal = openJournal({ file, lastSeq: 0 })
    const fill = () => {
      for (;;) journal.append(event('scan', 'z'.repeat(1500)))
    }
    expect(fill).toThrow('ENOSPC')
    expect(() => journal.append(event('failed'))).toThrow('ENOSPC')
    expect(() => journal.end(canceled)).toThrow('ENOSPC')
    const { end, outcome } = await journalEnd(file)
    expect([end.seq, end.offset, outcome]).toEqual([journal.durableSeq, readFileSync(file).length, null])
  })
})
