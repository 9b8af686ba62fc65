import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { BastionError, type ErrorCode } from '../../src/core/errors.ts'
import { listArtifacts } from '../../src/engine/list.ts'
import { createCountingTarget } from '../../src/engine/targets/counting-target.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import { runBackup, testJobId, verifyRun } from './engine.ts'
import { writeManyFiles, writeSampleFile } from './sample-files.ts'

/** A tree whose backup has three parts of the smallest size, the last one shorter. */
export function writeThreePartTree(folder: string): string {
  mkdirSync(folder)
  writeManyFiles(path.join(folder, 'small'), { count: 30, perDirectory: 10, sizeBytes: (random) => Math.floor(random * 9000) })
  writeSampleFile(path.join(folder, 'large.bin'), 2_400_000)
  return folder
}

/** The keys an undisturbed backup of `source` puts, in order, each as it is named below the run's directory; and all the bytes it puts. */
export async function putsOf(source: string): Promise<{ names: string[]; bytes: number }> {
  const target = createCountingTarget(createMemoryTarget())
  await runBackup({ target, sources: [source] })
  return { names: target.counts.keys('put').map(nameOf), bytes: target.counts.of('put').bytes }
}

/** `payload.part000001` for a key of a run, the key itself for one of the target. */
export function nameOf(key: string): string {
  return key.startsWith(`${testJobId}/`) ? key.split('/').slice(2).join('/') : key
}

/** The code a backup to `target` fails with. @throws when it succeeds, or fails with anything but a `BastionError` */
export async function failureOf(target: Target, source: string, signal?: AbortSignal): Promise<ErrorCode> {
  try {
    await runBackup({ target, sources: [source], ...(signal && { signal }) })
  } catch (error) {
    if (error instanceof BastionError) return error.code
    throw error
  }
  throw new Error('the backup succeeded')
}

/** What the runs of a target left, by name, the target's own identity aside. */
export async function remainsOf(target: Target): Promise<string[]> {
  const names: string[] = []
  for await (const { key } of target.list('', { recursive: true })) if (key.startsWith(`${testJobId}/`)) names.push(nameOf(key))
  return names.toSorted()
}

export async function listedOf(target: Target): Promise<string[]> {
  const listed: string[] = []
  for await (const { runId, status } of listArtifacts(target, { signal: new AbortController().signal })) listed.push(`${runId} ${status}`)
  return listed
}

/** The next backup to a target that works again is whole, and the only artifact there. */
export async function expectNextRunWhole(target: Target, source: string): Promise<void> {
  const run = await runBackup({ target, sources: [source] })
  expect(await verifyRun(run)).toMatchObject({ ok: true })
  expect(await listedOf(target)).toEqual([`${run.ref.runId} present`])
}
