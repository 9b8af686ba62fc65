import { computed } from 'vue'
import { useServices } from './services.ts'
import { useTexts } from './texts.ts'

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Numbers, sizes and times as the language of the page writes them. */
export function useFormat() {
  const { formats } = useServices()
  const { language: texts, t } = useTexts()
  // Of the ways to write a language the one of this browser: 21/11 or 11/21.
  const language = computed(() => navigator.languages.find((each) => each.split('-')[0] === texts.value.split('-')[0]) ?? texts.value)
  const number = (options?: Intl.NumberFormatOptions) => formats.number(language.value, options)

  function bytes(sizeBytes: number): string {
    const power = sizeBytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(sizeBytes) / 10))
    const value = sizeBytes / 1024 ** power
    return `${number({ maximumFractionDigits: power === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2 }).format(value)} ${units[power]!}`
  }

  /** `850 ms`, `4.2 s`, `3 min 05 s`, `2 h 07 min`, `5 d 3 h` */
  function duration(ms: number): string {
    const seconds = ms / 1000
    if (seconds < 1) return `${Math.round(ms)} ms`
    if (seconds < 60) return `${number({ maximumFractionDigits: seconds < 10 ? 1 : 0 }).format(seconds)} s`
    const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
    if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${two((seconds % 3600) / 60)} min`
    return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`
  }

  /** `3 min ago`, `in 2 days` */
  function relative(at: number, now: number): string {
    const seconds = (at - now) / 1000
    const size = Math.abs(seconds)
    if (size < 5) return t('common.justNow')
    const words = formats.relative(language.value)
    if (size < 60) return words.format(Math.round(seconds), 'second')
    if (size < 3600) return words.format(Math.round(seconds / 60), 'minute')
    if (size < 86_400) return words.format(Math.round(seconds / 3600), 'hour')
    if (size < 30 * 86_400) return words.format(Math.round(seconds / 86_400), 'day')
    if (size < 365 * 86_400) return words.format(Math.round(seconds / (30 * 86_400)), 'month')
    return words.format(Math.round(seconds / (365 * 86_400)), 'year')
  }

  return {
    bytes,
    rate: (bytesPerSecond: number) => `${bytes(bytesPerSecond)}/s`,
    count: (value: number) => number().format(value),
    percent: (share: number) => number({ style: 'percent', maximumFractionDigits: share > 0 && share < 0.1 ? 1 : 0 }).format(share),
    duration,
    relative,
    dateTime: (at: number) => formats.dateTime(language.value, { dateStyle: 'medium', timeStyle: 'medium' }).format(at),
    shortDateTime: (at: number) => formats.dateTime(language.value, { dateStyle: 'short', timeStyle: 'short' }).format(at),
    date: (at: number) => formats.dateTime(language.value, { dateStyle: 'medium' }).format(at),
    time: (at: number) => formats.dateTime(language.value, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(at),
  }
}
