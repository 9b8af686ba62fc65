import { mkdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { latestArtifact } from '../../src/engine/list.ts'
import { readEntry } from '../../src/engine/read-entry.ts'
import { createCountingTarget } from '../../src/engine/targets/counting-target.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { toBytePath } from '../../src/lib/byte-path.ts'
import { openArtifact } from '../../src/engine/open-artifact.ts'
import { bastion } from '../support/bastion-process.ts'
import type { ProofReport } from '../support/proof-report.ts'
import { writeManyFiles, writeSampleFile } from '../support/sample-files.ts'
import type { Scale } from '../support/scale.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export const title = 'One small file out of a large artifact costs a few megabytes read from the target, encrypted or not'

const mebibyte = 2 ** 20
const wantedBytes = 4096
const limitBytes = 16 * mebibyte

interface Corpus {
  name: string
  /** makes the tree; @returns the files of 4 KiB to fetch, by path below it */
  write(folder: string): string[]
}

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const rows: (string | number)[][] = []
  const wrong: string[] = []
  for (const corpus of corpora(scale)) {
    // One at a time: the large ones are larger than what should lie around.
    await using folder = await temporaryFolder()
    const source = path.join(folder.path, 'source')
    await mkdir(source)
    const wanted = corpus.write(source)
    const { identity, recipient } = generateAgeKeyPair()
    for (const recipients of [[], [recipient]]) {
      const target = path.join(folder.path, 'target')
      const mode = recipients.length > 0 ? 'encrypted' : 'plain'
      const encryption = recipients.flatMap((each) => ['--encrypt-to', each])
      await bastion([
        'backup',
        source,
        '--to',
        target,
        '--job-id',
        'single-file',
        '--snapshot',
        'off',
        '--data-dir',
        path.join(folder.path, `data-${mode}`),
        ...encryption,
      ])
      for (const name of wanted) rows.push(await fetchOne({ corpus: corpus.name, mode, target, source, name, identities: [identity] }, wrong))
      await rm(target, { recursive: true })
    }
  }
  report.line(
    'Every byte a target gives out is counted by a wrapper around it: listing the job for its latest artifact, marker, manifest, run.json, entries index, ' +
      'seek table and frames. The data is random, so that nothing is small because it compresses.',
  )
  report.table(['artifact', 'stored MiB', 'files in it', 'file', 'requests', 'KiB read', 'of it index and payload, KiB'], rows)
  report.check('each file is what it was', wrong.length === 0, wrong.join('; ') || `${rows.length} files`)
  const most = Math.max(...rows.map((row) => Number(row[5])))
  report.check('each costs less than 16 MiB read from the target', most * 1024 < limitBytes, `at most ${(most / 1024).toFixed(1)} MiB`)
}

function corpora(scale: Scale): Corpus[] {
  const large = scale === 'full' ? 3 * 1024 : 256
  const count = scale === 'full' ? 300_000 : 20_000
  const four = { perDirectory: 1000, sizeBytes: () => wantedBytes }
  return [
    {
      name: scale === 'full' ? '3 GiB in large files' : '256 MiB in large files',
      write(folder) {
        // Small files before, between and after large ones, many enough to fill a frame.
        const wanted: string[] = []
        for (let i = 0; i < 4; i++) {
          const directory = path.join(folder, `${2 * i}-small`)
          const names = writeManyFiles(directory, { count: 1100, ...four })
          if (i !== 1) wanted.push(`${path.basename(directory)}/${names[500 + i]!}`)
          if (i < 3) writeSampleFile(path.join(folder, `${2 * i + 1}-large.bin`), Math.ceil((large * mebibyte) / 3))
        }
        return wanted
      },
    },
    {
      name: `${count} files`,
      write(folder) {
        const names = writeManyFiles(folder, { count, ...four })
        return [0, Math.floor(count * 0.618), count - 1].map((i) => names[i]!)
      },
    },
  ]
}

/** Reads one file as `bastion cat TARGET/JOB@latest PATH` does. @returns the row of the table */
async function fetchOne(
  place: { corpus: string; mode: string; target: string; source: string; name: string; identities: string[] },
  wrong: string[],
): Promise<(string | number)[]> {
  const { signal } = new AbortController()
  const target = createCountingTarget(createLocalDirTarget({ path: place.target }))
  const latest = await latestArtifact(target, 'single-file', signal)
  const artifact = await openArtifact(target, latest!, { identities: place.identities, signal })
  const head = target.counts.of('get').bytes
  const file = path.join(place.source, place.name)
  const pieces: Buffer[] = []
  await readEntry(artifact, toBytePath(file).slice(1), { signal, take: (bytes) => void pieces.push(Buffer.from(bytes)) })
  if (!Buffer.concat(pieces).equals(await readFile(file))) wrong.push(`${place.name} of ${place.corpus}, ${place.mode}`)
  const { requests, bytes } = target.counts.of('get')
  const { totals } = artifact.manifest
  await target.close()
  return [
    `${place.corpus}, ${place.mode}`,
    Math.round(totals.stored_bytes / mebibyte),
    totals.files,
    path.basename(place.name),
    requests,
    Math.round(bytes / 1024),
    Math.round((bytes - head) / 1024),
  ]
}
