/** What can differ between two entries of one path. */
export const entryChanges = ['content', 'kind', 'mode', 'owner', 'mtime', 'target', 'xattrs'] as const
export type EntryChange = (typeof entryChanges)[number]
