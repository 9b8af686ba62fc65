import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { giveSession, watchedContext } from './web-browser.ts'
import { webPages } from './web-pages.ts'
import { openSampleConsole } from './web-sample.ts'

const widths = [1440, 390]
const themes = ['light', 'dark'] as const

/** A picture of every page, or of those whose name begins with one of `wanted`. */
export async function takeScreenshots(folder: string, wanted: readonly string[], say: (text: string) => void): Promise<void> {
  await using sample = await openSampleConsole()
  await mkdir(folder, { recursive: true })
  const pages = webPages(sample).filter(({ name }) => wanted.length === 0 || wanted.some((each) => name.startsWith(each)))
  for (const width of widths) {
    for (const colorScheme of themes) {
      await using watched = await watchedContext(sample.browser, sample.hub, { colorScheme, viewport: { width, height: width < 800 ? 844 : 900 } })
      await giveSession(watched.context, sample.hub, sample.api)
      const page = await watched.context.newPage()
      for (const { name, path: address, isThere } of pages) {
        await page.goto(address)
        await page.locator(isThere).first().waitFor()
        await page.waitForTimeout(250)
        await page.screenshot({ path: path.join(folder, `${name}-${width}-${colorScheme}.png`) })
      }
      for (const complaint of watched.complaints) say(`${width} ${colorScheme}: ${complaint}`)
    }
  }
}
