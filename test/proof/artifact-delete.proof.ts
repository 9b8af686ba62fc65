import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Client } from '../../src/client/client.ts'
import type { ArtifactStatus } from '../../src/core/artifact-status.ts'
import type { DeleteTask } from '../../src/core/delete-task.ts'
import type { DeleteTaskStatus } from '../../src/core/delete-task-status.ts'
import { readObject } from '../../src/engine/targets/read-object.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import type { ListedArtifact } from '../../src/protocol/artifact-listing.ts'
import { setUp, startHttpHub } from '../support/http-hub.ts'
import type { ProofReport } from '../support/proof-report.ts'
import { objectKeys } from '../support/removal-case.ts'
import { writeManyFiles } from '../support/sample-files.ts'
import type { Scale } from '../support/scale.ts'
import { openTargetPlaces, type TargetPlace } from '../support/target-places.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { openWay, type WayToPlace, withTarget } from '../support/way-to-place.ts'

export const title =
  'A delete that cannot be done waits and says why; what is not provably its own is not touched, and nothing is taken for gone that is only away'

const minute = 60_000
/** What happens to the artifact of each run. The last two stay. */
const roles = [
  'offline',
  'refused',
  'half removed',
  'all but gone',
  'gone',
  'unproven',
  'of another Hub',
  'not mounted',
  'damaged',
  'kept',
  'newest',
] as const
type Role = (typeof roles)[number]

/** One job on one place, an artifact for each thing that may happen. */
interface Story {
  place: TargetPlace
  way: WayToPlace
  jobId: string
  runs: Record<Role, string>
}

interface Told {
  task: DeleteTask
  artifact: ListedArtifact
  log: string[]
}

interface Stage {
  report: ProofReport
  client: Client
  /** Lets the Hub's clock go on, and has it look what is due. */
  pass(ms: number): Promise<void>
  /** of a server that is away */
  attemptsInVain: number
  /** one row for each thing that happened */
  rows: string[][]
}

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  await using folder = await temporaryFolder()
  const source = path.join(folder.path, 'source')
  await mkdir(source)
  writeManyFiles(source, { count: 20, perDirectory: 10, sizeBytes: () => 3000 })
  await using opened = new AsyncDisposableStack()
  const webdav = scale === 'full' ? ['Apache', 'nginx', 'rclone'] : ['Apache']
  const { places, missing } = await openTargetPlaces(path.join(folder.path, 'target'), { servers: true, webdav, s3: scale === 'full' })
  for (const place of places) opened.use(place)
  if (missing.length > 0) report.line(`Not shown: ${missing.join(' ')}`)

  let aheadMs = 0
  await using hub = await startHttpHub({ clock: { now: () => Date.now() + aheadMs } })
  const { client } = await setUp(hub)
  const rows: string[][] = []
  const stage: Stage = {
    report,
    client,
    attemptsInVain: scale === 'full' ? 3 : 1,
    rows,
    async pass(ms) {
      aheadMs += ms
      // To confirm what nobody holds does nothing but wake the queue, which else looks twice a minute.
      await client.artifacts.confirmMissing({ params: { target_id: 'nowhere' } })
    },
  }
  const stories = await Promise.all(places.map(async (place) => tellStory(client, place, opened.use(await openWay(place)), source)))

  await Promise.all(stories.map((story) => removedByHalves(stage, story)))
  await Promise.all(stories.map((story) => goneAlready(stage, story)))
  await Promise.all(stories.map((story) => inTheWay(stage, story)))
  await Promise.all(stories.map((story) => notMounted(stage, story)))
  await Promise.all(stories.map((story) => damaged(stage, story)))
  const servers = stories.filter(({ way }) => way.server !== null)
  await Promise.all(servers.map((story) => refused(stage, story)))
  await offline(stage, servers)

  report.table(
    ['place', 'what happened', 'the delete', 'failed of', 'the artifact', 'its log'],
    rows.toSorted(
      (one, other) => stories.findIndex(({ place }) => place.name === one[0]) - stories.findIndex(({ place }) => place.name === other[0]),
    ),
  )
  for (const story of stories) await checkWhatIsLeft(stage, story)
  report.check('nothing was logged as an error', hub.errors.length === 0, JSON.stringify(hub.errors).slice(0, 500))
  await checkRebuild(stage, stories)
}

