import type { Job } from '../../../../src/protocol/job-spec.ts'
import { useTexts } from '../../app/texts.ts'
import { plainSchedule } from './plain-schedule.ts'

/** When a job runs, as one says it. */
export function useScheduleText() {
  const { t, language } = useTexts()
  const weekday = (day: number) => new Intl.DateTimeFormat(language.value, { weekday: 'long', timeZone: 'UTC' }).format(Date.UTC(2023, 0, 1 + day))
  return ({ schedule, schedule_timezone: zone }: Pick<Job, 'schedule' | 'schedule_timezone'>): string => {
    const plain = plainSchedule(schedule)
    switch (plain.every) {
      case 'never':
        return t('jobs.every.never')
      case 'hour':
        return t('jobs.every.hour', { minute: plain.minute })
      case 'minutes':
        return t('jobs.every.minutes', { step: plain.step })
      case 'day':
        return `${t('jobs.every.day', { time: plain.time })} (${zone})`
      case 'week':
        return `${t('jobs.every.week', { day: weekday(plain.day), time: plain.time })} (${zone})`
      case 'month':
        return `${t('jobs.every.month', { day: plain.day, time: plain.time })} (${zone})`
      case 'cron':
        return `${plain.cron} (${zone})`
    }
  }
}
