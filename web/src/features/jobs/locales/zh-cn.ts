import type { SameKeys } from '../../../locales/same-keys.ts'
import type { jobsEn } from './en.ts'

export const jobsZhCn: SameKeys<typeof jobsEn> = {
  title: '任务',
  new: '新建任务',
  search: '搜索名称、源、目标',
  empty: '还没有任务',
  emptyText: '任务说明备份什么、备份到哪里以及何时进行。第一个任务只需一分钟。',
  emptyArchive: '没有已归档的任务',
  first: '创建第一个备份',
  manual: '手动',
  watch: '查看',
  runMany: '运行 {count} 个',
  startedMany: '已有 1 个运行排队 | 已有 {count} 个运行排队',
  archived: '{name} 已归档，其计划已停止。',
  runResult: {
    queued: '{name} 已排队',
    folded: '{name} 已在等待，那次运行也代表本次请求',
    rejected: '{name} 正在运行，其重叠策略不允许另一次运行',
  },
  shown: { label: '哪些任务', active: '活动', archived: '已归档' },
  filter: {
    label: '上次运行',
    all: '任意结果',
    failing: '失败',
    warning: '有警告',
    running: '运行中或排队中',
    never: '从未运行',
  },
  column: {
    name: '名称',
    way: '源 → 目标',
    last: '上次运行',
    ago: '时间',
    findings: '发现',
    grade: '等级',
    next: '下次运行',
    node: '节点',
  },
}
