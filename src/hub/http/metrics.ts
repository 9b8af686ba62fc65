import type { FastifyInstance, FastifyRequest } from 'fastify'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { timingSafeEqual } from 'node:crypto'
import { BastionError } from '../../core/errors.ts'
import { brakeKinds } from '../../core/retention-brakes.ts'
import type { HttpServices } from './http-services.ts'
import { isLoopbackHost } from './transport.ts'

/** A line of metrics each. */
const mostProvenJobs = 5000

/** `/metrics` for Prometheus: whoever knows the token may read it, or without one a process of this machine. */
export function registerMetrics(
  app: FastifyInstance,
  { store, nodes, retention, clock }: Pick<HttpServices, 'store' | 'nodes' | 'retention' | 'clock'>,
  token: string | null,
): void {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'bastion_' })
  const shared = { registers: [registry] }

  const requests = new Counter({
    name: 'bastion_http_requests_total',
    help: 'Requests answered',
    labelNames: ['method', 'route', 'status'],
    ...shared,
  })
  const durations = new Histogram({
    name: 'bastion_http_request_duration_seconds',
    help: 'How long answers took',
    labelNames: ['method', 'route'],
    buckets: [0.005, 0.02, 0.05, 0.1, 0.5, 1, 5, 30],
    ...shared,
  })
  app.addHook('onResponse', async (request, reply) => {
    // The pattern, not the address: those are without number.
    const labels = { method: request.method, route: request.routeOptions.url ?? 'none' }
    requests.inc({ ...labels, status: reply.statusCode })
    durations.observe(labels, reply.elapsedTime / 1000)
  })

  const jobs = new Gauge({ name: 'bastion_jobs', help: 'Jobs by what is in force of them', labelNames: ['state'], ...shared })
  const runs = new Gauge({ name: 'bastion_runs', help: 'Runs that have not ended', labelNames: ['status'], ...shared })
  const brakes = new Gauge({ name: 'bastion_retention_brakes', help: 'Brakes of retention that are on', labelNames: ['kind'], ...shared })
  const oldestBrake = new Gauge({
    name: 'bastion_retention_brake_oldest_seconds',
    help: 'For how long the oldest brake of a kind is on; 0 when none is',
    labelNames: ['kind'],
    ...shared,
  })
  const retentionLook = new Gauge({
    name: 'bastion_retention_last_look_timestamp_seconds',
    help: 'When retention had looked at all jobs the last time; 0: not yet',
    ...shared,
  })
  const retentionWaiting = new Gauge({
    name: 'bastion_retention_waiting_artifacts',
    help: 'Artifacts that no rule keeps and that a limit or a brake holds',
    ...shared,
  })
  const retentionFailing = new Gauge({ name: 'bastion_retention_failing_jobs', help: 'Jobs that retention could not look at', ...shared })
  const connected = new Gauge({ name: 'bastion_nodes_connected', help: 'Nodes that are connected', ...shared })

  const artifacts = new Gauge({ name: 'bastion_artifacts', help: 'Artifacts that may still be there', labelNames: ['status'], ...shared })
  const presentBytes = new Gauge({
    name: 'bastion_artifacts_present_bytes',
    help: 'What artifacts that are present take on their targets',
    labelNames: ['target_type'],
    ...shared,
  })
  const deletes = new Gauge({ name: 'bastion_delete_tasks', help: 'Deletes of artifacts', labelNames: ['status'], ...shared })
  const cleanups = new Gauge({ name: 'bastion_incomplete_cleanups', help: 'Removals of what runs have left', labelNames: ['status'], ...shared })
  const oldestBlocked = new Gauge({
    name: 'bastion_delete_oldest_blocked_seconds',
    help: 'How long the oldest delete that is blocked has been wanted; 0 when none is',
    ...shared,
  })

  const ofJob = { labelNames: ['job_id', 'job'], ...shared }
  const provenAt = new Gauge({
    name: 'bastion_job_last_proven_restorable_timestamp_seconds',
    help: 'When a drill has last proven that an artifact of the job can be restored',
    ...ofJob,
  })
  const restoreSeconds = new Gauge({
    name: 'bastion_job_measured_restore_seconds',
    help: 'How long the last drill that proved it took to bring an artifact of the job back',
    ...ofJob,
  })
  const unproven = new Gauge({ name: 'bastion_jobs_never_proven', help: 'Active jobs of which no drill has proven anything', ...shared })

  app.get('/metrics', async (request, reply) => {
    admit(request, token)
    const { overview } = store
    const [jobCounts, runCounts, artifactCounts, deleteCounts, cleanupCounts, brakeCounts, provenCounts, provenJobs] = await Promise.all([
      overview.jobCounts(),
      overview.runCounts(),
      store.artifacts.counts(),
      store.deleteTasks.counts(),
      store.cleanupTasks.counts(),
      store.brakes.counts(),
      overview.provenCounts(),
      overview.provenJobs(mostProvenJobs),
    ])
    unproven.set(provenCounts.never)
    provenAt.reset()
    restoreSeconds.reset()
    for (const { id, name, proven_at, proven_restore_ms } of provenJobs) {
      provenAt.set({ job_id: id, job: name }, proven_at / 1000)
      restoreSeconds.set({ job_id: id, job: name }, proven_restore_ms / 1000)
    }
    for (const [state, count] of Object.entries(jobCounts)) jobs.set({ state }, count)
    for (const [status, count] of Object.entries(runCounts)) runs.set({ status }, count)
    for (const [status, count] of Object.entries(artifactCounts.status)) artifacts.set({ status }, count)
    presentBytes.reset()
    for (const { target_type, stored_bytes } of artifactCounts.present) presentBytes.set({ target_type }, stored_bytes)
    for (const [status, count] of Object.entries(deleteCounts.status)) deletes.set({ status }, count)
    for (const [status, count] of Object.entries(cleanupCounts.status)) cleanups.set({ status }, count)
    oldestBlocked.set(deleteCounts.oldestBlockedAt === null ? 0 : Math.max(0, (clock.now() - deleteCounts.oldestBlockedAt) / 1000))
    for (const kind of brakeKinds) {
      const on = brakeCounts.find((count) => count.kind === kind)
      brakes.set({ kind }, on?.total ?? 0)
      oldestBrake.set({ kind }, on === undefined ? 0 : Math.max(0, clock.now() - on.oldest) / 1000)
    }
    const { lastLookedAt, waiting, failing } = retention.standing()
    retentionLook.set((lastLookedAt ?? 0) / 1000)
    retentionWaiting.set(waiting)
    retentionFailing.set(failing)
    connected.set(nodes.connected().length)
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}

function admit(request: FastifyRequest, token: string | null): void {
  if (token === null) {
    // What a proxy of this machine passes on comes from somewhere else.
    const isPassedOn = ['forwarded', 'x-forwarded-for', 'via'].some((name) => request.headers[name] !== undefined)
    const { remoteAddress = '' } = request.socket
    if (!isPassedOn && isLoopbackHost(remoteAddress.replace(/^::ffff:/, ''))) return
  } else {
    const given = Buffer.from(request.headers.authorization ?? '')
    const wanted = Buffer.from(`Bearer ${token}`)
    if (given.length === wanted.length && timingSafeEqual(given, wanted)) return
  }
  throw new BastionError('not_allowed', 'metrics are for this machine, or for whoever knows their token', {
    hint: 'Start the Hub with BASTION_METRICS_TOKEN and send it as "Authorization: Bearer …".',
  })
}
