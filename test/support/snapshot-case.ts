import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { RunEvent } from '../../src/core/run-event.ts'
import type { SnapshotPolicy } from '../../src/engine/snapshots/choose-unit.ts'
import type { SnapshotServices } from '../../src/engine/snapshots/snapshot-services.ts'
import { openLeases } from '../../src/engine/snapshots/leases.ts'
import { createSnapshotProviders } from '../../src/engine/snapshots/registry.ts'
import { createSnapshotHost } from '../../src/engine/snapshots/snapshot-host.ts'
import type { SnapshotHost } from '../../src/engine/snapshots/snapshot-provider.ts'

/** What a node with this data directory freezes sources with; without `policy.roots` everywhere. */
export function servicesFor(dataDirectory: string, policy: Partial<SnapshotPolicy> = {}, host: Partial<SnapshotHost> = {}): SnapshotServices {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 })
  const whole = { ...createSnapshotHost(process.env['PATH'] ?? ''), ...host }
  return { host: whole, providers: createSnapshotProviders(whole), policy: { roots: ['/'], ...policy }, leases: openLeases(dataDirectory) }
}

/** The fields of the events of one kind. */
export function eventsOf(events: readonly RunEvent[], kind: RunEvent['kind']): Record<string, unknown>[] {
  return events.filter((event) => event.kind === kind).map(({ fields }) => fields)
}

/** The lease files of a data directory. */
export function leaseFiles(dataDirectory: string): string {
  return path.join(dataDirectory, 'leases')
}
