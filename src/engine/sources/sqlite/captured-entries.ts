import { addCapture, type CaptureRefusal, type CaptureReport } from '../../../core/sqlite-capture.ts'
import { type BytePath, pathText } from '../../../lib/byte-path.ts'
import { isGone } from '../../pipeline/read-file.ts'
import type { ComingItem, SourceEntry, SourceItem } from '../source.ts'
import { journalSuffixes, mayBeDatabase, readSqliteHeader } from './sqlite-header.ts'
import type { SqliteCapturer } from './sqlite-capturer.ts'

export interface CaptureOptions {
  /** Those that are captured already, by their paths; each is taken out when it is met. */
  captured: Map<BytePath, SourceEntry>
  /** whether others are looked for, among what is read live */
  findsOthers: boolean
  report: CaptureReport
  onRefused(refused: CaptureRefusal): void
}

/** A database that was met, while names follow that begin with its own: its journals are among them. */
interface Met {
  path: BytePath
  captured: Promise<boolean>
}

/** What is looked at ahead while a database is captured, so that the next one is begun before its turn. */
const entriesAhead = 1000

/**
 * The entries of a source, in their order, with each database in the place of its file and without the journals whose content is in it. A database that is not captured
 * stays as it is, with its journals. Captures are begun ahead of their turn, so that one is copied while another is packed.
 */
export function* capturedEntries(items: Iterable<SourceItem>, capturer: SqliteCapturer, options: CaptureOptions): Generator<ComingItem> {
  const { report } = options
  const source = items[Symbol.iterator]()
  const ahead: { item: ComingItem; isReady: boolean }[] = []
  let met: Met[] = []
  let isEnd = false

  for (;;) {
    while (!isEnd && (ahead.length === 0 || (!ahead[0]!.isReady && ahead.length < entriesAhead && capturer.mayGoAhead()))) take()
    const first = ahead.shift()
    if (first === undefined) return
    yield first.item
  }

  function take(): void {
    const next = source.next()
    if (next.done === true) {
      isEnd = true
      return
    }
    const item = whatBecomesOf(next.value)
    if (!(item instanceof Promise)) {
      // What is told at once needs no copy of what it was when it was listed.
      ahead.push({ item: ahead.length === 0 ? item : kept(item), isReady: true })
      return
    }
    const place = { item, isReady: false }
    ahead.push(place)
    // Who waits for it in its turn hears of it.
    void item.catch(() => {}).then(() => (place.isReady = true))
  }

  function whatBecomesOf(item: SourceItem): ComingItem {
    const path = 'entry' in item ? item.entry.path : item.problem.path
    met = met.filter((one) => path.startsWith(one.path))
    const database = met.find((one) => journalSuffixes.some((suffix) => path === `${one.path}${suffix}`))
    if (database !== undefined && isJournal(item)) return leaveOut(kept(item), database.captured)
    const first = options.captured.get(path)
    if (first !== undefined) {
      options.captured.delete(path)
      met.push({ path, captured: Promise.resolve(true) })
      return { entry: first }
    }
    if ('problem' in item || item.entry.kind !== 'file' || !mayBeDatabase(item.entry.sizeBytes)) return item
    const { entry } = item
    if (!options.findsOthers || entry.frozen !== false || readSqliteHeader(entry.physical, entry.followed) === null) return item
    if (entry.linkCount > 1) {
      refuse(entry, 'several_names')
      return item
    }
    const capturing = capture((kept(item) as { entry: SourceEntry }).entry)
    const captured = capturing.then((outcome) => outcome.isCaptured)
    met.push({ path, captured })
    // Told by the item itself.
    captured.catch(() => {})
    return capturing.then(({ entry: captive }) => ({ entry: captive }))
  }

  async function capture(entry: SourceEntry): Promise<{ entry: SourceEntry; isCaptured: boolean }> {
    const done = await capturer.capture(entry, { check: false })
    if ('refused' in done) {
      refuse(entry, done.refused)
      return { entry, isCaptured: false }
    }
    addCapture(report, { path: pathText(entry.path).text, how: done.how, size_bytes: done.entry.sizeBytes })
    return { entry: done.entry, isCaptured: true }
  }

  function refuse(entry: SourceEntry, refused: CaptureRefusal): void {
    addCapture(report, { path: pathText(entry.path).text, refused })
    options.onRefused(refused)
  }

  /** One that went since it was listed is left out too: that is what an application does with it when it closes. */
  async function leaveOut(item: SourceItem, isCaptured: Promise<boolean>): Promise<SourceItem | null> {
    if (!(await isCaptured)) return item
    report.left_out_total += 1
    return null
  }
}

function isJournal(item: SourceItem): boolean {
  return 'problem' in item ? isGone(item.problem.error) : item.entry.kind === 'file'
}

/** An entry's `stat` is good until the next one is asked for. */
function kept(item: SourceItem): SourceItem {
  if ('problem' in item || item.entry.stat === null) return item
  return { entry: { ...item.entry, stat: item.entry.stat.copy() } }
}
