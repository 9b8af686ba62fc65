import { restorePayload } from '../core/stock-commands.ts'
import type { Job } from './job-spec.ts'
import { shellWord, targetArgument } from './target-argument.ts'

/** What is printed and kept apart from the Hub: a key, what it opens, and how, when neither Hub nor Bastion is left. */
export interface RecoverySheet {
  keyName: string
  recipient: string
  identity: string
  madeAt: number
  places: SheetPlace[]
  /** everything, in the directory to restore into; `BACKUP` stands for the directory of one backup */
  stockCommand: string
}

/** Where backups lie that the key opens. */
export interface SheetPlace {
  jobName: string
  /** as commands of Bastion take it, quoted for a shell */
  target: string
  /** of the job, below the target; the directories of its backups are in it, and their names sort by time */
  directory: string
  /** of the newest backup, with Bastion; `DIR` stands for where to */
  command: string
}

interface SheetKey {
  name: string
  recipient: string
  identity: string
}

/** @param jobs of the Hub; those that encrypt to another key, or to none, are left out */
export function recoverySheet(key: SheetKey, jobs: readonly Pick<Job, 'id' | 'name' | 'target' | 'pipeline'>[], madeAt: number): RecoverySheet {
  const opened = jobs.filter(({ pipeline: { encryption } }) => encryption.type !== 'none' && encryption.key_name === key.name)
  return {
    keyName: key.name,
    recipient: key.recipient,
    identity: key.identity,
    madeAt,
    places: opened.map(({ id, name, target }) => placeOf(id, name, targetArgument(target))),
    stockCommand: restorePayload('BACKUP', true),
  }
}

/** Plain text in English, as the command line prints it. */
export function recoverySheetText(sheet: RecoverySheet): string {
  const places = sheet.places.map(
    ({ jobName, target, directory, command }) => `${jobName}\n    in ${target}, directory ${directory}/\n    ${command}\n`,
  )
  return `RECOVERY SHEET of the key ${sheet.keyName}

Keep it apart from the Hub and from the backups. Whoever has it can open every backup that was encrypted to this key; without it, when the Hub's disk is gone, nobody can.

The key, an age identity:

    ${sheet.identity}

Its public half: ${sheet.recipient}
Written on ${new Date(sheet.madeAt).toISOString()}

WHAT IT OPENS

${places.length === 0 ? 'No job of this Hub encrypts to it today.\n' : places.join('\n')}
HOW, WITHOUT BASTION

1. Put the key into a file key.txt, on a line of its own.
2. A backup is a directory of the job: the last name is the newest. It is complete when it holds complete.json. Its RESTORE.md says all of this in detail.
3. With age, zstd and GNU tar, in the directory to restore into, as root to get owners back. BACKUP is the directory of the backup:

    ${sheet.stockCommand}

HOW, WITH BASTION AND NO HUB

The command below each job brings back its newest backup. DIR is where to; BASTION_WEBDAV_USERNAME and _PASSWORD, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or
SSH_AUTH_SOCK hold the credentials of the target.
`
}

function placeOf(jobId: string, jobName: string, target: string): SheetPlace {
  const [, place = target, query = ''] = /^((?:s3|sftp):\/\/[^?]*)(\?.*)$/s.exec(target) ?? []
  const artifact = `${place.replace(/\/$/, '')}/${jobId}@latest${query}`
  return { jobName, target: shellWord(target), directory: jobId, command: `bastion restore ${shellWord(artifact)} --to DIR --identity key.txt` }
}
