import { defineAsyncComponent, type Component } from 'vue'
import type { TextKey } from '../../app/texts.ts'

export interface JobTab {
  /** as it stands in the address: `?tab=runs` */
  key: string
  title: TextKey
  icon: string
  /** gets `job` */
  component: Component
}

/** The tabs of a job's page, in their order. */
export const jobTabs: readonly JobTab[] = [
  { key: 'overview', title: 'jobs.tab.overview', icon: 'i-lucide-gauge', component: defineAsyncComponent(() => import('./job-overview.vue')) },
  { key: 'runs', title: 'jobs.tab.runs', icon: 'i-lucide-activity', component: defineAsyncComponent(() => import('./job-runs.vue')) },
  {
    key: 'snapshots',
    title: 'snapshots.title',
    icon: 'i-lucide-archive-restore',
    component: defineAsyncComponent(() => import('../snapshots/job-snapshots.vue')),
  },
  {
    key: 'retention',
    title: 'retention.title',
    icon: 'i-lucide-calendar-range',
    component: defineAsyncComponent(() => import('../retention/job-retention.vue')),
  },
  {
    key: 'proof',
    title: 'operations.proof.tab',
    icon: 'i-lucide-life-buoy',
    component: defineAsyncComponent(() => import('../operations/job-proof.vue')),
  },
  { key: 'settings', title: 'jobs.tab.settings', icon: 'i-lucide-settings-2', component: defineAsyncComponent(() => import('./job-settings.vue')) },
]
