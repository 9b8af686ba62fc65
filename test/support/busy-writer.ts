import { appendFileSync, closeSync, ftruncateSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { seededRandom } from './seed.ts'

/**
 * A process that never leaves the files of a folder alone: appends, rewrites, cuts, replaces, removes and makes them again, until it is ended.
 * Arguments: `files FOLDER SEED NAME…`, or `ends FILE` to rewrite head and tail of one large file every 20 ms. Says "busy" on stdout once it is.
 */
const [mode, ...rest] = process.argv.slice(2)
const sleeper = new Int32Array(new SharedArrayBuffer(4))
const pause = (ms: number) => Atomics.wait(sleeper, 0, 0, ms)

if (mode === 'files') meddle(rest[0]!, Number(rest[1]), rest.slice(2))
else rewriteEnds(rest[0]!)

function meddle(folder: string, start: number, names: readonly string[]): never {
  const random = seededRandom(start)
  const below = (n: number) => Math.floor(random() * n)
  const noise = () => Buffer.from(Uint8Array.from({ length: 1 + below(3000) }, () => below(256)))
  const actions: ((file: string) => void)[] = [
    (file) => appendFileSync(file, noise()),
    (file) => withFile(file, (fd) => void writeSync(fd, noise(), 0, null, below(2000))),
    (file) => withFile(file, (fd) => ftruncateSync(fd, below(200_000))),
    (file) => {
      writeFileSync(`${folder}/../replacement`, noise())
      renameSync(`${folder}/../replacement`, file)
    },
    (file) => rmSync(file, { force: true }),
    (file) => writeFileSync(file, noise()),
  ]
  for (let round = 0; ; round++) {
    const file = path.join(folder, names[below(names.length)]!)
    actions[below(actions.length)]!(file)
    if (round === names.length) process.stdout.write('busy\n')
    pause(1)
  }
}

function withFile(file: string, action: (fd: number) => void): void {
  let fd: number
  try {
    fd = openSync(file, 'r+')
  } catch {
    return // removed just now, by ourselves
  }
  try {
    action(fd)
  } finally {
    closeSync(fd)
  }
}

function rewriteEnds(file: string): never {
  const fd = openSync(file, 'r+')
  for (let round = 0; ; round++) {
    const stamp = Buffer.alloc(4096, `${round} `)
    const { size } = { size: Number(rest[1]) }
    writeSync(fd, stamp, 0, stamp.length, 0)
    writeSync(fd, stamp, 0, stamp.length, size - stamp.length)
    if (round === 1) process.stdout.write('busy\n')
    pause(20)
  }
}
