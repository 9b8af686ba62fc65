import type { SameKeys } from '../../locales/same-keys.ts'
import type { appEn } from './en.ts'

export const appZhCn: SameKeys<typeof appEn> = {
  skipToContent: '跳到内容',
  navigation: '导航',
  openMenu: '打开菜单',
  system: '系统',
  docs: '文档',
  search: '搜索或跳转…',
  searchNothing: '没有找到',
  goTo: '前往',
  jobs: '任务',
  runs: '最近的运行',
  palette: '命令面板',
  appearance: '外观',
  light: '浅色',
  dark: '深色',
  asSystem: '跟随系统',
  language: '语言',
  signedInAs: '已登录为 {name}',
  signOut: '退出登录',
  account: '账户',
  reconnecting: '与 Hub 的连接中断。所见内容可能已过时；正在重新连接。',
  notFound: '没有这个页面',
  notFoundText: '可能已被移除，或地址有误。',
  toOverview: '前往概览',
}
