/**
 * `present` it is there · `deleting` it shall go, and never becomes present again · `deleted` · `missing` it was gone already · `error` it cannot be deleted, or it is damaged: a person
 * should look.
 */
export const artifactStatuses = ['present', 'deleting', 'deleted', 'missing', 'error'] as const
export type ArtifactStatus = (typeof artifactStatuses)[number]