async function tellStory(client: Client, place: TargetPlace, way: WayToPlace, source: string): Promise<Story> {
  if (place.secret !== null) await client.secrets.create({ params: { id: 'hub' }, body: place.secret })
  const { id } = await client.jobs.create({
    body: {
      name: place.name,
      source: { type: 'filesystem', paths: [source], snapshot_mode: 'off' },
      pipeline: { format: 'raw_tree_v1' },
      target: way.target,
      retry: { attempts: 0 },
    },
  })
  const runs = {} as Record<Role, string>
  for (const role of roles) {
    const { run_id } = await client.jobs.run({ params: { id } })
    for (;;) {
      const { ended_at, status, error } = await client.runs.get({ params: { id: run_id } })
      if (ended_at !== null && status !== 'success') throw new Error(`${place.name}: ${error?.message ?? status}`)
      if (ended_at !== null) break
      await wait(50)
    }
    runs[role] = run_id
  }
  return { place, way, jobId: id, runs }
}

const named = ({ jobId, runs }: Story, role: Role) => ({ params: { id: jobId, run_id: runs[role] } })
const prefixOf = ({ jobId, runs }: Story, role: Role) => `${jobId}/${runs[role]}`

async function toldOf(client: Client, story: Story, role: Role): Promise<Told> {
  const which = named(story, role)
  const { items } = await client.artifacts.deleteEvents(which)
  return { task: await client.artifacts.deleteTask(which), artifact: await client.artifacts.get(which), log: items.map(({ kind }) => kind) }
}

async function becomes(client: Client, story: Story, role: Role, is: (task: DeleteTask) => boolean): Promise<Told> {
  while (!is(await client.artifacts.deleteTask(named(story, role)))) await wait(50)
  return toldOf(client, story, role)
}

const stands = (status: DeleteTaskStatus) => (task: DeleteTask) => task.status === status

/** What is told of a delete, and what should be. */
function check(
  { report, rows }: Stage,
  { place }: Story,
  what: string,
  { task, artifact, log }: Told,
  expected: { task: DeleteTaskStatus; kind: string | null; artifact: ArtifactStatus; log: readonly string[] },
): void {
  rows.push([place.name, what, task.status, task.last_error_kind ?? '–', artifact.status, log.join(' ')])
  const is = { task: task.status, kind: task.last_error_kind, artifact: artifact.status, log }
  report.check(`${place.name}: ${what}`, isDeepStrictEqual(is, { ...expected }), JSON.stringify(is))
}

/** Every object of an artifact, with its size. */
function objectsOf(story: Story, role: Role): Promise<string[]> {
  return withTarget(story.place, async (target) => {
    const objects: string[] = []
    for await (const { key, sizeBytes } of target.list(prefixOf(story, role), { recursive: true })) objects.push(`${key} ${sizeBytes ?? 0}`)
    return objects.toSorted()
  })
}

async function removedByHalves(stage: Stage, story: Story): Promise<void> {
  await withTarget(story.place, async (target) => {
    const half = prefixOf(story, 'half removed')
    await target.remove(`${half}/complete.json`)
    const objects = (await objectKeys(target, half)).filter((key) => key.includes('/data/'))
    for (const key of objects.slice(0, objects.length / 2)) await target.remove(key)
    const last = prefixOf(story, 'all but gone')
    for (const key of await objectKeys(target, last)) if (!key.endsWith('/run.json')) await target.remove(key)
  })
  for (const role of ['half removed', 'all but gone'] as const) {
    await stage.client.artifacts.delete(named(story, role))
    const told = await becomes(stage.client, story, role, stands('done'))
    check(stage, story, role, told, { task: 'done', kind: null, artifact: 'deleted', log: ['requested', 'started', 'deleted'] })
    stage.report.check(`${story.place.name}: ${role}, nothing of it is left`, (await objectsOf(story, role)).length === 0)
  }
}

