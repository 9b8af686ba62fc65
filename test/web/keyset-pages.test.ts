import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addRow, dropRow, hasRow, type KeysetPages, patchRow } from '../../web/src/components/list/keyset-pages.ts'

interface Row {
  id: number
  text: string
}

/** Pages of rows, the largest id first; `goesOn`: there are more behind the last one. */
function listOf(pages: readonly (readonly number[])[], goesOn: boolean): KeysetPages<Row> {
  const items = pages.map((ids) => ids.map((id) => ({ id, text: `row ${id}` })))
  return {
    pages: items.map((rows, at) => ({ items: rows, next_cursor: at < items.length - 1 || goesOn ? String(rows.at(-1)?.id) : null })),
    pageParams: items.map((_, at) => (at === 0 ? undefined : String(pages[at - 1]?.at(-1)))),
  }
}

const idsOf = (list: KeysetPages<Row>) => list.pages.flatMap(({ items }) => items.map(({ id }) => id))
const isBefore = (one: Row, other: Row) => one.id > other.id
const row = (id: number): Row => ({ id, text: 'new' })
const is = (id: number) => (each: Row) => each.id === id

test.each([
  [
    'before all',
    [
      [9, 8],
      [5, 4],
    ],
    false,
    10,
    [10, 9, 8, 5, 4],
  ],
  [
    'within a page',
    [
      [9, 7],
      [5, 4],
    ],
    false,
    8,
    [9, 8, 7, 5, 4],
  ],
  [
    'between two pages',
    [
      [9, 8],
      [5, 4],
    ],
    false,
    6,
    [9, 8, 6, 5, 4],
  ],
  [
    'behind all, where the list ends',
    [
      [9, 8],
      [5, 4],
    ],
    false,
    1,
    [9, 8, 5, 4, 1],
  ],
  [
    'behind all that was read, where it goes on: it comes with its page',
    [
      [9, 8],
      [5, 4],
    ],
    true,
    1,
    [9, 8, 5, 4],
  ],
  ['into a list that is empty', [[]], false, 1, [1]],
] as const)('a row is put %s', (_, pages, goesOn, id, expected) => {
  expect(idsOf(addRow(listOf(pages, goesOn), row(id), isBefore))).toEqual(expected)
})

test('a row that is put, changed or dropped touches its own page only, and a list without it stays the same object', () => {
  const list = listOf(
    [
      [9, 8],
      [5, 4],
    ],
    true,
  )
  const changed = patchRow(list, is(5), (before) => ({ ...before, text: 'changed' }))
  expect(changed.pages[0]).toBe(list.pages[0])
  expect(changed.pages[1]?.items.map(({ text }) => text)).toEqual(['changed', 'row 4'])
  expect(dropRow(list, is(9)).pages[1]).toBe(list.pages[1])
  expect(idsOf(dropRow(list, is(9)))).toEqual([8, 5, 4])
  expect(patchRow(list, is(3), row.bind(null, 3))).toBe(list)
  expect(dropRow(list, is(3))).toBe(list)
  expect([hasRow(list, is(4)), hasRow(list, is(3))]).toEqual([true, false])
})

test('rows put in any order stand as the Hub would list them, wherever the pages are cut', () => {
  const idSets = fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { maxLength: 30 })
  fc.assert(
    fc.property(idSets, idSets, fc.integer({ min: 1, max: 7 }), (known, put, pageRows) => {
      const descending = known.toSorted((a, b) => b - a)
      const pages = Array.from({ length: Math.max(1, Math.ceil(known.length / pageRows)) }, (_, at) =>
        descending.slice(at * pageRows, (at + 1) * pageRows),
      )
      const added = put.filter((id) => !known.includes(id))
      const list = added.reduce((so, id) => addRow(so, row(id), isBefore), listOf(pages, false))
      expect(idsOf(list)).toEqual([...known, ...added].toSorted((a, b) => b - a))
    }),
  )
})
