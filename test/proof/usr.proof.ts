import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { artifactOf, bastion, jsonLines } from '../support/bastion-process.ts'
import { compareTrees, type CompareOptions } from '../support/compare-trees.ts'
import { below, stockRestore } from '../support/engine.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export const title = '/usr comes back as it was, plain and encrypted, by our own restore and by the stock command of its RESTORE.md'

const mebibyte = 2 ** 20
/** Small ones with links of both kinds, texts and programs. */
const shortSources = ['/usr/sbin', '/usr/lib/git-core', '/usr/share/perl5', '/usr/share/zoneinfo', '/usr/share/bash-completion']

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const sources = scale === 'full' ? ['/usr'] : shortSources.filter((folder) => existsSync(folder))
  const asRoot = process.getuid?.() === 0
  // Without root everything comes back as the user's own.
  const options: CompareOptions = asRoot ? {} : { ignore: ['uid', 'gid', 'mode'] }
  const keys = generateAgeKeyPair()
  const rows: (string | number)[][] = []
  const differences: string[] = []

  for (const mode of ['plain', 'encrypted'] as const) {
    await using folder = await temporaryFolder()
    const at = (name: string) => path.join(folder.path, name)
    await writeFile(at('key.txt'), `${keys.identity}\n`)
    const encryption = mode === 'encrypted' ? ['--encrypt-to', keys.recipient] : []
    const data = ['--data-dir', at('data'), '--snapshot', 'off', '--json']
    const stored = await bastion(['backup', ...sources, '--to', at('target'), '--job-id', 'usr', ...data, ...encryption], {
      codes: asRoot ? [0] : [0, 3],
    })
    const artifact = path.join(at('target'), artifactOf(stored))
    const { totals, status } = jsonLines(stored.stdout).at(-1) as { totals: Record<string, number>; status: string }
    report.check(`the ${mode} backup ends without a warning`, status === 'success' || !asRoot, status)

    const into = at('restored')
    const restores: [string, () => Promise<unknown>][] = [
      ['bastion restore', () => bastion(['restore', artifact, '--to', into, ...(mode === 'encrypted' ? ['--identity', at('key.txt')] : [])])],
      ['RESTORE.md', async () => stockRestore(artifact, into, mode === 'encrypted' ? { identity: keys.identity } : {})],
    ]
    for (const [by, restore] of restores) {
      const startedAt = performance.now()
      await restore()
      const seconds = (performance.now() - startedAt) / 1000
      const found = sources.flatMap((source) => compareTrees(source, below(into, source), options).map((line) => `${mode}, ${by}: ${line}`))
      differences.push(...found)
      rows.push([
        mode,
        by,
        totals['files']!,
        totals['dirs']!,
        totals['links']!,
        mib(totals['source_bytes']),
        mib(totals['stored_bytes']),
        Number(seconds.toFixed(1)),
        found.length,
      ])
      await rm(into, { recursive: true })
    }
  }
  report.line(
    `Source: ${sources.map((source) => `\`${source}\``).join(', ')}. Compared by a program of its own (Python, lstat and SHA-256): kind, content, mode, owner, mtime in nanoseconds, ` +
      'link targets, and which names are one file, of each entry and of the root.',
  )
  report.table(['artifact', 'restored by', 'files', 'directories', 'links', 'MiB', 'stored MiB', 's', 'differences'], rows)
  report.check('all that was restored is as its source', differences.length === 0, differences.slice(0, 10).join('; ') || undefined)
}

function mib(bytes: number | undefined): number {
  return Math.round((bytes ?? 0) / mebibyte)
}
