import { openTarget } from '../../src/engine/targets/registry.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import type { JobTargetInput } from '../../src/protocol/job-spec.ts'
import type { SecretInput } from '../../src/protocol/secret-spec.ts'
import { newBucket, radosgw, whyNoRadosgw } from './servers/radosgw.ts'
import { type WebdavKind, webdavKinds } from './servers/webdav-servers.ts'

/** Somewhere a job of a Hub can store to, and a way to look at it that is not the Hub's. */
export interface TargetPlace extends AsyncDisposable {
  readonly name: string
  /** as it stands in a job */
  readonly target: JobTargetInput
  /** the credentials it names; null: it needs none */
  readonly secret: (SecretInput & { name: string }) | null
  /** the caller closes it */
  open(): Promise<Target>
}

const clock = { now: () => Date.now() }

interface PlacesWanted {
  servers: boolean
  /** names of WebDAV servers; one when absent */
  webdav?: readonly string[]
  /** whether there is an S3 server among the servers; there is when absent */
  s3?: boolean
}

/** A folder, and WebDAV and S3 servers as far as they can be had here. @param folder where the folder is; not there yet */
export async function openTargetPlaces(
  folder: string,
  { servers, webdav = ['Apache'], s3 = true }: PlacesWanted,
): Promise<{ places: TargetPlace[]; missing: string[] }> {
  const places: TargetPlace[] = [localPlace(folder)]
  const missing: string[] = []
  if (!servers) return { places, missing }
  for (const kind of webdavKinds.filter(({ name }) => webdav.includes(name))) {
    if (kind.whyNot === undefined) places.push(await webdavPlace(kind))
    else missing.push(`WebDAV on ${kind.name}: ${kind.whyNot}.`)
  }
  if (!s3) return { places, missing }
  const noRadosgw = await whyNoRadosgw()
  if (noRadosgw === undefined) places.push(await s3Place())
  else missing.push(`S3: ${noRadosgw}.`)
  return { places, missing }
}

function localPlace(folder: string): TargetPlace {
  const target = { type: 'local_dir', path: folder } as const
  return { name: 'a folder', target, secret: null, open: () => openTarget(target, { clock }), async [Symbol.asyncDispose]() {} }
}

async function webdavPlace(kind: WebdavKind): Promise<TargetPlace> {
  const account = { username: 'ada', password: 'analytical engine' }
  const server = await kind.start({ account })
  const secretName = `dav-${kind.name.toLowerCase()}`
  const shown = { type: 'webdav', base_url: `${server.url}/place`, username: account.username } as const
  return {
    name: `WebDAV on ${kind.name}`,
    target: { ...shown, secret_name: secretName },
    secret: { name: secretName, kind: 'webdav', values: { password: account.password } },
    open: () => openTarget({ ...shown, password: account.password, timeout_s: 30 }, { clock }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

async function s3Place(): Promise<TargetPlace> {
  const server = await radosgw()
  const { accessKeyId: access_key_id, secretAccessKey: secret_access_key } = server.credentials
  const shown = { type: 's3', bucket: await newBucket(server), prefix: 'place', endpoint: server.endpoint, access_key_id } as const
  return {
    name: 'S3 on radosgw',
    target: { ...shown, secret_name: 's3' },
    secret: { name: 's3', kind: 's3', values: { secret_access_key } },
    open: () => openTarget({ ...shown, region: server.region, secret_access_key, timeout_s: 30 }, { clock }),
    async [Symbol.asyncDispose]() {},
  }
}
