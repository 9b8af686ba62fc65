import { computed, reactive, watch } from 'vue'
import { jobFields, jobPipelineSchema } from '../../../../../src/core/job.ts'
import { type Source, sourceSchema } from '../../../../../src/core/source.ts'
import { type Job, type JobSpec, jobSpecSchema } from '../../../../../src/protocol/job-spec.ts'
import { useProblems } from '../../../app/problems.ts'

/** A job while it is written: as it is posted, but not yet right everywhere. */
export type JobDraft = JobSpec

const keptBelow = 'bastion.draft.'

/** What a new job begins with; its schedule is one a person would choose. */
export function newDraft(): JobDraft {
  return {
    name: '',
    node_id: 'hub',
    schedule: '0 3 * * *',
    schedule_timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    overlap_policy: 'queue',
    catch_up: 'once',
    retry: { attempts: 2 },
    drill_schedule: null,
    source: newSource('filesystem'),
    pipeline: jobPipelineSchema.parse({}),
    target: { type: 'local_dir', path: '' },
    retention: jobFields.retention.parse(undefined),
    notifications: { mode: 'inherit' },
  }
}

/** A source of which nothing is chosen yet. What cannot be read is passed over and told. */
export function newSource(type: Source['type']): Source {
  switch (type) {
    case 'filesystem':
      return { ...sourceSchema.parse({ type, paths: ['/'], error_policy: 'skip_ok' }), paths: [] } as Source
    case 'sqlite':
      return { ...sourceSchema.parse({ type, path: '/' }), path: '' } as Source
    case 'vaultwarden':
      return { ...sourceSchema.parse({ type, data_dir: '/', error_policy: 'skip_ok' }), data_dir: '' } as Source
  }
}

/** What may be decided of a job that is there. */
export function draftOf(job: Job): JobDraft {
  const decided = Object.keys(jobSpecSchema.shape)
  return jobSpecSchema.parse(Object.fromEntries(Object.entries(job).filter(([name]) => decided.includes(name))))
}

/**
 * A draft that outlives its page: what was written is there again after a reload or a new sign-in, until it is saved or thrown away. `name` is the job's id, or
 * what it is made from.
 */
export function useJobDraft(name: string, start: JobDraft) {
  const { problemsOf } = useProblems()
  const storage = keptBelow + name
  const original = JSON.stringify(start)
  const kept = readKept(storage)
  const draft: JobDraft = reactive(kept ?? structuredClone(start))
  const isChanged = computed(() => JSON.stringify(draft) !== original)
  watch(draft, () => {
    if (isChanged.value) sessionStorage.setItem(storage, JSON.stringify(draft))
    else sessionStorage.removeItem(storage)
  })
  /** by the path of the field, such as `target.base_url` */
  const problems = computed(() => problemsOf(jobSpecSchema, draft))
  return {
    draft,
    isChanged,
    wasKept: kept !== null,
    problems,
    forget: () => sessionStorage.removeItem(storage),
    startAgain() {
      Object.assign(draft, JSON.parse(original) as JobDraft)
      sessionStorage.removeItem(storage)
    },
  }
}

function readKept(storage: string): JobDraft | null {
  try {
    const kept = sessionStorage.getItem(storage)
    return kept === null ? null : (JSON.parse(kept) as JobDraft)
  } catch {
    return null
  }
}
