import { BastionError } from '../../../core/errors.ts'
import type { RunDetail } from '../../../core/run-detail.ts'
import type { runRoutes } from '../../../protocol/http/run-routes.ts'
import { accessTo, artifactOf } from '../../operations/artifact-access.ts'
import { nodeDownload } from '../node-download.ts'
import type { Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'

type RunServices = Pick<HttpServices, 'store' | 'dispatch' | 'nodes' | 'streams' | 'vault' | 'newId'>

export function runHandlers(services: RunServices): Handlers<typeof runRoutes> {
  const { store, dispatch, nodes, vault } = services

  async function detail(id: string): Promise<RunDetail> {
    const run = await store.runs.detail(id)
    if (run === null) throw new BastionError('not_found', `there is no run ${id}`)
    return run
  }

  /** What a node needs to open the artifact of a run, and which node can. */
  async function openedArtifact(id: string) {
    const artifact = await artifactOf(store, id)
    return { nodeId: artifact.node_id, opened: await accessTo(vault, artifact) }
  }

  return {
    list: ({ query: { job_id, status, ...page } }) => store.runs.list({ job_id, status }, page),
    get: ({ params: { id } }) => detail(id),
    async cancel({ params: { id } }) {
      await dispatch.cancel(id)
      return detail(id)
    },
    async events({ params: { id }, query: { after_seq, limit } }) {
      const { items } = await store.runEvents.list(id, after_seq, limit)
      if (items.length === 0) await detail(id)
      return { items }
    },
    async entries({ params: { id }, query: { prefix, prefix_b64, cursor, limit } }, { signal }) {
      const { nodeId, opened } = await openedArtifact(id)
      const place = { prefix, ...(prefix_b64 !== undefined && { prefix_b64 }), ...(cursor !== undefined && { after: cursor }), limit }
      const { entries, next } = await nodes.request<'entries.list'>(nodeId, { kind: 'entries.list', ...opened, ...place }, { signal })
      return { items: entries, next_cursor: next }
    },
    async download({ params: { id }, query: { path, path_b64 } }, { signal }) {
      const { nodeId, opened } = await openedArtifact(id)
      return nodeDownload(services, signal, async (stream_id) => {
        const asked = { kind: 'entries.download', ...opened, path, ...(path_b64 !== undefined && { path_b64 }), stream_id } as const
        const { entry } = await nodes.request<'entries.download'>(nodeId, asked, { signal })
        return { fileName: lastName(entry.path), ...(entry.size !== undefined && { sizeBytes: entry.size }) }
      })
    },
  }
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
