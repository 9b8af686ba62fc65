import type { SameKeys } from '../../../locales/same-keys.ts'
import type { overviewEn } from './en.ts'

export const overviewZhCn: SameKeys<typeof overviewEn> = {
  title: '概览',
  noJobs: '还没有备份任何内容',
  noJobsText: '第一个备份只需三步：备份什么、备份到哪里、观看运行。',
  sentence: '没有任务 | 1 个任务中有 {good} 个的最新备份良好 | {count} 个任务中有 {good} 个的最新备份良好',
  needs: '需要处理',
  nothing: '没有需要您处理的事项。',
  nodeGone: '未连接：其任务都不会运行',
  neverRan: '从未运行',
  warned: '结束时有警告',
  brake: '保留策略已停止：{brake}',
  keyNotExported: '此密钥只存在于此 Hub。请导出并另行保存。',
  running: '运行中',
  queued: '{count} 个排队中',
  quiet: '当前没有运行。',
  upcoming: '接下来',
  history: '最近的运行',
}
