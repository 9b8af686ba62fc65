import { describe, expect, test } from 'vitest'
import { parseBoundedJson } from '../../src/lib/bounded-json.ts'

describe('bounded JSON', () => {
  test.each(['null', '1', '""', '[]', '{}', '{"a":[1,{"b":null}],"c":"[[[[,,,,\\"{{{{\\\\"}', ' [ 1 , 2 ] ', '"\\\\"', '{"a":"\\\\","b":"]"}'])(
    '%s is what JSON says it is',
    (text) => {
      expect(parseBoundedJson(text, 10)).toEqual(JSON.parse(text))
    },
  )

  test.each(['', '[', '"', '"\\', '{"a"}', '[1,]', ']', '}]', '"a', '[]]'])('%s is refused as JSON refuses it', (text) => {
    expect(() => parseBoundedJson(text, 10)).toThrow(SyntaxError)
  })

  test('has so many values and no more', () => {
    expect(parseBoundedJson('[1,2,3]', 4)).toEqual([1, 2, 3])
    expect(() => parseBoundedJson('[1,2,3]', 3)).toThrow('more than 3 values')
    expect(() => parseBoundedJson('[{},{}]', 4)).toThrow('more than 4 values')
    expect(parseBoundedJson('["1,2,3,[[[[{{{{"]', 2)).toEqual(['1,2,3,[[[[{{{{'])
  })

  test('is nested so deep and no deeper', () => {
    const nested = (depth: number): string => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`
    expect(JSON.stringify(parseBoundedJson(nested(64), 1000))).toBe(nested(64))
    expect(() => parseBoundedJson(nested(66), 1000)).toThrow('nested deeper')
    expect(() => parseBoundedJson('['.repeat(1_000_000), 10_000_000)).toThrow('nested deeper')
    expect(parseBoundedJson(`[${Array.from({ length: 100 }, () => '[]').join()}]`, 1000)).toHaveLength(100)
  })
})
