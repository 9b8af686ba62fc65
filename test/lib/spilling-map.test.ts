import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSpillingMap } from '../../src/lib/spilling-map.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('a spilling map answers as a map does, whatever lies in memory and whatever in its file', async () => {
  await using folder = await temporaryFolder()
  const operation = fc.tuple(
    fc.constantFrom('get', 'set', 'delete'),
    fc.integer({ min: 0, max: 30 }),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)) }),
  )
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 20 }), fc.array(operation, { maxLength: 200 }), (maxInMemory, operations) => {
      using map = createSpillingMap<{ text: string }>({ directory: folder.path, maxInMemory })
      const model = new Map<string, { text: string }>()
      for (const [what, number, text] of operations) {
        const key = `key ${number}`
        if (what === 'set') {
          map.set(key, { text })
          model.set(key, { text })
        } else if (what === 'delete') {
          map.delete(key)
          model.delete(key)
        }
        expect(map.get(key)).toEqual(model.get(key))
      }
      for (let number = 0; number <= 30; number++) expect(map.get(`key ${number}`)).toEqual(model.get(`key ${number}`))
    }),
    { numRuns: 50 },
  )
})

test('its file has no name, and opens where it can only', async () => {
  await using folder = await temporaryFolder()
  using map = createSpillingMap<string>({ directory: folder.path, maxInMemory: 1 })
  for (let i = 0; i < 1000; i++) map.set(`key ${i}`, `value ${i}`)
  expect(readdirSync(folder.path)).toEqual([])
  expect(map.get('key 999')).toBe('value 999')
  using elsewhere = createSpillingMap<string>({ directory: `${folder.path}/absent`, maxInMemory: 0 })
  expect(() => elsewhere.set('a', 'b')).toThrow('unable to open')
})
