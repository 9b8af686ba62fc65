import { z } from 'zod'
import type { SnapshotRecord } from '../../../core/snapshot-lease.ts'
import { pathText, toBytePath } from '../../../lib/byte-path.ts'
import { isRefusal, type Refusal, type SnapshotHost, type SnapshotProvider } from '../snapshot-provider.ts'

const createdSchema = z.object({ return_value: z.number(), shadow_id: z.string().nullable() })
const shadowSchema = z.object({ id: z.string(), volume: z.string(), device: z.string() }).nullable()
const guid = /^\{[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}$/

/** PowerShell reads what varies from its environment: a script never has a value put into it. */
const createScript = `$r = Invoke-CimMethod -ClassName Win32_ShadowCopy -MethodName Create -Arguments @{Volume=$env:BASTION_VOLUME}
@{return_value=[int]$r.ReturnValue; shadow_id=$r.ShadowID} | ConvertTo-Json -Compress`
const findScript = `$s = Get-CimInstance Win32_ShadowCopy | Where-Object ID -eq $env:BASTION_SHADOW
if ($null -eq $s) { 'null' } else { @{id=$s.ID; volume=$s.VolumeName; device=$s.DeviceObject} | ConvertTo-Json -Compress }`
const removeScript = `Get-CimInstance Win32_ShadowCopy | Where-Object ID -eq $env:BASTION_SHADOW | Remove-CimInstance`

/** Another program makes one just now (Win32_ShadowCopy.Create, return value 9). */
const busy = 9
const busyWaitMs = 7_000
const timeoutMs = 10 * 60_000

/**
 * Shadow copies of Windows volumes, by Win32_ShadowCopy: as they would be found after a power cut. They outlive their run and a restart, and carry no mark of ours: one whose id was not
 * recorded, because its run was killed just then, cannot be told from somebody else's and is left to a person.
 */
export function createVssProvider(host: SnapshotHost, wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))): SnapshotProvider {
  async function powershell(script: string, env: Record<string, string>): Promise<string | Refusal> {
    const file = host.findProgram('powershell.exe')
    if (file === null) return { reason: 'PowerShell is not installed' }
    const result = await host.run({ file, args: ['-NoProfile', '-NonInteractive', '-Command', script], timeoutMs, env })
    if (result.code === 0) return result.stdout.trim()
    return { reason: result.timedOut ? 'PowerShell took too long' : `PowerShell failed: ${result.stderr.trim().split('\n')[0] ?? ''}` }
  }

  async function find(id: string): Promise<z.infer<typeof shadowSchema> | Refusal> {
    if (!guid.test(id)) return { reason: `${id} is no id of a shadow copy` }
    const answer = await powershell(findScript, { BASTION_SHADOW: id })
    return isRefusal(answer) ? answer : understood(shadowSchema, answer)
  }

  async function create({ facts }: SnapshotRecord): Promise<Record<string, string> | Refusal> {
    for (let attempt = 1; ; attempt++) {
      const answer = await powershell(createScript, { BASTION_VOLUME: facts['volume'] ?? '' })
      const created = isRefusal(answer) ? answer : understood(createdSchema, answer)
      if (isRefusal(created)) return created
      if (created.return_value === busy && attempt === 1) await wait(busyWaitMs)
      else if (created.return_value !== 0 || created.shadow_id === null || !guid.test(created.shadow_id)) {
        return { reason: `Windows made no shadow copy of ${facts['volume'] ?? ''} (return value ${created.return_value})` }
      } else return { shadow_id: created.shadow_id }
    }
  }

  return {
    kind: 'vss',
    async locate(path, workDirectory) {
      if (host.platform !== 'win32') return { reason: 'shadow copies are made by Windows only' }
      const { text } = pathText(path)
      const volume = /^[A-Za-z]:\\/.exec(text)?.[0].toUpperCase()
      if (volume === undefined) return { reason: `${text} is on no volume with a letter; network shares have no shadow copies` }
      if (!host.isAdministrator) return { reason: 'shadow copies can be made by an administrator only', hint: 'Run as administrator.' }
      return {
        unit: {
          provider: 'vss',
          key: `vss:${volume}`,
          label: `vss:${volume}`,
          root: volume,
          filesystem: volume,
          holder: workDirectory,
          facts: { volume },
        },
        inside: toBytePath(text.slice(volume.length)),
      }
    },
    plan(unit, { runId, number }) {
      const name = `${runId}-${number}`
      return {
        provider: 'vss',
        unit: unit.label,
        name,
        root: pathText(unit.root),
        path: pathText(unit.root),
        facts: { ...unit.facts },
        identity: null,
      }
    },
    async create(records) {
      const made = []
      for (const record of records) made.push(await create(record))
      return { made, isAtomicSet: false }
    },
    async open({ identity }) {
      const shadow = await find(identity?.['shadow_id'] ?? '')
      if (isRefusal(shadow)) return shadow
      if (shadow === null) return { reason: 'the shadow copy is not there any more' }
      const check = async (): Promise<Refusal | null> => {
        const now = await find(shadow.id)
        return isRefusal(now) ? now : now === null ? { reason: 'the shadow copy is not there any more' } : null
      }
      // The backslash belongs to it: without, the path is that of the device.
      return { root: toBytePath(`${shadow.device}\\`), check, close: async () => {} }
    },
    async remove({ identity, facts }) {
      const id = identity?.['shadow_id']
      if (id === undefined) {
        return {
          reason: `a shadow copy of ${facts['volume'] ?? ''} may have been made and its id is not known`,
          hint: 'Look with "vssadmin list shadows".',
        }
      }
      const shadow = await find(id)
      if (shadow === null || isRefusal(shadow)) return shadow
      const removed = await powershell(removeScript, { BASTION_SHADOW: id })
      if (isRefusal(removed)) return removed
      const left = await find(id)
      return left === null || isRefusal(left) ? left : { reason: `the shadow copy ${id} is still there after it was removed` }
    },
  }
}

function understood<T>(schema: z.ZodType<T>, json: string): T | Refusal {
  try {
    return schema.parse(JSON.parse(json))
  } catch {
    return { reason: `PowerShell answered what cannot be understood: ${json.slice(0, 200)}` }
  }
}
