import { closeSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'

/** Counts at the head of the files of a folder, one after the other, as fast as it can, until it is ended. Arguments: FOLDER COUNT BYTES. Says "busy" on stdout once all hold a number. */
const [folder = '', count = '0', bytes = '0'] = process.argv.slice(2)
const files = Array.from({ length: Number(count) }, (_, i) => openSync(path.join(folder, `counter-${String(i).padStart(3, '0')}`), 'w'))
for (const fd of files) writeSync(fd, '.'.repeat(Number(bytes)), 0)
process.on('exit', () => files.forEach((fd) => closeSync(fd)))
for (let round = 1; ; round++) {
  for (const fd of files) writeSync(fd, String(round).padStart(12, '0'), 0)
  if (round === 1) process.stdout.write('busy\n')
}
