import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from '../../src/client/client.ts'
import { listArtifacts } from '../../src/engine/list.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import type { ListedArtifact } from '../../src/protocol/artifact-listing.ts'
import { type HubServer, signIn, startHubServer } from '../support/hub-server.ts'
import type { ProofReport } from '../support/proof-report.ts'
import { objectKeys } from '../support/removal-case.ts'
import { writeManyFiles } from '../support/sample-files.ts'
import type { Scale } from '../support/scale.ts'
import { seededRandom } from '../support/seed.ts'
import { openTargetPlaces, type TargetPlace } from '../support/target-places.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export const title =
  'A Hub that deletes what no rule keeps, and is killed at any moment of it, keeps on its targets what its index says, and nothing else'

const sizes: Record<Scale, { runs: number; keep: number; kills: number; files: number; servers: boolean }> = {
  short: { runs: 5, keep: 1, kills: 3, files: 20, servers: false },
  full: { runs: 30, keep: 5, kills: 20, files: 150, servers: true },
}
const killWithinMs = 400

/** A job, what becomes of its artifacts, and where they are. */
interface Story {
  place: TargetPlace
  jobId: string
  /** the oldest first */
  runIds: string[]
  pinned: string[]
  /** as the preview said it */
  kept: string[]
}

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const { runs, keep, kills, files, servers } = sizes[scale]
  const random = seededRandom()
  await using folder = await temporaryFolder()
  const source = path.join(folder.path, 'source')
  await mkdir(source)
  writeManyFiles(source, { count: files, perDirectory: 50, sizeBytes: () => 2000 })
  await using opened = new AsyncDisposableStack()
  const { places, missing } = await openTargetPlaces(path.join(folder.path, 'target'), { servers })
  for (const place of places) opened.use(place)
  if (missing.length > 0) report.line(`Not shown: ${missing.join(' ')}`)
  const dataDir = path.join(folder.path, 'data')

  const stories: Story[] = []
  {
    await using hub = await startHubServer({ dataDir })
    const { client } = await signIn(hub)
    stories.push(...(await Promise.all(places.map((place) => tellStory(client, place, { source, runs })))))
    for (const story of stories) await beginDeleting(report, client, story, keep)
    await killSoon(hub, random)
  }
  for (let kill = 1; kill < kills; kill++) {
    await using hub = await startHubServer({ dataDir })
    await killSoon(hub, random)
  }

  await using hub = await startHubServer({ dataDir })
  const { client } = await signIn(hub)
  let interrupted = 0
  for (const story of stories) {
    await deleteTheRest(client, story, keep)
    const { deleted, cut } = await checkStory(report, client, story)
    interrupted += cut
    report.line(
      `${story.place.name}: ${runs} artifacts of ${files} files each, 2 of them pinned, the last ${keep} kept by rule. ${deleted} deleted; ${cut} times a delete was cut in the middle.`,
    )
  }
  report.line(
    `The Hub (\`bastion hub\`, its node with it) was killed ${kills} times, each time within ${killWithinMs} ms after it listened, while it deleted one artifact of each job.`,
  )
  if (scale === 'full') report.check('kills met deletes in the middle', interrupted > 0, `${interrupted} times`)
}

async function tellStory(client: Client, place: TargetPlace, { source, runs }: { source: string; runs: number }): Promise<Story> {
  if (place.secret !== null) await client.secrets.create({ params: { id: 'hub' }, body: place.secret })
  const { id } = await client.jobs.create({
    body: {
      name: place.name,
      source: { type: 'filesystem', paths: [source], snapshot_mode: 'off' },
      pipeline: { format: 'raw_tree_v1' },
      target: place.target,
    },
  })
  const runIds: string[] = []
  for (let run = 0; run < runs; run++) {
    const { run_id } = await client.jobs.run({ params: { id } })
    while ((await client.runs.get({ params: { id: run_id } })).ended_at === null) await wait(20)
    runIds.push(run_id)
  }
  const pinned = [runIds[0]!, runIds[Math.floor(runs / 2)]!]
  for (const run_id of pinned) await client.artifacts.pin({ params: { id, run_id } })
  return { place, jobId: id, runIds, pinned, kept: [] }
}