async function goneAlready(stage: Stage, story: Story): Promise<void> {
  await withTarget(story.place, (target) => target.removeTree(prefixOf(story, 'gone')))
  await stage.client.artifacts.delete(named(story, 'gone'))
  const told = await becomes(stage.client, story, 'gone', stands('done'))
  check(stage, story, 'gone already', told, { task: 'done', kind: null, artifact: 'missing', log: ['requested', 'started', 'missing'] })
}

async function inTheWay(stage: Stage, story: Story): Promise<void> {
  const { client } = stage
  const marker = (role: Role) => `${prefixOf(story, role)}/run.json`
  const original = await withTarget(story.place, async (target) => {
    const text = await readText(target, marker('unproven'))
    await target.remove(marker('unproven'))
    const other = JSON.parse(await readText(target, marker('of another Hub'))) as Record<string, unknown>
    await target.put(marker('of another Hub'), Buffer.from(JSON.stringify({ ...other, hub_id: 'another' })))
    return text
  })
  for (const role of ['unproven', 'of another Hub'] as const) {
    const before = await objectsOf(story, role)
    await client.artifacts.delete(named(story, role))
    const told = await becomes(client, story, role, stands('blocked'))
    const what = role === 'unproven' ? 'a directory in its place that nothing proves to be its own' : 'a directory of another Hub in its place'
    check(stage, story, what, told, { task: 'blocked', kind: 'foreign', artifact: 'error', log: ['requested', 'started', 'blocked'] })
    stage.report.check(
      `${story.place.name}: it is as it was`,
      before.length > 0 && isDeepStrictEqual(await objectsOf(story, role), before),
      `${before.length} objects`,
    )
  }
  await withTarget(story.place, async (target) => void (await target.put(marker('unproven'), Buffer.from(original))))
  await client.artifacts.retryNow(named(story, 'unproven'))
  await client.artifacts.delete({ ...named(story, 'of another Hub'), query: { force: 'true' } })
  const again = { task: 'done', kind: null, artifact: 'deleted' } as const
  const log = ['requested', 'started', 'blocked']
  check(stage, story, 'its proof is there again, and it is retried', await becomes(client, story, 'unproven', stands('done')), {
    ...again,
    log: [...log, 'retry_now', 'started', 'deleted'],
  })
  check(stage, story, 'an administrator wants it gone all the same', await becomes(client, story, 'of another Hub', stands('done')), {
    ...again,
    log: [...log, 'requested', 'started', 'deleted'],
  })
}

async function notMounted(stage: Stage, story: Story): Promise<void> {
  const { client, report } = stage
  await story.way.unmount()
  try {
    await client.artifacts.delete(named(story, 'not mounted'))
    const told = await becomes(client, story, 'not mounted', stands('blocked'))
    check(stage, story, 'its disk is not mounted', told, {
      task: 'blocked',
      kind: 'identity',
      artifact: 'error',
      log: ['requested', 'started', 'blocked'],
    })
    const looked = await client.maintenance.checkArtifact(named(story, 'kept')).then(
      ({ found }) => found,
      (error: { code: string }) => error.code,
    )
    report.check(`${story.place.name}: a check believes nothing then`, looked === 'target_identity', looked)
    const { items } = await client.artifacts.ofJob({ params: { id: story.jobId }, query: { status: 'missing' } })
    report.check(`${story.place.name}: nothing is taken for missing but what was gone`, items.map(({ run_id }) => run_id).join() === story.runs.gone)
  } finally {
    await story.way.mount()
  }
  await client.artifacts.retryNow(named(story, 'not mounted'))
  check(stage, story, 'its disk is mounted again', await becomes(client, story, 'not mounted', stands('done')), {
    task: 'done',
    kind: null,
    artifact: 'deleted',
    log: ['requested', 'started', 'blocked', 'retry_now', 'started', 'deleted'],
  })
}

