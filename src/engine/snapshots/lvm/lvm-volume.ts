import { z } from 'zod'
import { failureText, type ProgramRunner } from '../program-runner.ts'
import { isRefusal, type Refusal } from '../snapshot-provider.ts'

const volumeSchema = z.object({
  vg_name: z.string(),
  lv_name: z.string(),
  lv_uuid: z.string(),
  lv_attr: z.string(),
  /** of a thin volume */
  pool_lv: z.string(),
  /** of a snapshot */
  origin: z.string(),
  data_percent: z.string(),
  lv_tags: z.string(),
})
/** A logical volume, as `lvs` tells of it. */
export type LogicalVolume = z.infer<typeof volumeSchema>

const reportSchema = z.object({ report: z.array(z.object({ lv: z.array(volumeSchema).default([]) })) })
const devicesSchema = z.object({ blockdevices: z.array(z.object({ path: z.string(), type: z.string() })) })

/** @param volume `vg/name` or the path of its device */
export async function readVolume(volume: string, runner: ProgramRunner): Promise<LogicalVolume | 'absent' | Refusal> {
  const args = ['--reportformat', 'json', '-o', Object.keys(volumeSchema.shape).join(','), volume]
  const result = await runner.result('lvs', args)
  if (isRefusal(result)) return result
  if (result.code !== 0) {
    return /Failed to find logical volume|Volume group .* not found/.test(result.stderr) ? 'absent' : { reason: failureText('lvs', [volume], result) }
  }
  const report = reportSchema.safeParse(parsed(result.stdout))
  if (!report.success) return { reason: `lvs answered what cannot be understood about ${volume}` }
  return report.data.report[0]?.lv[0] ?? 'absent'
}

/** `lvm`, `disk`, `part`, `crypt` …: what kind of block device it is. */
export async function deviceType(device: string, runner: ProgramRunner): Promise<string | Refusal> {
  const listed = await runner.output('lsblk', ['-J', '-d', '-o', 'PATH,TYPE', device])
  if (isRefusal(listed)) return listed
  const devices = devicesSchema.safeParse(parsed(listed.stdout))
  return devices.success && devices.data.blockdevices.length > 0 ? devices.data.blockdevices[0]!.type : { reason: `lsblk does not know ${device}` }
}

/** A snapshot that ran out of room for what changed reads what it should not: it is worth nothing. */
export function isBroken({ lv_attr, data_percent, pool_lv }: LogicalVolume): boolean {
  return /^.{4}[IS]/.test(lv_attr) || (pool_lv === '' && Number(data_percent) >= 100)
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}
