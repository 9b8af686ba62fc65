import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'vue/compiler-sfc'
import { expect, test } from 'vitest'
import { errorCodes } from '../../src/core/errors.ts'
import { en } from '../../web/src/locales/en.ts'
import { zhCn } from '../../web/src/locales/zh-cn.ts'
import { flatTexts } from '../support/web-texts.ts'

const english = new Map(flatTexts(en))
const chinese = new Map(flatTexts(zhCn))

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

const sources = path.join(import.meta.dirname, '../../web/src')
const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((file) => /[.](ts|vue)$/.test(file))
const isWord = (text: string) => /\p{L}{2}/u.test(text)
/** As the template compiler numbers them. */
const kinds = { element: 1, text: 2, attribute: 6 } as const
interface TemplateNode {
  type: number
  tag?: string
  content?: unknown
  props?: readonly { type: number; name: string; value?: { content: string } }[]
  children?: readonly TemplateNode[]
}
/** Attributes that a person reads or hears. */
const readAttributes = ['label', 'title', 'text', 'description', 'help', 'placeholder', 'alt', 'legend', 'aria-label', 'search-label']

test('no template has words of its own: all are in the catalogue', () => {
  const bare: string[] = []
  for (const file of files.filter((each) => each.endsWith('.vue'))) {
    const { descriptor } = parse(readFileSync(path.join(sources, file), 'utf8'))
    const look = (node: TemplateNode): void => {
      if (node.type === kinds.text && isWord(String(node.content))) bare.push(`${file}: ${String(node.content).trim()}`)
      if (node.type !== kinds.element) return
      for (const prop of node.props ?? []) {
        if (prop.type !== kinds.attribute || !readAttributes.includes(prop.name) || prop.value === undefined) continue
        // A path or a pattern, as an example of what is to be typed, is the same in every language.
        if (isWord(prop.value.content) && !/^[/*]/.test(prop.value.content)) bare.push(`${file}: ${prop.name}="${prop.value.content}"`)
      }
      if (node.tag !== 'code') for (const child of node.children ?? []) look(child)
    }
    for (const node of (descriptor.template?.ast?.children ?? []) as unknown as TemplateNode[]) look(node)
  }
  expect(files.length).toBeGreaterThan(100)
  expect(bare).toEqual([])
})

test('every text is used', () => {
  const written = files
    .filter((file) => !file.includes('locales'))
    .map((file) => readFileSync(path.join(sources, file), 'utf8'))
    .join('\n')
  const whole = new Set([...written.matchAll(/['"`]([a-z]\w*(?:[.]\w+)+)['"`]/g)].map(([, key]) => key!))
  const begun = new Set([...written.matchAll(/`([a-z][\w.]*[.]?)\$\{/g)].map(([, prefix]) => prefix!).filter((prefix) => prefix.includes('.')))
  const unused = [...english.keys()].filter((key) => !whole.has(key) && ![...begun].some((prefix) => key.startsWith(prefix)))
  expect(unused).toEqual([])
})