async function damaged({ client, report }: Stage, story: Story): Promise<void> {
  const manifest = `${prefixOf(story, 'damaged')}/manifest.json`
  await withTarget(story.place, async (target) => void (await target.put(manifest, Buffer.from('{}'))))
  const before = await objectsOf(story, 'damaged')
  const found = await client.maintenance.checkArtifact(named(story, 'damaged'))
  const { status, last_error_kind, last_error } = await client.artifacts.get(named(story, 'damaged'))
  report.check(
    `${story.place.name}: a damaged manifest is named, and its artifact stays`,
    found.found === 'damaged' &&
      status === 'error' &&
      last_error_kind === 'damaged' &&
      last_error !== null &&
      last_error.message.includes('manifest.json'),
    last_error?.message,
  )
  report.check(`${story.place.name}: the damaged one is as it was`, isDeepStrictEqual(await objectsOf(story, 'damaged'), before))
}

async function refused(stage: Stage, story: Story): Promise<void> {
  const { client } = stage
  const secret = story.place.secret!
  const { name, ...right } = secret
  const wrong = { ...right, values: Object.fromEntries(Object.keys(right.values).map((key) => [key, 'wrong'])) } as typeof right
  const params = { id: 'hub', name }
  const before = await objectsOf(story, 'refused')
  await client.secrets.replace({ params, body: wrong })
  await client.artifacts.delete(named(story, 'refused'))
  const told = await becomes(client, story, 'refused', stands('blocked'))
  check(stage, story, 'wrong credentials', told, { task: 'blocked', kind: 'auth', artifact: 'error', log: ['requested', 'started', 'blocked'] })
  stage.report.check(`${story.place.name}: refused, it is as it was`, isDeepStrictEqual(await objectsOf(story, 'refused'), before))
  await client.secrets.replace({ params, body: right })
  await client.artifacts.retryNow(named(story, 'refused'))
  check(stage, story, 'the right credentials', await becomes(client, story, 'refused', stands('done')), {
    task: 'done',
    kind: null,
    artifact: 'deleted',
    log: ['requested', 'started', 'blocked', 'retry_now', 'started', 'deleted'],
  })
}

/** Of all servers at once, for there is one clock. */
async function offline(stage: Stage, stories: readonly Story[]): Promise<void> {
  const { client, report, pass, attemptsInVain } = stage
  for (const { way } of stories) way.server?.goAway()
  for (const story of stories) await client.artifacts.delete(named(story, 'offline'))
  for (let attempts = 1; attempts <= attemptsInVain; attempts++) {
    const all = await Promise.all(
      stories.map((story) => becomes(client, story, 'offline', (task) => task.attempts === attempts && task.status === 'retrying')),
    )
    for (const [at, { task, artifact }] of all.entries()) {
      report.check(
        `${stories[at]!.place.name}: after ${attempts} attempts in vain it is being deleted still, and nothing of it was touched`,
        artifact.status === 'deleting' && task.last_error_kind === 'network' && !task.touched,
        artifact.last_error?.code ?? 'no error',
      )
    }
    if (attempts === attemptsInVain) for (const { way } of stories) way.server?.comeBack()
    await pass(6 * minute)
  }
  for (const story of stories) {
    const told = await becomes(client, story, 'offline', stands('done'))
    const attempt = ['started', 'retry_scheduled']
    check(stage, story, `its server is away for ${attemptsInVain} attempts`, told, {
      task: 'done',
      kind: null,
      artifact: 'deleted',
      log: ['requested', ...Array.from({ length: attemptsInVain }, () => attempt).flat(), 'started', 'deleted'],
    })
    const { items } = await client.artifacts.deleteEvents(named(story, 'offline'))
    const delays = items.flatMap(({ ts, kind, fields }) => (kind === 'retry_scheduled' ? [(Number(fields['next_attempt_at']) - ts) / minute] : []))
    report.check(
      `${story.place.name}: 1, 2 and 4 minutes later, a fifth more or less`,
      delays.every((delay, at) => delay >= 0.8 * 2 ** at && delay <= 1.2 * 2 ** at),
      delays.map((delay) => delay.toFixed(2)).join(', '),
    )
  }
}

