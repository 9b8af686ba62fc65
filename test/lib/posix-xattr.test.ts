import { closeSync, openSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createXattrs, type Xattr } from '../../src/lib/posix-xattr.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('extended attributes are read by path and by handle as they were written, by name', async () => {
  await using folder = await temporaryFolder()
  const xattrs = createXattrs()!
  const file = path.join(folder.path, 'ä file')
  writeFileSync(file, '')
  const written: Xattr[] = [
    ['user.a', Buffer.from('one')],
    ['user.b', Buffer.alloc(0)],
    ['user.ü=%', Buffer.alloc(900, 0xff)],
  ]
  const fd = openSync(file, 'r+')
  xattrs.write(fd, written[2]!)
  xattrs.write(file, written[1]!)
  xattrs.write(Buffer.from(file), written[0]!)
  const plain = (read: Xattr[]) => read.map(([name, value]) => [name, Buffer.from(value)])
  expect(plain(xattrs.read(file))).toEqual(plain(written))
  expect(plain(xattrs.read(fd))).toEqual(plain(written))
  closeSync(fd)
})

test('a link is asked for its own, and what fails says why', async () => {
  await using folder = await temporaryFolder()
  const xattrs = createXattrs()!
  const file = path.join(folder.path, 'file')
  writeFileSync(file, '')
  xattrs.write(file, ['user.a', Buffer.from('x')])
  symlinkSync('file', path.join(folder.path, 'link'))
  expect(xattrs.read(path.join(folder.path, 'link'))).toEqual([])
  expect(() => xattrs.read(path.join(folder.path, 'absent'))).toThrow(expect.objectContaining({ code: 'ENOENT', syscall: 'listxattr' }))
  expect(() => xattrs.write(file, ['nonsense.a', Buffer.from('x')])).toThrow(expect.objectContaining({ code: 'ENOTSUP' }))
})

test('filesystems without attributes have none', () => {
  expect(createXattrs()!.read('/proc/self/status')).toEqual([])
})
