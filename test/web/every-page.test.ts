import { expect, test } from 'vitest'
import { en } from '../../web/src/locales/en.ts'
import { zhCn } from '../../web/src/locales/zh-cn.ts'
import { giveSession, violationsOf, watchedContext, whyNoBrowser } from '../support/web-browser.ts'
import { flatTexts } from '../support/web-texts.ts'
import { webPages } from '../support/web-pages.ts'
import { openSampleConsole } from '../support/web-sample.ts'

// Each page three times takes its time where the machine is busy.
const timeoutMs = 600_000

test(
  'axe finds nothing against any page, light, dark, or on a phone in Chinese; none asks another origin, breaks the security policy, is wider than the phone, or is not translated',
  {
    timeout: timeoutMs,
  },
  async (context) => {
    if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
    await using sample = await openSampleConsole()
    const found: string[] = []
    for (const looks of [
      { colorScheme: 'light', width: 1440, locale: 'en-GB' },
      { colorScheme: 'dark', width: 1440, locale: 'en-GB' },
      { colorScheme: 'light', width: 390, locale: 'zh-CN' },
    ] as const) {
      const { colorScheme, width, locale } = looks
      await using watched = await watchedContext(sample.browser, sample.hub, { colorScheme, locale, viewport: { width, height: 900 } })
      await giveSession(watched.context, sample.hub, sample.api)
      const page = await watched.context.newPage()
      for (const { name, path, isThere } of webPages(sample)) {
        await page.goto(path)
        // What is waited for may be a text of the English page.
        await page
          .locator(locale === 'zh-CN' && isThere.startsWith('text=') ? 'h1' : isThere)
          .first()
          .waitFor()
        const tell = (what: string) => found.push(`${name} ${colorScheme} ${width}: ${what}`)
        for (const violation of await violationsOf(page)) tell(violation)
        if (locale !== 'zh-CN') continue
        const overflow = await page
          .locator('#content')
          .evaluate(({ scrollWidth, clientWidth }: { scrollWidth: number; clientWidth: number }) => scrollWidth - clientWidth)
        if (overflow > 0) tell(`${overflow} pixels wider than the screen`)
        const lines = new Set((await page.locator('body').innerText()).split('\n').map((line) => line.trim()))
        for (const line of lines) if (untranslated.has(line)) tell(`not translated: ${line}`)
      }
      found.push(...watched.complaints)
    }
    expect(found).toEqual([])
  },
)

/** English texts that stand as they are, and are others in Chinese. */
const chinese = new Set(flatTexts(zhCn).map(([, text]) => text))
const untranslated = new Set(flatTexts(en).flatMap(([, text]) => (/[{|]/.test(text) || chinese.has(text) ? [] : [text])))
