import { appZhCn } from '../app/locales/zh-cn.ts'
import { accountZhCn } from '../features/account/locales/zh-cn.ts'
import { jobsZhCn } from '../features/jobs/locales/zh-cn.ts'
import { overviewZhCn } from '../features/overview/locales/zh-cn.ts'
import { operationsZhCn } from '../features/operations/locales/zh-cn.ts'
import { retentionZhCn } from '../features/retention/locales/zh-cn.ts'
import { runsZhCn } from '../features/runs/locales/zh-cn.ts'
import { secretsZhCn } from '../features/secrets/locales/zh-cn.ts'
import { targetsZhCn } from '../features/targets/locales/zh-cn.ts'
import { settingsZhCn } from '../features/settings/locales/zh-cn.ts'
import { leasesZhCn } from '../features/leases/locales/zh-cn.ts'
import { snapshotsZhCn } from '../features/snapshots/locales/zh-cn.ts'
import { maintenanceZhCn } from '../features/maintenance/locales/zh-cn.ts'
import { commonZhCn } from './common-zh-cn.ts'
import type { en } from './en.ts'
import { errorsZhCn } from './errors-zh-cn.ts'
import { problemsZhCn } from './problems-zh-cn.ts'
import type { SameKeys } from './same-keys.ts'

export const zhCn: SameKeys<typeof en> = {
  common: commonZhCn,
  errors: errorsZhCn,
  problems: problemsZhCn,
  app: appZhCn,
  account: accountZhCn,
  overview: overviewZhCn,
  jobs: jobsZhCn,
  runs: runsZhCn,
  operations: operationsZhCn,
  retention: retentionZhCn,
  leases: leasesZhCn,
  settings: settingsZhCn,
  targets: targetsZhCn,
  secrets: secretsZhCn,
  snapshots: snapshotsZhCn,
  maintenance: maintenanceZhCn,
}
