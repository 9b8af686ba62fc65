import { accountFeature } from '../features/account/account-feature.ts'
import { overviewFeature } from '../features/overview/overview-feature.ts'
import { jobsFeature } from '../features/jobs/jobs-feature.ts'
import { operationsFeature } from '../features/operations/operations-feature.ts'
import { retentionFeature } from '../features/retention/retention-feature.ts'
import { runsFeature } from '../features/runs/runs-feature.ts'
import { leasesFeature } from '../features/leases/leases-feature.ts'
import { secretsFeature } from '../features/secrets/secrets-feature.ts'
import { settingsFeature } from '../features/settings/settings-feature.ts'
import { snapshotsFeature } from '../features/snapshots/snapshots-feature.ts'
import { maintenanceFeature } from '../features/maintenance/maintenance-feature.ts'
import type { Feature } from './feature.ts'

/** Every feature, in the order of the sidebar. */
export const features: readonly Feature[] = [
  overviewFeature,
  jobsFeature,
  runsFeature,
  snapshotsFeature,
  operationsFeature,
  retentionFeature,
  secretsFeature,
  maintenanceFeature,
  leasesFeature,
  settingsFeature,
  accountFeature,
]
