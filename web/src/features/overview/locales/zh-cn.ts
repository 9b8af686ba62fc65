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
  overdue: '已逾期',
  deletes: '删除队列',
  deletesText: '1 个删除无法继续 | 1 个删除无法继续 | {count} 个删除无法继续',
  holds: '缺失的备份',
  holdsText: '1 个目标上同时缺失过多备份 | 1 个目标上同时缺失过多备份 | {count} 个目标上同时缺失过多备份',
  leases: '源快照',
  leasesText: '遗留了 1 个 | 遗留了 1 个 | 遗留了 {count} 个',
  keyNotExported: '此密钥只存在于此 Hub。请导出并另行保存。',
  running: '运行中',
  queued: '{count} 个排队中',
  quiet: '当前没有运行。',
  upcoming: '接下来',
  history: '最近的运行',
}
