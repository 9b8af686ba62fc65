import { BastionError } from '../../../core/errors.ts'
import type { ageKeyRoutes } from '../../../protocol/http/age-key-routes.ts'
import { type KeptSecret, secretSchema, type secretRoutes } from '../../../protocol/http/secret-routes.ts'
import type { SecretInput } from '../../../protocol/secret-spec.ts'
import type { Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'

export function secretHandlers({ store, vault, clock }: Pick<HttpServices, 'store' | 'vault' | 'clock'>): Handlers<typeof secretRoutes> {
  async function kept(nodeId: string, name: string): Promise<KeptSecret> {
    const secret = await store.secrets.get(nodeId, name)
    if (secret === null) throw new BastionError('not_found', `the node ${nodeId} has no secret ${name}`)
    return secretSchema.parse(secret)
  }

  async function put(nodeId: string, name: string, secret: SecretInput): Promise<KeptSecret> {
    const now = clock.now()
    await store.secrets.put({ node_id: nodeId, name, ...vault.seal(nodeId, name, secret), created_at: now, updated_at: now })
    return kept(nodeId, name)
  }

  return {
    list: async ({ params: { id } }) => ({ items: (await store.secrets.listOf(id)).map((secret) => secretSchema.parse(secret)) }),
    async create({ params: { id }, body: { name, ...secret } }) {
      if ((await store.secrets.get(id, name)) !== null) {
        throw new BastionError('conflict', `the node ${id} has a secret ${name} already`, { hint: 'Replace it, or choose another name.' })
      }
      return put(id, name, secret)
    },
    get: ({ params: { id, name } }) => kept(id, name),
    async replace({ params: { id, name }, body }) {
      const { kind } = await kept(id, name)
      if (kind !== body.kind)
        throw new BastionError('conflict', `the secret ${name} is for ${kind}`, { hint: 'Make another one for the other kind of target.' })
      return put(id, name, body)
    },
    async remove({ params: { id, name } }) {
      const users = await store.jobs.usingSecret(id, name, 10)
      if (users.length > 0) {
        throw new BastionError('conflict', `the secret ${name} is used by ${users.join(', ')}`, {
          hint: 'Give these jobs another secret, or archive them.',
          details: { jobs: users },
        })
      }
      if (!(await store.secrets.remove(id, name))) throw new BastionError('not_found', `the node ${id} has no secret ${name}`)
    },
  }
}

type KeyServices = Pick<HttpServices, 'store' | 'vault' | 'accounts' | 'clock'>

export function ageKeyHandlers({ store, vault, accounts, clock }: KeyServices): Handlers<typeof ageKeyRoutes> {
  return {
    list: async () => ({ items: await store.ageKeys.list() }),
    async create({ body: { name } }) {
      if ((await store.ageKeys.get(name)) !== null)
        throw new BastionError('conflict', `there is a key ${name} already`, { hint: 'Choose another name.' })
      const { sealed: _, ...made } = await vault.makeKey(name)
      return made
    },
    async export({ params: { name }, body: { password } }, { signedIn, address }) {
      await accounts.confirm(signedIn.user, address, password)
      const key = await vault.exportKey(name)
      const exported_at = clock.now()
      await store.ageKeys.noteExported(name, exported_at)
      return { ...key, exported_at }
    },
  }
}
