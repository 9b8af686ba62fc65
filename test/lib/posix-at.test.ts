import { closeSync, constants, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createDirectoryCalls } from '../../src/lib/posix-at.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const calls = createDirectoryCalls()
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let directory: number

beforeEach(async () => {
  folder = await temporaryFolder()
  directory = openSync(folder.path, constants.O_RDONLY | constants.O_DIRECTORY)
})

afterEach(async () => {
  closeSync(directory)
  await folder[Symbol.asyncDispose]()
})

function write(name: string, text: string): void {
  const fd = calls.create(directory, name, 0o600)
  writeSync(fd, text)
  calls.close(fd)
}

it.each([['plain'], [' with spaces'], ['\xff\xfe not UTF-8'], ['\xc3\xa4']])(
  'a file is made in an open directory under its bytes, and given another name there: %j',
  (name) => {
    write('temporary', 'content')
    expect(calls.renameNew(directory, 'temporary', name)).toBe(true)
    expect(readdirSync(folder.path, 'latin1')).toEqual([name])
    const file = Buffer.concat([Buffer.from(folder.path + path.sep), Buffer.from(name, 'latin1')])
    expect(readFileSync(file, 'utf8')).toBe('content')
    expect(statSync(file).mode & 0o700).toBe(0o600)
  },
)

it('what stands at a name is neither opened nor replaced', () => {
  write('there', 'old')
  write('new', 'new')
  expect(() => calls.create(directory, 'there', 0o600)).toThrow(expect.objectContaining({ code: 'EEXIST', syscall: 'openat' }))
  expect(() => calls.renameNew(directory, 'new', 'there')).toThrow(expect.objectContaining({ code: 'EEXIST', syscall: 'renameat2' }))
  expect(readFileSync(path.join(folder.path, 'there'), 'utf8')).toBe('old')
})

it.each([['plain'], ['\xff\xfe not UTF-8']])('a file without a name gets one when it is whole, and never another’s: %j', (name) => {
  const fd = calls.createNameless(directory, 0o600)!
  writeSync(fd, 'content')
  expect(readdirSync(folder.path)).toEqual([])
  write('there', 'old')
  expect(() => calls.nameFile(fd, directory, 'there')).toThrow(expect.objectContaining({ code: 'EEXIST', syscall: 'linkat' }))
  calls.nameFile(fd, directory, name)
  calls.close(fd)
  const file = Buffer.concat([Buffer.from(folder.path + path.sep), Buffer.from(name, 'latin1')])
  expect(readFileSync(file, 'utf8')).toBe('content')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(path.join(folder.path, 'there'), 'utf8')).toBe('old')
})

it('a handle that is none is told', () => {
  expect(() => calls.close(-1)).toThrow(expect.objectContaining({ code: 'EBADF' }))
})
