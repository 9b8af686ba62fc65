import type { SameKeys } from '../../../locales/same-keys.ts'
import type { leasesEn } from './en.ts'

export const leasesZhCn: SameKeys<typeof leasesEn> = {
  title: '源快照',
  state: '状态',
  units: '已冻结的内容',
  run: '运行',
  since: '自',
  attempts: '尝试次数',
  node: '节点',
  is: { held: '使用中', left: '遗留', damaged: '无法读取' },
  reap: '移除遗留快照',
  reaped: '没有需要移除的快照 | 已移除 1 个快照 | 已移除 {count} 个快照',
  empty: '没有源快照',
  emptyText: '冻结源的运行在读取期间持有快照，之后将其移除。',
}
