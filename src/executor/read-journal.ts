import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { RunEvent } from '../core/run-event.ts'
import { journalLineSchema, type WorkOutcome } from '../protocol/runner-messages.ts'

/** A place in a journal: what lies before it has been read. */
export interface JournalPlace {
  offset: number
  /** of the last event before it */
  seq: number
}

export interface JournalPage {
  events: RunEvent[]
  outcome: WorkOutcome | null
  /** where the next page begins; what is not whole there is not written yet, or cut */
  next: JournalPlace
}

export const journalStart: JournalPlace = { offset: 0, seq: 0 }

const chunkBytes = 256 * 1024

/** How far a journal may be told of: what a live runner has written beyond may be gone after a power cut. */
export interface JournalBound {
  seq: number
  /** the outcome too */
  ended: boolean
}
const wholeJournal: JournalBound = { seq: Number.POSITIVE_INFINITY, ended: true }

/**
 * The events behind a place, and the outcome where it follows them. A page ends after some hundred KiB; the last one is empty.
 * A line that is no line of a journal, or has not the number that follows, ends it: nothing behind it counts.
 * @throws the system's error
 */
export async function readJournal(file: string, from: JournalPlace, bound = wholeJournal): Promise<JournalPage> {
  await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW)
  const page: JournalPage = { events: [], outcome: null, next: { ...from } }
  for (const line of await wholeLines(handle, from.offset)) {
    const parsed = parseLine(line)
    if (parsed === null) break
    if ('outcome' in parsed) {
      if (parsed.last_seq !== page.next.seq || !bound.ended) break
      page.outcome = parsed.outcome
    } else {
      if (parsed.seq !== page.next.seq + 1 || parsed.seq > bound.seq) break
      page.events.push(parsed.event)
      page.next.seq = parsed.seq
    }
    page.next.offset += line.length + 1
    if (page.outcome !== null) break
  }
  return page
}

/** The whole journal but its events: where what counts ends, and the outcome. */
export async function journalEnd(file: string): Promise<{ end: JournalPlace; outcome: WorkOutcome | null }> {
  for (let place = journalStart; ;) {
    const { events, outcome, next } = await readJournal(file, place)
    if (outcome !== null || events.length === 0) return { end: next, outcome }
    place = next
  }
}

/** Cuts off what does not count, and makes the rest durable. @throws the system's error */
export async function mendJournal(file: string, end: JournalPlace): Promise<void> {
  await using handle = await open(file, constants.O_RDWR | constants.O_NOFOLLOW)
  if ((await handle.stat()).size > end.offset) await handle.truncate(end.offset)
  await handle.sync()
}

/** At least one, when there is one whole. */
async function wholeLines(handle: FileHandle, offset: number): Promise<Buffer[]> {
  let bytes = Buffer.alloc(0)
  for (;;) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(chunkBytes), 0, chunkBytes, offset + bytes.length)
    bytes = Buffer.concat([bytes, buffer.subarray(0, bytesRead)])
    if (bytesRead === 0 || bytes.includes(10)) break
  }
  const lines: Buffer[] = []
  for (let from = 0, end = bytes.indexOf(10); end !== -1; from = end + 1, end = bytes.indexOf(10, from)) lines.push(bytes.subarray(from, end))
  return lines
}

function parseLine(line: Buffer): ReturnType<typeof journalLineSchema.parse> | null {
  try {
    return journalLineSchema.parse(JSON.parse(line.toString('utf8')))
  } catch {
    return null
  }
}