async function checkWhatIsLeft({ client, report }: Stage, { place, jobId, runs, way }: Story): Promise<void> {
  const left = [...(way.server === null ? [runs.offline, runs.refused] : []), runs.kept, runs.newest].toSorted()
  const { items } = await client.artifacts.ofJob({ params: { id: jobId }, query: { status: 'present' } })
  const present = items.map(({ run_id }) => run_id).toSorted()
  report.check(`${place.name}: present in the index is what nobody wanted gone`, present.join() === left.join(), `${present.length}`)
  const stored = await withTarget(place, (target) => objectKeys(target, jobId))
  const directories = [...new Set(stored.map((key) => key.split('/')[1] ?? ''))].toSorted()
  report.check(
    `${place.name}: a listing of the target shows these, the damaged one, and nothing else`,
    directories.join() === [...left, runs.damaged].toSorted().join(),
    `${directories.length}`,
  )
}

/** A second Hub, with nothing but the secrets. */
async function checkRebuild({ client: first, report }: Stage, stories: readonly Story[]): Promise<void> {
  await using empty = await startHttpHub()
  const { client } = await setUp(empty)
  for (const { place, way, jobId, runs } of stories) {
    if (place.secret !== null) await client.secrets.create({ params: { id: 'hub' }, body: place.secret })
    const damagedRuns: string[] = []
    const rest = { missing: 0, foreign: 0, incomplete: 0 }
    for (let after: string | undefined; ;) {
      const page = await client.maintenance.rebuildIndex({ body: { target: way.target, limit: 2, ...(after !== undefined && { after }) } })
      damagedRuns.push(...page.damaged.map(({ run_id }) => run_id))
      for (const name of ['missing', 'foreign'] as const) rest[name] += page[name].length
      rest.incomplete += page.incomplete
      if (page.next === null) break
      after = page.next
    }
    const [before, now] = await Promise.all([first, client].map((one) => knownOf(one, jobId, runs.kept)))
    report.check(
      `${place.name}: an empty Hub learns from the target what this one knew of its job, artifacts and their files`,
      isDeepStrictEqual(now, before),
      `${now!.artifacts.length} artifacts, ${now!.entries.length} entries`,
    )
    report.check(
      `${place.name}: it names the damaged one, and nothing else is the matter there`,
      damagedRuns.join() === runs.damaged && isDeepStrictEqual(rest, { missing: 0, foreign: 0, incomplete: 0 }),
      JSON.stringify(rest),
    )
  }
}

async function knownOf(client: Client, jobId: string, runId: string) {
  const { source, pipeline, target } = await client.jobs.get({ params: { id: jobId } })
  const { items } = await client.artifacts.ofJob({ params: { id: jobId }, query: { status: 'present', limit: 200 } })
  // When a Hub was told is its own.
  const artifacts = items.map(({ ended_at: _, ...artifact }) => artifact).toSorted((one, other) => (one.run_id < other.run_id ? -1 : 1))
  const entries: string[] = []
  for (const prefixes = ['']; prefixes.length > 0;) {
    const prefix = prefixes.pop()!
    for (const { path: name, kind, size } of (await client.runs.entries({ params: { id: runId }, query: { prefix, limit: 200 } })).items) {
      entries.push(`${name} ${kind} ${size ?? ''}`)
      if (kind === 'dir') prefixes.push(name)
    }
  }
  return { source, pipeline, target, artifacts, entries: entries.toSorted() }
}

async function readText(target: Target, key: string): Promise<string> {
  return Buffer.from(await readObject(target, key, { maxBytes: 64 * 1024 })).toString()
}
