import type { RouteLocationRaw } from 'vue-router'

/** A path of an artifact: to read, and its bytes where they are no UTF-8. "" is the top. */
export interface EntryPath {
  path: string
  path_b64?: string
}

export function folderAddress(runId: string, { path, path_b64 }: EntryPath): RouteLocationRaw {
  return { path: `/runs/${runId}/files`, query: { ...(path !== '' && { path }), ...(path_b64 !== undefined && { path_b64 }) } }
}

/** Where the browser itself fetches a file: large ones never pass through the page. */
export function downloadAddress(runId: string, { path, path_b64 }: EntryPath): string {
  const query = new URLSearchParams({ path, ...(path_b64 !== undefined && { path_b64 }) })
  return `/api/runs/${encodeURIComponent(runId)}/entries/download?${query.toString()}`
}

/** Where one file is restored; a path that is no text cannot be named there. */
export function restoreAddress(runId: string, { path }: Pick<EntryPath, 'path'>): RouteLocationRaw {
  return { path: `/runs/${runId}/restore`, query: { path, kind: 'file' } }
}

/** What differs in a backup from an earlier one, shown of one file. */
export function compareAddress(runId: string, { before, file }: { before: string; file: EntryPath }): RouteLocationRaw {
  return { path: `/runs/${runId}/compare`, query: { before, search: file.path } }
}

/** The folders that lead to a path, the top first, itself last. Those of odd bytes are known by their own link only. */
export function trailOf(path: string): { name: string; path: string }[] {
  const names = path.split('/').filter((name) => name !== '')
  return names.map((name, index) => ({ name, path: names.slice(0, index + 1).join('/') }))
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
