/** A schedule as a person chooses it; whatever is none of these is cron. Times are `HH:MM`, days of the week count from Sunday, 0. */
export type PlainSchedule =
  | { every: 'never' }
  | { every: 'minutes'; step: number }
  | { every: 'hour'; minute: number }
  | { every: 'day'; time: string }
  | { every: 'week'; day: number; time: string }
  | { every: 'month'; day: number; time: string }
  | { every: 'cron'; cron: string }

const number = /^\d{1,2}$/

export function plainSchedule(schedule: string | null): PlainSchedule {
  if (schedule === null) return { every: 'never' }
  const cron = { every: 'cron', cron: schedule } as const
  const [minute = '', hour = '', day = '', month = '', weekday = '', ...more] = schedule.trim().split(/\s+/)
  if (more.length > 0 || month !== '*') return cron
  const step = /^\*\/(\d{1,2})$/.exec(minute)?.[1]
  if (step !== undefined)
    return hour === '*' && day === '*' && weekday === '*' && 60 % Number(step) === 0 ? { every: 'minutes', step: Number(step) } : cron
  if (!number.test(minute)) return cron
  if (hour === '*') return day === '*' && weekday === '*' ? { every: 'hour', minute: Number(minute) } : cron
  if (!number.test(hour)) return cron
  const time = `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`
  if (day === '*' && weekday === '*') return { every: 'day', time }
  if (day === '*' && /^[0-7]$/.test(weekday)) return { every: 'week', day: Number(weekday) % 7, time }
  if (weekday === '*' && number.test(day)) return { every: 'month', day: Number(day), time }
  return cron
}

export function cronOf(plain: PlainSchedule): string | null {
  const at = (time: string) => {
    const [hour, minute] = time.split(':').map(Number)
    return `${minute ?? 0} ${hour ?? 0}`
  }
  switch (plain.every) {
    case 'never':
      return null
    case 'minutes':
      return `*/${plain.step} * * * *`
    case 'hour':
      return `${plain.minute} * * * *`
    case 'day':
      return `${at(plain.time)} * * *`
    case 'week':
      return `${at(plain.time)} * * ${plain.day}`
    case 'month':
      return `${at(plain.time)} ${plain.day} * *`
    case 'cron':
      return plain.cron
  }
}
