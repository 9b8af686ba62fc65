import type { Component } from 'vue'
import type { TextKey } from '../../../app/texts.ts'
import RetentionPart from './retention-part.vue'
import SchedulePart from './schedule-part.vue'
import SecurityPart from './security-part.vue'
import SourcePart from './source-part.vue'
import TargetPart from './target-part.vue'

export interface EditorSection {
  key: string
  title: TextKey
  icon: string
  /** gets `draft` and `problems`, and changes the draft */
  component: Component
  /** fields it answers for, as they begin */
  fields: readonly string[]
}

/** The parts of the job editor, in the order in which one decides. */
export const editorSections: readonly EditorSection[] = [
  { key: 'source', title: 'jobs.editor.source', icon: 'i-lucide-folder-input', component: SourcePart, fields: ['name', 'node_id', 'source'] },
  {
    key: 'target',
    title: 'jobs.editor.target',
    icon: 'i-lucide-hard-drive',
    component: TargetPart,
    fields: ['target', 'pipeline.format', 'pipeline.level'],
  },
  {
    key: 'schedule',
    title: 'jobs.editor.schedule',
    icon: 'i-lucide-calendar-clock',
    component: SchedulePart,
    fields: ['schedule', 'schedule_timezone', 'overlap_policy', 'catch_up', 'retry'],
  },
  { key: 'retention', title: 'retention.title', icon: 'i-lucide-calendar-range', component: RetentionPart, fields: ['retention'] },
  { key: 'security', title: 'jobs.editor.security', icon: 'i-lucide-lock-keyhole', component: SecurityPart, fields: ['pipeline.encryption'] },
]

/** The section that answers for a field; the first one for what none has. */
export function sectionOf(path: string): EditorSection {
  return editorSections.find(({ fields }) => fields.some((field) => path === field || path.startsWith(`${field}.`))) ?? editorSections[0]!
}
