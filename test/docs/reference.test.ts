import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { allCommands, nameOf } from '../../scripts/support/cli-reference.ts'
import { referencePages } from '../../scripts/support/reference-pages.ts'
import { exitCodes } from '../../src/cli/exit-code.ts'
import { createProgram } from '../../src/cli/program.ts'
import { errorCodes } from '../../src/core/errors.ts'

const root = path.join(import.meta.dirname, '..', '..')
const pages = referencePages()

test.each([...pages])('%s says what the code says; when it does not, run: npm run docs:reference', (file, text) => {
  expect(readFileSync(path.join(root, file), 'utf8')).toBe(text)
})

describe('the reference leaves nothing out', () => {
  test('every option of every command', () => {
    const page = pages.get('docs/reference/cli.md')!
    const missing = allCommands(createProgram(async () => {})).flatMap((command) => {
      const own = page.split(/^## /m).find((section) => section.startsWith(`${nameOf(command)}\n`)) ?? ''
      return command.options.filter((option) => !own.includes(`\`${option.flags}\``)).map((option) => `${command.name()} ${option.flags}`)
    })
    expect(missing).toEqual([])
  })

  test('every exit code and every error code', () => {
    for (const exitCode of Object.values(exitCodes)) expect(pages.get('docs/reference/cli.md')).toMatch(new RegExp(`^\\| ${exitCode} \\|`, 'm'))
    for (const code of Object.keys(errorCodes)) expect(pages.get('docs/reference/errors.md')).toContain(`| \`${code}\` |`)
  })
})

test('making the program has no effect on the process', () => {
  const listeners = () => ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => process.listenerCount(signal))
  const before = listeners()
  createProgram(async () => {})
  expect(listeners()).toEqual(before)
})
