import { createI18n, useI18n } from 'vue-i18n'
import { en } from '../locales/en.ts'
import type { SameKeys } from '../locales/same-keys.ts'

export type Messages = SameKeys<typeof en>

/** Every text by its path: `jobs.list.title`. */
export type TextKey = PathsOf<typeof en>
type PathsOf<T> = { [Key in keyof T & string]: T[Key] extends string ? Key : `${Key}.${PathsOf<T[Key]>}` }[keyof T & string]

export const languages = { en: 'English', 'zh-CN': '简体中文' } as const
export type Language = keyof typeof languages

const keptIn = 'bastion.language'

export type Texts = Awaited<ReturnType<typeof createTexts>>

/** In the language that was chosen in this browser, or else that of the browser. */
export async function createTexts() {
  const messages: Record<string, Messages> = { en }
  const i18n = createI18n({ legacy: false, locale: 'en', fallbackLocale: 'en', messages })
  const texts = {
    i18n,
    async choose(language: Language) {
      if (language === 'zh-CN') i18n.global.setLocaleMessage(language, (await import('../locales/zh-cn.ts')).zhCn)
      i18n.global.locale.value = language
      document.documentElement.lang = language
    },
    async keep(language: Language) {
      localStorage.setItem(keptIn, language)
      await texts.choose(language)
    },
  }
  await texts.choose(firstLanguage())
  return texts
}

function firstLanguage(): Language {
  const kept = localStorage.getItem(keptIn)
  if (kept !== null && kept in languages) return kept as Language
  return navigator.languages.some((each) => each.toLowerCase().startsWith('zh')) && !navigator.language.startsWith('en') ? 'zh-CN' : 'en'
}

/** The texts of the page: `t('jobs.list.title')`, `t('runs.changed', { count: 3 })`, `t('common.jobs', 2)` with plural forms. Keys are checked by the compiler. */
export function useTexts() {
  const { t, te, locale } = useI18n({ useScope: 'global' })
  return {
    language: locale,
    t: (key: TextKey, values?: Record<string, unknown> | number): string => {
      if (typeof values === 'number') return t(key, values)
      return values === undefined ? t(key) : t(key, values, typeof values['count'] === 'number' ? { plural: values['count'] } : {})
    },
    /** a key that comes from data; null when nobody has written that text */
    tryText: (key: string): string | null => (te(key, 'en') ? t(key) : null),
  }
}
