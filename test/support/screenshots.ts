import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { giveSession, watchedContext } from './web-browser.ts'
import { webPages } from './web-pages.ts'
import { openSampleConsole } from './web-sample.ts'

/** The pictures of the README, by the page each shows. */
const readmePictures = [
  { name: 'overview', colorScheme: 'light' },
  { name: 'run-changed', colorScheme: 'dark' },
  { name: 'restore', colorScheme: 'light' },
] as const
const widths = [1440, 390]
/** Lists go on for longer than anybody looks. */
const mostHiddenPx = 2500
const themes = ['light', 'dark'] as const

/** A picture of every page, or of those whose name begins with one of `wanted`. */
export async function takeScreenshots(folder: string, wanted: readonly string[], say: (text: string) => void): Promise<void> {
  await using sample = await openSampleConsole()
  await mkdir(folder, { recursive: true })
  const pages = webPages(sample).filter(({ name }) => wanted.length === 0 || wanted.some((each) => name.startsWith(each)))
  for (const width of widths) {
    for (const colorScheme of themes) {
      const screen = { width, height: width < 800 ? 844 : 900 }
      await using watched = await watchedContext(sample.browser, sample.hub, { colorScheme, viewport: screen })
      await giveSession(watched.context, sample.hub, sample.api)
      const page = await watched.context.newPage()
      for (const { name, path: address, isThere } of pages) {
        await page.goto(address)
        await page.locator(isThere).filter({ visible: true }).first().waitFor()
        await page.waitForTimeout(250)
        // All of the page, also what one would scroll to.
        const hidden = await page
          .locator('#content')
          .evaluate(({ scrollHeight, clientHeight }: { scrollHeight: number; clientHeight: number }) => scrollHeight - clientHeight)
        await page.setViewportSize({ width, height: screen.height + Math.min(hidden, mostHiddenPx) })
        await page.waitForTimeout(100)
        await page.screenshot({ path: path.join(folder, `${name}-${width}-${colorScheme}.png`) })
        await page.setViewportSize(screen)
      }
      for (const complaint of watched.complaints) say(`${width} ${colorScheme}: ${complaint}`)
    }
  }
}

/** The three small pictures of the README, as WebP of one size. */
export async function takeReadmePictures(folder: string): Promise<void> {
  await using sample = await openSampleConsole()
  await mkdir(folder, { recursive: true })
  for (const { name, colorScheme } of readmePictures) {
    await using watched = await watchedContext(sample.browser, sample.hub, { colorScheme, viewport: { width: 1280, height: 800 } })
    await giveSession(watched.context, sample.hub, sample.api)
    const page = await watched.context.newPage()
    const { path: address, isThere } = webPages(sample).find((each) => each.name === name)!
    await page.goto(address)
    await page.locator(isThere).filter({ visible: true }).first().waitFor()
    await page.waitForTimeout(1000)
    const browser = await watched.context.newCDPSession(page)
    const { data } = await browser.send('Page.captureScreenshot', { format: 'webp', quality: 85 })
    await writeFile(path.join(folder, `${name}.webp`), data, 'base64')
  }
}
