import { expect, test } from 'vitest'
import { errorCodes } from '../../src/core/errors.ts'
import { en } from '../../web/src/locales/en.ts'
import { zhCn } from '../../web/src/locales/zh-cn.ts'

type Texts = { readonly [key: string]: string | Texts }

const flat = (texts: Texts, prefix = ''): [key: string, text: string][] =>
  Object.entries(texts).flatMap(([key, value]) =>
    typeof value === 'string' ? [[prefix + key, value] as [string, string]] : flat(value, `${prefix}${key}.`),
  )

const english = new Map(flat(en))
const chinese = new Map(flat(zhCn))

test('both languages have the same texts, and none is empty', () => {
  expect([...chinese.keys()].toSorted()).toEqual([...english.keys()].toSorted())
  expect([...english, ...chinese].filter(([, text]) => text.trim() === '')).toEqual([])
})

test('a text and its translation name the same values', () => {
  const values = (text: string) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!))].toSorted((a, b) => a.localeCompare(b))
  const differing = [...english].filter(([key, text]) => values(text).join() !== values(chinese.get(key)!).join())
  expect(differing).toEqual([])
})

test('every error code has a title and a hint', () => {
  for (const code of Object.keys(errorCodes)) {
    expect(english.has(`errors.${code}.title`), code).toBe(true)
    expect(english.has(`errors.${code}.hint`), code).toBe(true)
  }
})
