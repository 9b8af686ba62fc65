import { afterAll, beforeAll, expect, test } from 'vitest'
import { en } from '../../web/src/locales/en.ts'
import { zhCn } from '../../web/src/locales/zh-cn.ts'
import { scale } from '../support/scale.ts'
import { giveSession, violationsOf, watchedContext, whyNoBrowser } from '../support/web-browser.ts'
import { webPages } from '../support/web-pages.ts'
import { openSampleConsole, type SampleConsole } from '../support/web-sample.ts'
import { flatTexts } from '../support/web-texts.ts'

let sample: SampleConsole | undefined
const slowMs = 600_000

beforeAll(async () => {
  if (whyNoBrowser === undefined) sample = await openSampleConsole()
}, slowMs)
afterAll(() => sample?.[Symbol.asyncDispose]())

/** English texts that stand as they are, and are others in Chinese. */
const chinese = new Set(flatTexts(zhCn).map(([, text]) => text))
const untranslated = new Set(flatTexts(en).flatMap(([, text]) => (/[{|]/.test(text) || chinese.has(text) ? [] : [text])))

const wide = ['light', 'light', 1440, 'en-GB'] as const
const wideAndDark = ['dark', 'dark', 1440, 'en-GB'] as const
const narrow = ['dark and in Chinese on a phone, where none is wider than the screen and none has English texts', 'dark', 390, 'zh-CN'] as const

for (const [how, colorScheme, width, locale] of scale([wide, narrow], [wide, wideAndDark, narrow])) {
  test(`axe finds nothing against any page, ${how}; none asks another origin or breaks the security policy`, { timeout: slowMs }, async (context) => {
    if (sample === undefined) return context.skip(whyNoBrowser)
    const found: string[] = []
    await using watched = await watchedContext(sample.browser, sample.hub, { colorScheme, locale, viewport: { width, height: 900 } })
    await giveSession(watched.context, sample.hub, sample.api)
    const page = await watched.context.newPage()
    for (const { name, path, isThere } of webPages(sample)) {
      await page.goto(path)
      // What is waited for may be a text of the English page.
      await page
        .locator(locale === 'zh-CN' && isThere.startsWith('text=') ? 'h1' : isThere)
        .filter({ visible: true })
        .first()
        .waitFor()
      const tell = (what: string) => found.push(`${name}: ${what}`)
      for (const violation of await violationsOf(page)) tell(violation)
      if (locale !== 'zh-CN') continue
      const overflow = await page
        .locator('#content')
        .evaluate(({ scrollWidth, clientWidth }: { scrollWidth: number; clientWidth: number }) => scrollWidth - clientWidth)
      if (overflow > 0) tell(`${overflow} pixels wider than the screen`)
      const lines = new Set((await page.locator('body').innerText()).split('\n').map((line) => line.trim()))
      for (const line of lines) if (untranslated.has(line)) tell(`not translated: ${line}`)
    }
    expect([...found, ...watched.complaints]).toEqual([])
  })
}
