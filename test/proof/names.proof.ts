import { mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fromPathText, fsPath, pathText } from '../../src/lib/byte-path.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'
import { seededRandom } from '../support/seed.ts'

export const title = 'A name a Linux filesystem can hold goes through the disk, the engine and JSON without losing a byte'

/** Files whose names are random bytes (1–255 of them, all but / and NUL), each holding its own name. */
export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const fileCount = scale === 'full' ? 50_000 : 1_000
  const folder = await mkdtemp(path.join(tmpdir(), 'bastion-names-'))
  try {
    const written = await writeNames(folder, fileCount)
    const found = new Set((await readdir(folder, { encoding: 'buffer' })).map((name) => name.toString('latin1')))
    let opened = 0
    let throughJson = 0
    let notText = 0
    for (const name of found) {
      const content = await readFile(fsPath(`${folder}/${name}`))
      if (content.toString('latin1') === name) opened += 1
      const line = JSON.parse(JSON.stringify(pathText(name))) as ReturnType<typeof pathText>
      if (fromPathText(line.text, line.b64) === name) throughJson += 1
      if (line.b64 !== undefined) notText += 1
    }
    report.table(['names', 'not UTF-8', 'found', 'opened by name', 'same after JSON'], [[written.size, notText, found.size, opened, throughJson]])
    report.check('the folder lists exactly the names that were written', written.size === found.size && [...written].every((name) => found.has(name)))
    report.check('every file opens by the name the engine holds', opened === written.size, `${opened} of ${written.size}`)
    report.check('every name is the same after JSON', throughJson === written.size, `${throughJson} of ${written.size}`)
    report.check('names that are not UTF-8 were among them', notText > 0, String(notText))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function writeNames(folder: string, fileCount: number): Promise<Set<string>> {
  const random = seededRandom()
  const names = new Set<string>()
  while (names.size < fileCount) {
    const name = randomName(random)
    if (name === '.' || name === '..' || names.has(name)) continue
    await using file = await open(fsPath(`${folder}/${name}`), 'wx')
    await file.writeFile(Buffer.from(name, 'latin1'))
    names.add(name)
  }
  return names
}

/** Half of them plain text, as in real trees; the others any bytes. */
function randomName(random: () => number): string {
  const isText = random() < 0.5
  const length = 1 + Math.floor(random() * 255)
  const bytes = Uint8Array.from({ length }, () => (isText ? 97 + Math.floor(random() * 26) : 1 + Math.floor(random() * 255)))
  return Buffer.from(bytes).toString('latin1').replaceAll('/', '_')
}
