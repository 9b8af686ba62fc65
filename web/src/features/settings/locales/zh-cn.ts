import type { SameKeys } from '../../../locales/same-keys.ts'
import type { settingsEn } from './en.ts'

export const settingsZhCn: SameKeys<typeof settingsEn> = {
  title: '设置',
  runs: '运行',
  runsPerNode: '每个节点同时运行的数量',
  runsPerNodeHelp: '超出的运行将等待。立即生效；已在进行的运行继续。',
  saved: '设置已生效',
  about: '此 Hub',
  version: '版本',
  api: 'HTTP 接口',
  apiText: '全部调用',
}
