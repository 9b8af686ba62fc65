import { appEn } from '../app/locales/en.ts'
import { accountEn } from '../features/account/locales/en.ts'
import { jobsEn } from '../features/jobs/locales/en.ts'
import { overviewEn } from '../features/overview/locales/en.ts'
import { operationsEn } from '../features/operations/locales/en.ts'
import { retentionEn } from '../features/retention/locales/en.ts'
import { runsEn } from '../features/runs/locales/en.ts'
import { secretsEn } from '../features/secrets/locales/en.ts'
import { targetsEn } from '../features/targets/locales/en.ts'
import { settingsEn } from '../features/settings/locales/en.ts'
import { leasesEn } from '../features/leases/locales/en.ts'
import { snapshotsEn } from '../features/snapshots/locales/en.ts'
import { maintenanceEn } from '../features/maintenance/locales/en.ts'
import { commonEn } from './common-en.ts'
import { errorsEn } from './errors-en.ts'
import { problemsEn } from './problems-en.ts'

/** Every text of the app. A feature adds its own by a line here and one in zh-cn.ts. */
export const en = {
  common: commonEn,
  errors: errorsEn,
  problems: problemsEn,
  app: appEn,
  account: accountEn,
  overview: overviewEn,
  jobs: jobsEn,
  runs: runsEn,
  operations: operationsEn,
  retention: retentionEn,
  leases: leasesEn,
  settings: settingsEn,
  targets: targetsEn,
  secrets: secretsEn,
  snapshots: snapshotsEn,
  maintenance: maintenanceEn,
}
