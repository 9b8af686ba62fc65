import { expect, test } from 'vitest'
import { problemSchema } from '../../src/protocol/http/problem.ts'
import { readProblem } from '../../src/protocol/http/read-problem.ts'

const problem = {
  title: 'Not Found',
  status: 404,
  code: 'not_found',
  message: 'there is no run',
  hint: 'It may have been removed.',
  details: { id: 'x' },
  request_id: 'r1',
}
const others: readonly unknown[] = [undefined, null, true, 0, -1, 0.5, Number.MAX_VALUE, '', 'x', [], ['x'], {}, { id: [1] }, 'toString', 'internal']

test('what says no is read as its schema reads it, whatever stands in the place of a field', () => {
  const fields = Object.keys(problem)
  const values = [problem, { ...problem, more: 1 }, ...fields.flatMap((field) => others.map((other) => ({ ...problem, [field]: other }))), ...others]
  const read = values.map((value) => readProblem(JSON.stringify(value) ?? ''))
  expect(read).toEqual(values.map((value) => problemSchema.safeParse(JSON.parse(JSON.stringify(value) ?? 'null')).data ?? null))
  // Some of them are none, and some are.
  expect(read.filter((each) => each === null).length).toBeGreaterThan(50)
  expect(read.filter((each) => each !== null).length).toBeGreaterThan(15)
})

test('what is no JSON is no problem of a Hub', () => {
  for (const text of ['', '<html>', '{', 'null', '"x"']) expect(readProblem(text)).toBeNull()
})
