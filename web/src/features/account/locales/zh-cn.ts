import type { SameKeys } from '../../../locales/same-keys.ts'
import type { accountEn } from './en.ts'

export const accountZhCn: SameKeys<typeof accountEn> = {
  title: '账户',
  username: '用户名',
  password: '密码',
  signIn: {
    title: '登录',
    submit: '登录',
    welcome: '欢迎回来',
    again: '重新登录',
    againText: '会话已结束。您输入的内容不会丢失：登录后将继续之前的操作。',
    other: '以其他身份登录',
  },
  setUp: {
    title: '设置 Bastion',
    text: '创建第一位管理员。没有默认密码，之后也无人能再执行此步骤。',
    token: '设置令牌',
    tokenHelp: '启动 Hub 时已显示在终端中。',
    repeat: '再次输入密码',
    differ: '两次输入的密码不一致。',
    passwordHelp: '至少 10 个字符。',
    submit: '创建管理员',
  },
  changePassword: {
    title: '密码',
    current: '当前密码',
    next: '新密码',
    submit: '修改密码',
    done: '密码已修改，其他会话均已结束。',
  },
  sessions: {
    title: '会话',
    current: '当前会话',
    lastSeen: '最近活动',
    expires: '到期',
    address: '地址',
    browser: '浏览器',
    end: '结束',
    endNamed: '结束来自 {address} 的会话',
  },
}
