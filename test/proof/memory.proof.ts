import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { artifactOf, bastion, jsonLines, readPeakBytes } from '../support/bastion-process.ts'
import type { ProofReport } from '../support/proof-report.ts'
import { writeManyFiles, writeSampleFile } from '../support/sample-files.ts'
import type { Scale } from '../support/scale.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export const title = 'Backup, verify and restore take less than 400 MiB of memory, whatever the source and however slow the target'

const mebibyte = 2 ** 20
const limitBytes = 400 * mebibyte

interface Corpus {
  name: string
  write(folder: string): void
  /** bytes a second the target takes at most, in MiB; absent: as fast as it can */
  targetMebibytesPerSecond?: number
  commands: readonly Command[]
}

type Command = `${'' | 'encrypted '}${'backup' | 'verify' | 'restore'}`

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const rows: (string | number)[][] = []
  for (const corpus of corpora(scale)) {
    // One at a time: together they would fill a disk.
    await using folder = await temporaryFolder()
    rows.push(...(await measure(corpus, folder.path)))
    for (const name of readdirSync(folder.path)) removeTree(path.join(folder.path, name))
  }
  report.line(
    `The peak of the resident set (VmHWM) of the whole process, Node.js itself and its threads included; the machine gives it ${availableParallelism()} to pack or unpack with.`,
  )
  report.table(['source', 'command', 'entries', 'content MiB', 's', 'peak MiB'], rows)
  const peaks = rows.map((row) => Number(row.at(-1)))
  report.check('each stays below 400 MiB', Math.max(...peaks) * mebibyte < limitBytes, `at most ${Math.max(...peaks)} MiB`)
}

function corpora(scale: Scale): Corpus[] {
  const [many, million, large, slow, linked, manyNames] =
    scale === 'full' ? [300_000, 1_000_000, 4 * 1024, 4 * 1024, 500_000, 10_000_000] : [8_000, 8_000, 384, 192, 4_000, 20_000]
  const small = (random: number) => Math.floor(random * 4096)
  const choose = (short: Command[], full: Command[]) => (scale === 'full' ? full : short)
  const all: Command[] = ['backup', 'verify', 'restore', 'encrypted backup', 'encrypted verify', 'encrypted restore']
  return [
    {
      name: `${many} small files`,
      write: (folder) => void writeManyFiles(folder, { count: many, perDirectory: 1000, sizeBytes: small }),
      commands: choose(['backup', 'restore'], all),
    },
    {
      name: `${million} names in one directory`,
      write: (folder) => void writeManyFiles(folder, { count: million, perDirectory: million, sizeBytes: () => 0 }),
      commands: choose(['backup'], ['backup', 'restore']),
    },
    {
      name: `${linked} files, each with another name outside`,
      write(folder) {
        const names = writeManyFiles(path.join(folder, 'in'), { count: linked, perDirectory: 1000, sizeBytes: () => 0 })
        const outside = path.join(path.dirname(folder), 'outside')
        mkdirSync(outside)
        for (const [i, name] of names.entries()) linkSync(path.join(folder, 'in', name), path.join(outside, String(i)))
      },
      commands: ['backup'],
    },
    {
      name: `${manyNames} names of a few files`,
      write: (folder) => writeManyNames(folder, manyNames),
      commands: choose(['backup', 'verify'], ['backup', 'verify']),
    },
    {
      name: 'one large file',
      write: (folder) => writeSampleFile(path.join(folder, 'large.bin'), large * mebibyte, 0.7),
      commands: choose(['encrypted backup', 'encrypted restore'], all),
    },
    {
      name: 'a slow target, 64 MiB/s',
      write: (folder) => writeSampleFile(path.join(folder, 'large.bin'), slow * mebibyte),
      targetMebibytesPerSecond: 64,
      commands: choose(['backup'], ['backup', 'encrypted backup']),
    },
  ]
}

/** Millions of names go in a tenth of the time that Node takes. */
function removeTree(folder: string): void {
  execFileSync('rm', ['-rf', '--', folder])
}

/** Hard links, for so many files would not fit the disks of most machines. ext4 gives a file up to 65 000 names. */
function writeManyNames(folder: string, count: number): void {
  const namesPerFile = 60_000
  const namesPerDirectory = 1000
  for (let i = 0; i < count; i++) {
    const directory = path.join(folder, `d${Math.floor(i / namesPerDirectory)}`)
    if (i % namesPerDirectory === 0) mkdirSync(directory)
    const name = path.join(directory, `name-${i}`)
    if (i % namesPerFile === 0) writeFileSync(path.join(folder, `file-${i / namesPerFile}`), `${i}`)
    linkSync(path.join(folder, `file-${Math.floor(i / namesPerFile)}`), name)
  }
}

async function measure(corpus: Corpus, folder: string): Promise<(string | number)[][]> {
  const source = path.join(folder, 'source')
  await mkdir(source)
  corpus.write(source)
  const { identity, recipient } = generateAgeKeyPair()
  const identityFile = path.join(folder, 'key.txt')
  await writeFile(identityFile, `${identity}\n`)
  const target = path.join(folder, 'target')
  const into = path.join(folder, 'restored')
  const peakFile = path.join(folder, 'peak')
  const limit = corpus.targetMebibytesPerSecond === undefined ? [] : ['--limit', String(corpus.targetMebibytesPerSecond)]
  const rows: (string | number)[][] = []
  let artifact = ''
  let totals: Record<string, number> = {}

  for (const command of corpus.commands) {
    const isEncrypted = command.startsWith('encrypted')
    let args: string[]
    if (command.endsWith('backup')) {
      const encryption = isEncrypted ? ['--encrypt-to', recipient] : []
      if (artifact !== '') removeTree(artifact)
      args = ['backup', source, '--to', target, '--snapshot', 'off', '--data-dir', path.join(folder, 'data'), '--json', ...limit, ...encryption]
    } else {
      args = [
        ...(command.endsWith('verify') ? ['verify', artifact] : ['restore', artifact, '--to', into]),
        ...(isEncrypted ? ['--identity', identityFile] : []),
      ]
    }
    const end = await bastion(args, { peakFile })
    if (command.endsWith('backup')) {
      artifact = path.join(target, artifactOf(end))
      totals = jsonLines(end.stdout).at(-1)!['totals'] as Record<string, number>
    }
    if (command.endsWith('restore')) removeTree(into)
    const entries = totals['files']! + totals['dirs']! + totals['links']!
    const peakMebibytes = Math.ceil(readPeakBytes(peakFile) / mebibyte)
    rows.push([
      corpus.name,
      command,
      entries,
      Math.round(totals['source_bytes']! / mebibyte),
      Number((end.durationMs / 1000).toFixed(1)),
      peakMebibytes,
    ])
  }
  return rows
}
