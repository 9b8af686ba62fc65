import { BastionError } from '../../../core/errors.ts'
import type { entryRoutes } from '../../../protocol/http/entry-routes.ts'
import { accessTo, artifactOf } from '../../operations/artifact-access.ts'
import { fileHistory } from '../../operations/file-history.ts'
import { nodeDownload } from '../node-download.ts'
import type { Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'

type EntryServices = Pick<HttpServices, 'store' | 'nodes' | 'streams' | 'vault' | 'newId'>

export function entryHandlers(services: EntryServices): Handlers<typeof entryRoutes> {
  const { store, nodes, vault } = services
  return {
    async search({ params: { id }, query: { query, cursor: after, limit } }, { signal }) {
      const artifact = await artifactOf(store, id)
      const asked = { kind: 'entries.search', ...(await accessTo(vault, artifact)), query, limit, ...(after !== undefined && { after }) } as const
      const { entries, next } = await nodes.request<'entries.search'>(artifact.node_id, asked, { signal })
      return { items: entries, next_cursor: next }
    },
    async downloadSelection({ params: { id }, query: { only } }, { signal }) {
      const artifact = await artifactOf(store, id)
      const access = await accessTo(vault, artifact)
      return nodeDownload(services, signal, async (stream_id) => {
        await nodes.request<'entries.pack'>(artifact.node_id, { kind: 'entries.pack', ...access, only, stream_id }, { signal })
        return { fileName: `${id}.tar` }
      })
    },
    async diff({ params: { id }, query: { before: beforeId, cursor: after, limit } }, { signal }) {
      const [now, old] = await Promise.all([artifactOf(store, id), artifactOf(store, beforeId)])
      if (now.node_id !== old.node_id) throw new BastionError('unsupported', 'artifacts of two nodes cannot be compared: neither reads the other')
      const [access, before] = await Promise.all([accessTo(vault, now), accessTo(vault, old)])
      const asked = { kind: 'entries.diff', ...access, before, limit, ...(after !== undefined && { after }) } as const
      const { changes, next } = await nodes.request<'entries.diff'>(now.node_id, asked, { signal })
      return { items: changes, next_cursor: next }
    },
    history: ({ params: { id }, query: { path, path_b64, ...page } }, { signal }) => fileHistory(services, id, { path, path_b64 }, page, signal),
  }
}
