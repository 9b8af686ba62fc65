import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.join(import.meta.dirname, '..', '..')
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join('docs', name)),
]

test.each(pages)('every link of %s to a file of ours leads to one', (page) => {
  const text = readFileSync(path.join(root, page), 'utf8').replace(/^```[^]*?^```/gm, '')
  const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, link]) => link!).filter((link) => !/^[a-z]+:/.test(link))
  expect(links.filter((link) => !existsSync(path.join(root, path.dirname(page), link)))).toEqual([])
})

test('every file that ARCHITECTURE.md names below src is there, but for the rooms to come', () => {
  const [today] = readFileSync(path.join(root, 'ARCHITECTURE.md'), 'utf8').split('## Rooms to come')
  const named = [...today!.matchAll(/`((?:src\/|core\/|cli\/|engine\/|lib\/)[\w./-]+)`/g)].map(([, name]) => name!.replace(/^(?!src\/)/, 'src/'))
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter((name) => !existsSync(path.join(root, name)))).toEqual([])
})
