import { expect, test } from 'vitest'
import { recordProof } from '../support/proof-report.ts'

test('a proof becomes Markdown in the order it was told', () => {
  const report = recordProof()
  report.line('Measured twice.')
  report.table(
    ['corpus', 'ratio'],
    [
      ['a|b', 1.04],
      ['c', 0.98],
    ],
  )
  report.check('no ratio above 1.20', true, '1.04 at most')
  report.check('nothing was left', true)
  expect(report.markdown).toBe(
    [
      'Measured twice.',
      '',
      '| corpus | ratio |',
      '| --- | --: |',
      '| a\\|b | 1.04 |',
      '| c | 0.98 |',
      '',
      '- holds: no ratio above 1.20: 1.04 at most',
      '- holds: nothing was left',
    ].join('\n'),
  )
  expect(report.failures).toEqual([])
})

test('a check that fails is recorded, and the proof goes on', () => {
  const report = recordProof()
  report.check('every file is back', false, '99 of 100')
  report.line('All the same.')
  expect(report.failures).toEqual(['every file is back: 99 of 100'])
  expect(report.markdown).toBe('- **does not hold**: every file is back: 99 of 100\n\nAll the same.')
})
