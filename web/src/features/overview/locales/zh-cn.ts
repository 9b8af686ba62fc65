import type { SameKeys } from '../../../locales/same-keys.ts'
import type { overviewEn } from './en.ts'

export const overviewZhCn: SameKeys<typeof overviewEn> = {
  title: '概览',
}
