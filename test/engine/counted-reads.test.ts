import path from 'node:path'
import { expect, test } from 'vitest'
import { formatSchema } from '../../src/core/artifact.ts'
import { bastion } from '../support/bastion-process.ts'
import { pastClockGranularity } from '../support/engine.ts'
import { writeManyFiles, writeSampleFile } from '../support/sample-files.ts'
import { pathsOf, readTrace, sqliteLookBytes, whyNoStrace } from '../support/strace.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const skipReason = await whyNoStrace()

test.for(formatSchema.options)(
  'every byte of a source is read once for a backup as %s, and nothing is put elsewhere than into the target',
  async (format, { skip }) => {
    skip(skipReason !== undefined, skipReason)
    await using folder = await temporaryFolder()
    const source = path.join(folder.path, 'source')
    const trace = path.join(folder.path, 'trace')
    writeManyFiles(source, { count: 50, perDirectory: 10, sizeBytes: () => 3000 })
    writeSampleFile(path.join(source, 'large.bin'), 9 * 2 ** 20)
    await pastClockGranularity()

    const under = ['strace', '-f', '-y', '-o', trace, '-e', 'trace=read,pread64,readv,preadv,write,pwrite64,writev,pwritev,copy_file_range,sendfile']
    const folders = ['--to', path.join(folder.path, 'target'), '--data-dir', path.join(folder.path, 'data')]
    await bastion(['backup', source, ...folders, '--job-id', 'reads', '--format', format, '--snapshot', 'off', '--json'], { under })

    const bytes = { read: 0, writtenToTarget: 0, writtenElsewhere: 0 }
    for (const call of readTrace(trace)) {
      const [file = ''] = pathsOf(call)
      if (call.result < 0 || !file.startsWith(`${folder.path}/`)) continue
      if (file.startsWith(`${source}/`)) bytes.read += call.result
      else if (call.name.includes('write')) bytes[file.startsWith(`${folder.path}/target/`) ? 'writtenToTarget' : 'writtenElsewhere'] += call.result
    }
    const sourceBytes = 50 * 3000 + 9 * 2 ** 20
    expect(bytes.read).toBe(sourceBytes + sqliteLookBytes)
    // Noise does not compress. What the data directory gets is the name of the target.
    expect(bytes.writtenToTarget).toBeGreaterThanOrEqual(sourceBytes)
    expect(bytes.writtenElsewhere).toBeLessThan(1000)
  },
)
