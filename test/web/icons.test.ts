import { readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { expect, test } from 'vitest'

const sources = path.join(import.meta.dirname, '../../web/src')

test('every icon that a page names is one of the set that is bundled', async () => {
  const set = createRequire(import.meta.url)('@iconify-json/lucide/icons.json') as { icons: object; aliases?: object }
  const named = new Set<string>()
  for await (const file of glob('**/*.{ts,vue}', { cwd: sources })) {
    for (const [, name] of readFileSync(path.join(sources, file), 'utf8').matchAll(/\bi-lucide-([a-z0-9-]+)/g)) named.add(name!)
  }
  expect(named.size).toBeGreaterThan(50)
  expect([...named].filter((name) => !(name in set.icons) && !(name in (set.aliases ?? {})))).toEqual([])
})
