import { createHmac, hash } from 'node:crypto'

export interface SigningIdentity {
  accessKeyId: string
  secretAccessKey: string
  /** of temporary credentials */
  sessionToken?: string | undefined
}

export interface RequestToSign {
  method: string
  /** percent-encoded, as it is sent; S3 does not encode it once more */
  path: string
  /** with `host`; names in lower case, all of them are signed */
  headers: Readonly<Record<string, string>>
  body: Uint8Array
}

/** @returns the headers to send: those given, and what proves who sends them and what body goes with them */
export type RequestSigner = (request: RequestToSign, identity: SigningIdentity, nowMs: number) => Record<string, string>

const algorithm = 'AWS4-HMAC-SHA256'

/**
 * AWS Signature Version 4 in the headers of a request without a query.
 * Source: "Create a signed AWS API request" in AWS's Identity and Access Management User Guide; for S3, "Signature Calculations for the Authorization Header" in its API reference.
 */
export function createRequestSigner({ region, service }: { region: string; service: string }): RequestSigner {
  /** A key is good for a day; that of another day or another secret takes its place. */
  let last: { day: string; secret: string; key: Buffer } | undefined

  function keyFor(secret: string, day: string): Buffer {
    if (last?.day !== day || last.secret !== secret) {
      const key = [day, region, service, 'aws4_request'].reduce<Buffer>(mac, Buffer.from(`AWS4${secret}`))
      last = { day, secret, key }
    }
    return last.key
  }

  return ({ method, path, headers: given, body }, { accessKeyId, secretAccessKey, sessionToken }, nowMs) => {
    const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '')
    const bodyHash = hash('sha256', body)
    const headers: Record<string, string> = { ...given, 'x-amz-content-sha256': bodyHash, 'x-amz-date': time }
    if (sessionToken !== undefined) headers['x-amz-security-token'] = sessionToken
    const names = Object.keys(headers).sort()
    const signed = names.join(';')
    const lines = names.map((name) => `${name}:${headers[name]!.trim().replaceAll(/\s+/g, ' ')}\n`).join('')
    const day = time.slice(0, 8)
    const scope = `${day}/${region}/${service}/aws4_request`
    const toSign = [algorithm, time, scope, hash('sha256', [method, path, '', lines, signed, bodyHash].join('\n'))].join('\n')
    const signature = mac(keyFor(secretAccessKey, day), toSign).toString('hex')
    headers['authorization'] = `${algorithm} Credential=${accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`
    return headers
  }
}

function mac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
