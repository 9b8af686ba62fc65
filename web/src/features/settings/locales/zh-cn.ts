import type { SameKeys } from '../../../locales/same-keys.ts'
import type { settingsEn } from './en.ts'

export const settingsZhCn: SameKeys<typeof settingsEn> = {
  title: '设置',
  runs: '运行',
  runs_per_node: '每个节点同时运行的数量',
  runs_per_node_help: '超出的运行将等待。立即生效；已在进行的运行继续。',
  run_history_days: '运行记录保留天数',
  run_history_days_help: '有备份的运行会一直保留，直到备份不在为止。',
  incomplete_after_days: '残留清理前的天数',
  incomplete_after_days_help: '运行留在目标上、未成为备份的内容，在这么长时间没有动静后移除。',
  retention: '任务保留什么',
  retentionText: '这些规则用于没有自己规则的任务。',
  saved: '设置已生效',
  about: '此 Hub',
  version: '版本',
  api: 'HTTP 接口',
  apiText: '全部调用',
}
