import type { SameKeys } from '../../../locales/same-keys.ts'
import type { maintenanceEn } from './en.ts'

export const maintenanceZhCn: SameKeys<typeof maintenanceEn> = {
  deletes: '删除队列',
  queue: {
    label: '哪些删除',
    error: '需要查看',
    deleting: '进行中',
    ignored: '已忽略',
    empty: '没有需要查看的删除',
    emptyText: '失败的删除会自动重试。无法自行解决的会显示在这里。',
    emptyDeleting: '没有正在进行的删除',
    emptyIgnored: '没有被忽略的删除',
    retryMany: '立即重试 {count} 个',
    ignoreMany: '忽略 {count} 个…',
    unignoreMany: '重新处理 {count} 个',
    ignoreTitle: '忽略 {count} 个删除？',
    ignoreText: '它们将从列表中隐藏，不再阻碍任何事情。目标上的内容保持不变。',
    ignoreAct: '忽略',
    why: '原因',
    tried: '上次尝试',
  },
  holds: {
    title: '不在应在位置的备份',
    text: '在目标 {target} 上，{count} 份备份要删除时同时不存在。',
    hint: '可能挂载了另一块磁盘，或有人清空了文件夹。请先查看：确认后，它们将视为缺失。',
    confirm: '确实已经没有了…',
    confirmTitle: '它们确实没有了吗？',
    confirmText: '{count} 份备份将视为缺失。',
    confirmed: '正在再次查找 {count} 份。',
  },
}
