import type { JobTarget } from '../../protocol/job-spec.ts'
import type { SecretStore } from '../store/secret-store.ts'
import type { NodeSessions } from './node-sessions.ts'

/** The node that works on what another one has stored: what is in a folder only its own one can reach, anything else whoever has the credentials. Null while there is none. */
export async function nodeForTarget(
  { nodes, secrets }: { nodes: Pick<NodeSessions, 'isConnected' | 'connected'>; secrets: Pick<SecretStore, 'get'> },
  { storedBy, target: { type, secret_name } }: { storedBy: string; target: JobTarget },
): Promise<string | null> {
  if (nodes.isConnected(storedBy)) return storedBy
  if (type === 'local_dir' || secret_name === undefined) return null
  for (const nodeId of nodes.connected()) if ((await secrets.get(nodeId, secret_name))?.kind === type) return nodeId
  return null
}
