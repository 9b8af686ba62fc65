import type { SameKeys } from '../../../locales/same-keys.ts'
import type { runsEn } from './en.ts'

export const runsZhCn: SameKeys<typeof runsEn> = {
  title: '运行',
  empty: '还没有运行',
  emptyText: '到达计划时间或有人启动任务时，运行会显示在这里。',
  toJobs: '前往任务',
  anyState: '任意状态',
  anyJob: '任意任务',
  unread: '{count} 个未读取',
  column: {
    state: '状态',
    job: '任务',
    warning: '发现',
    grade: '等级',
    started: '开始时间',
    duration: '用时',
    bytes: '已读取',
    stored: '已存储',
    files: '文件',
    node: '节点',
    id: '运行编号',
  },
}