const policy = (keep_last: number, max_delete_per_tick: number) => ({ mode: 'custom' as const, enabled: true, keep_last, max_delete_per_tick })

/** One artifact at a time: each time the Hub starts it asks for the next one. */
async function beginDeleting(report: ProofReport, client: Client, story: Story, keep: number): Promise<void> {
  const { jobId: id, runIds, pinned } = story
  const preview = await client.retention.preview({ params: { id }, body: { retention: policy(keep, 1), months: 0 } })
  story.kept = preview.keep.map(({ run_id }) => run_id).toSorted()
  const expected = runIds.filter((runId, at) => at >= runIds.length - keep || pinned.includes(runId)).toSorted()
  report.check(`${story.place.name}: the preview keeps what is pinned and the last ${keep}`, story.kept.join() === expected.join())
  await client.retention.replace({ params: { id }, body: policy(keep, 1) })
  const { run_ids } = await client.retention.apply({ params: { id }, body: { fingerprint: preview.fingerprint } })
  report.check(
    `${story.place.name}: applied, it begins with the first of the preview`,
    run_ids.length <= 1 && run_ids.every((runId) => preview.delete.some((one) => one.run_id === runId)),
  )
}

async function killSoon(hub: HubServer, random: () => number): Promise<void> {
  await wait(random() * killWithinMs)
  await hub.kill()
}

async function allOf(client: Client, { jobId: id }: Story): Promise<ListedArtifact[]> {
  const all: ListedArtifact[] = []
  for (const status of ['present', 'deleting', 'error', 'deleted', 'missing'] as const)
    all.push(...(await client.artifacts.ofJob({ params: { id }, query: { status, limit: 200 } })).items)
  return all
}

async function deleteTheRest(client: Client, story: Story, keep: number): Promise<void> {
  const params = { id: story.jobId }
  await client.retention.replace({ params, body: policy(keep, 1000) })
  // What was cut in the middle may hold a brake until it has been tried again.
  await client.retention.apply({ params, body: { despite_brakes: true } })
  while ((await allOf(client, story)).some(({ status }) => status === 'deleting')) await wait(50)
}

async function checkStory(report: ProofReport, client: Client, story: Story): Promise<{ deleted: number; cut: number }> {
  const { place, jobId, kept } = story
  const all = await allOf(client, story)
  const of = (status: ListedArtifact['status']) => all.flatMap((one) => (one.status === status ? [one.run_id] : [])).toSorted()
  report.check(`${place.name}: the index has every artifact once`, all.length === story.runIds.length, `${all.length}`)
  report.check(`${place.name}: present in the index is what the preview kept`, of('present').join() === kept.join(), `${of('present').length}`)
  const gone = of('deleted')
  report.check(
    `${place.name}: all others are deleted, none is in error or said to be missing`,
    gone.length === all.length - kept.length,
    `${gone.length} deleted, ${of('missing').length} missing, ${of('error').length} in error`,
  )
  const target = await place.open()
  try {
    const { whole, others } = await lookAt(target, jobId)
    report.check(`${place.name}: a listing of the target shows the same artifacts, whole`, whole.join() === kept.join(), `${whole.length}`)
    report.check(`${place.name}: nothing else is left there`, others.length === 0, others.slice(0, 5).join(' ') || 'nothing')
  } finally {
    await target.close()
  }
  const logs = await Promise.all(
    gone.map(async (run_id) => (await client.artifacts.deleteEvents({ params: { id: jobId, run_id } })).items.map(({ kind }) => kind)),
  )
  return { deleted: gone.length, cut: logs.flat().filter((kind) => kind === 'interrupted').length }
}

/** The target itself, without the Hub: artifacts that are there and whole by their chain, and everything that belongs to none of them. */
async function lookAt(target: Target, jobId: string): Promise<{ whole: string[]; others: string[] }> {
  const whole: string[] = []
  for await (const { runId, status } of listArtifacts(target, { jobId, signal: new AbortController().signal })) {
    if (status === 'present') whole.push(runId)
  }
  const others = (await objectKeys(target, jobId)).filter(
    (key) => !whole.some((runId) => key === `${jobId}/${runId}` || key.startsWith(`${jobId}/${runId}/`)),
  )
  return { whole: whole.toSorted(), others }
}
