import { type RetentionRule, retentionRules } from '../../../../src/core/retention-rules.ts'
import type { JobSpec } from '../../../../src/protocol/job-spec.ts'
import { type TextKey, useTexts } from '../../app/texts.ts'
import { commandText } from './command-words.ts'
import { useScheduleText } from './use-schedule-text.ts'

const names: Readonly<Record<string, TextKey>> = {
  name: 'jobs.editor.name',
  node_id: 'jobs.column.node',
  'source.type': 'jobs.editor.sourceKind',
  'source.paths': 'jobs.editor.paths',
  'source.path': 'jobs.sourcePath.sqlite',
  'source.data_dir': 'jobs.sourcePath.vaultwarden',
  'source.exclude': 'jobs.editor.exclude',
  'source.include': 'jobs.editor.include',
  'source.snapshot_mode': 'jobs.editor.snapshot',
  'source.consistency_policy': 'jobs.editor.consistency',
  'source.error_policy': 'jobs.editor.errors',
  'source.symlink_policy': 'jobs.editor.symlinks',
  'source.one_file_system': 'jobs.editor.oneFileSystem',
  'source.sqlite_capture': 'jobs.editor.captures',
  'source.integrity_check': 'jobs.editor.integrity',
  'source.icon_cache': 'jobs.editor.iconCache',
  'source.hooks.before.command': 'jobs.hooks.before',
  'source.hooks.after.command': 'jobs.hooks.after',
  'target.type': 'jobs.editor.kind',
  'target.secret_name': 'jobs.editor.secret',
  'pipeline.format': 'jobs.editor.format',
  'pipeline.level': 'jobs.editor.level',
  'pipeline.encryption': 'jobs.fact.security',
  schedule: 'jobs.fact.schedule',
  schedule_timezone: 'jobs.schedule.zone',
  overlap_policy: 'jobs.schedule.overlap',
  catch_up: 'jobs.schedule.missed',
  'retry.attempts': 'jobs.schedule.attempts',
  'retention.mode': 'retention.mode.label',
  'retention.enabled': 'retention.enabled',
  'retention.max_delete_per_tick': 'retention.limit.max_delete_per_tick',
  'retention.max_delete_per_day': 'retention.limit.max_delete_per_day',
}

/** Where the texts of the choices of a field are. */
const choices: Readonly<Record<string, string>> = {
  'source.type': 'jobs.sourceKind',
  'source.snapshot_mode': 'jobs.snapshotMode',
  'source.consistency_policy': 'jobs.consistencyPolicy',
  'source.error_policy': 'jobs.errorPolicy',
  'source.symlink_policy': 'jobs.symlinkPolicy',
  'source.hooks.before.on_failure': 'jobs.hooks.onFailure.before',
  'source.hooks.after.on_failure': 'jobs.hooks.onFailure.after',
  'target.type': 'targets.kind',
  'pipeline.format': 'jobs.format',
  overlap_policy: 'jobs.overlap',
  catch_up: 'jobs.catchUp',
  'retention.mode': 'retention.mode',
}

/** Fields of a job and what is in them, as the editor calls them. What has no text is shown as the job has it. */
export function useFieldText() {
  const { t, tryText } = useTexts()
  const scheduleText = useScheduleText()

  function nameOf(path: string): string {
    const name = names[path]
    if (name !== undefined) return t(name)
    const last = path.slice(path.lastIndexOf('.') + 1)
    const [, moment, part] = /^source\.hooks\.(before|after)\.(timeout_s|on_failure)$/.exec(path) ?? []
    if (moment !== undefined)
      return `${nameOf(`source.hooks.${moment}.command`)} · ${t(part === 'timeout_s' ? 'jobs.hooks.timeout' : 'jobs.hooks.failure')}`
    if (path.startsWith('target.')) return tryText(`targets.option.${last}`) ?? last
    return retentionRules.includes(last as RetentionRule) ? t(`retention.keep.${last as RetentionRule}`) : path
  }

  function encryptionText(encryption: JobSpec['pipeline']['encryption']): string {
    return encryption.type === 'none' ? t('jobs.unencrypted') : t('jobs.encryptedTo', { key: encryption.key_name })
  }

  /** @param job what it is a field of */
  function textOf(path: string, value: unknown, job: JobSpec): string {
    if (path === 'schedule') return scheduleText(job)
    if (path === 'pipeline.encryption') return encryptionText(value as JobSpec['pipeline']['encryption'])
    if (path === 'node_id' && value === 'hub') return t('common.hubNode')
    if (path === 'source.sqlite_capture') return t(value === 'auto' ? 'common.yes' : 'common.no')
    if (value === undefined || value === null || value === '') return '–'
    if (typeof value === 'boolean') return t(value ? 'common.yes' : 'common.no')
    if (path.endsWith('.command')) return commandText(value as string[])
    if (Array.isArray(value)) return value.length === 0 ? '–' : value.join(', ')
    const plain = typeof value === 'string' ? value : JSON.stringify(value)
    const choice = choices[path]
    return (choice === undefined ? null : tryText(`${choice}.${plain}`)) ?? plain
  }

  return { nameOf, textOf }
}
