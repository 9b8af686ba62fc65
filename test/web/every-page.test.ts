import { expect, test } from 'vitest'
import { giveSession, violationsOf, watchedContext, whyNoBrowser } from '../support/web-browser.ts'
import { webPages } from '../support/web-pages.ts'
import { openSampleConsole } from '../support/web-sample.ts'

test('axe finds nothing against any page, light and dark, and no page asks another origin or breaks the security policy', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using sample = await openSampleConsole()
  const found: string[] = []
  for (const [colorScheme, width] of [
    ['light', 1440],
    ['dark', 1440],
    ['light', 390],
    ['dark', 390],
  ] as const) {
    await using watched = await watchedContext(sample.browser, sample.hub, { colorScheme, viewport: { width, height: 900 } })
    await giveSession(watched.context, sample.hub, sample.api)
    const page = await watched.context.newPage()
    for (const { name, path, isThere } of webPages(sample)) {
      await page.goto(path)
      await page.locator(isThere).first().waitFor()
      for (const violation of await violationsOf(page)) found.push(`${name} ${colorScheme} ${width}: ${violation}`)
    }
    found.push(...watched.complaints)
  }
  expect(found).toEqual([])
})
