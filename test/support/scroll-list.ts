import type { Page } from 'playwright-core'
import { type Frames, framesDuring, heapBytes } from './page-clock.ts'

/** A list of a page that draws only the rows that are seen. */
export interface LongList {
  name: string
  address: string
  /** leads from the address to the list */
  reach?: (page: Page) => Promise<void>
  /** what finds the rows that are drawn, and what finds the last of all */
  rows: string
  last: string
  /** what has to have the focus, so that the keys are for the list */
  box?: string
}

export interface Scrolled {
  down: Frames
  /** from the key End until the last row is drawn, with all pages before it */
  endMs: number
  up: Frames
  mostRows: number
  /** with all rows in the page */
  heapBytes: number
}

/** The notch of a wheel. */
export const wheelStepPx = 120

/** Turns the wheel over a list from its first row on, goes to its last one, and turns it back. */
export async function scrollList(page: Page, { address, reach, rows, last, box = 'main' }: LongList, wheelMs: number): Promise<Scrolled> {
  await page.goto(address)
  await reach?.(page)
  await page.locator(rows).first().hover()
  const down = await framesDuring(page, rows, () => turnWheel(page, wheelStepPx, wheelMs))
  await untilItStands(page, box)
  const from = performance.now()
  await page.locator(box).focus()
  await page.keyboard.press('End')
  await page.locator(last).waitFor({ timeout: 600_000 })
  const endMs = performance.now() - from
  await page.locator(last).hover()
  const up = await framesDuring(page, rows, () => turnWheel(page, -wheelStepPx, wheelMs))
  return { down, endMs, up, mostRows: Math.max(down.mostRows, up.mostRows), heapBytes: await heapBytes(page) }
}

/** A list that nobody turns stands: drawing its rows must not move it, or it draws others, which move it again. */
async function untilItStands(page: Page, box: string): Promise<void> {
  const tops: number[] = []
  const isStill = () => tops.length >= 10 && tops.slice(-10).every((top) => top === tops.at(-1))
  while (!isStill()) {
    if (tops.length > 200) throw new Error(`the list does not come to rest: ${tops.slice(-10).join(' ')}`)
    tops.push(await page.locator(box).evaluate(({ scrollTop }: { scrollTop: number }) => scrollTop))
    await page.waitForTimeout(17)
  }
}

/** As fast as the page takes it. */
async function turnWheel(page: Page, stepPx: number, forMs: number): Promise<void> {
  const until = performance.now() + forMs
  while (performance.now() < until) await page.mouse.wheel(0, stepPx)
}
