import type { Page } from 'playwright-core'

/** As much of a page's world as is used in it here; all else of this file runs outside of pages. */
interface PageElement {
  readonly disabled?: boolean
  getBoundingClientRect(): { height: number }
}
interface PageWorld {
  readyAtMs?: Promise<number>
  frames?: { timesMs: number[]; mostRows: number; isOver: boolean }
}
declare const document: {
  querySelector(selector: string): PageElement | null
  querySelectorAll(selector: string): { readonly length: number }
  addEventListener(type: 'click', take: (event: { timeStamp: number }) => void, options: { capture: true; once: true }): void
}
declare function requestAnimationFrame(take: (atMs: number) => void): void

/**
 * Opens an address. @returns the time from the beginning of the navigation until what `selector` finds is drawn and may be used, and the page is free to hear of it;
 * in milliseconds
 */
export async function msToOpen(page: Page, address: string, selector: string): Promise<number> {
  await page.addInitScript((wanted) => {
    const world = globalThis as PageWorld
    world.readyAtMs = new Promise((resolve) => {
      const look = () => {
        const found = document.querySelector(wanted)
        const isReady = found !== null && found.disabled !== true && found.getBoundingClientRect().height > 0
        // One frame later it is drawn, and a task later all is done that came with it.
        requestAnimationFrame(isReady ? () => setTimeout(() => resolve(performance.now())) : look)
      }
      requestAnimationFrame(look)
    })
  }, selector)
  await page.goto(address, { waitUntil: 'commit' })
  return page.evaluate(() => (globalThis as PageWorld).readyAtMs!)
}

/** @returns the time from the next click in the page until what `selector` finds is drawn, in milliseconds */
export function msFromClick(page: Page, selector: string): Promise<number> {
  return page.evaluate(
    (wanted) =>
      new Promise<number>((resolve) => {
        const from = (clickedAtMs: number) => {
          const look = () => {
            const isThere = document.querySelector(wanted) !== null
            requestAnimationFrame(isThere ? () => setTimeout(() => resolve(performance.now() - clickedAtMs)) : look)
          }
          look()
        }
        document.addEventListener('click', ({ timeStamp }) => from(timeStamp), { capture: true, once: true })
      }),
    selector,
  )
}

export interface Frames {
  /** from each frame to the next, ascending */
  ms: readonly number[]
  /** of the rows that are drawn, the most there were at a time */
  mostRows: number
}

/** Counts frames while `work` goes on. */
export async function framesDuring(page: Page, rowSelector: string, work: () => Promise<void>): Promise<Frames> {
  await page.evaluate((rows) => {
    const frames = { timesMs: [] as number[], mostRows: 0, isOver: false }
    ;(globalThis as PageWorld).frames = frames
    const note = (atMs: number) => {
      frames.timesMs.push(atMs)
      frames.mostRows = Math.max(frames.mostRows, document.querySelectorAll(rows).length)
      if (!frames.isOver) requestAnimationFrame(note)
    }
    requestAnimationFrame(note)
  }, rowSelector)
  await work()
  const { timesMs, mostRows } = await page.evaluate(() => {
    const { frames } = globalThis as PageWorld
    frames!.isOver = true
    return frames!
  })
  return {
    ms: timesMs
      .slice(1)
      .map((at, index) => at - timesMs[index]!)
      .toSorted((a, b) => a - b),
    mostRows,
  }
}

/** What the page's scripts hold, after what nobody needs has been collected. */
export async function heapBytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page)
  try {
    await session.send('HeapProfiler.collectGarbage')
    return (await session.send('Runtime.getHeapUsage')).usedSize
  } finally {
    await session.detach()
  }
}
